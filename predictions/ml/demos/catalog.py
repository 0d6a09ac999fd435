"""All demos, the quickest first."""

from __future__ import annotations

from predictions.ml.demos import breast_cancer, diabetes, digits, german_credit, line, sequence
from predictions.ml.demos.recipe import DemoRecipe


def recipes() -> tuple[DemoRecipe, ...]:
    """Every demo. Importing this module imports scikit-learn, so only workers do."""
    return (
        sequence.RECIPE,
        line.RECIPE,
        breast_cancer.RECIPE,
        diabetes.RECIPE,
        german_credit.RECIPE,
        digits.RECIPE,
    )
