"""The environments in which files of other scikit-learn versions are opened and served. No Django in here."""

from __future__ import annotations

from predictions.environments.interpreters import Interpreter, installed
from predictions.environments.making import Environment, Maker
from predictions.environments.needs import Needs, minor_of, needs_of
from predictions.environments.recipes import Recipe, recipe_for, recipes_for
from predictions.environments.tools import EnvironmentFailed, MakingStopped

__all__ = [
    "Environment",
    "EnvironmentFailed",
    "Interpreter",
    "Maker",
    "MakingStopped",
    "Needs",
    "Recipe",
    "installed",
    "minor_of",
    "needs_of",
    "recipe_for",
    "recipes_for",
]
