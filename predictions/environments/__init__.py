"""The environments in which files of other scikit-learn versions are opened and served. No Django in here."""

from __future__ import annotations

from predictions.environments.making import Environment, Maker
from predictions.environments.needs import Needs, needs_of
from predictions.environments.recipes import Recipe, recipe_for

__all__ = ["Environment", "Maker", "Needs", "Recipe", "needs_of", "recipe_for"]
