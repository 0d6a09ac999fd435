"""Demo ML models on real data: recipes in words, trained by our own code when they are loaded. Nothing is downloaded."""

from __future__ import annotations

from predictions.ml.demos.catalog import recipes
from predictions.ml.demos.recipe import DemoRecipe, Metric, TrainedDemo

__all__ = ["DemoRecipe", "Metric", "TrainedDemo", "recipes"]
