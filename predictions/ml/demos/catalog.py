"""All demos, in the order the start page shows them."""

from __future__ import annotations

from predictions.ml.demos import breast_cancer, diabetes, digits, german_credit, line, sequence
from predictions.ml.demos.recipe import DemoRecipe


def recipes() -> tuple[DemoRecipe, ...]:
    """Every demo. Importing this module imports scikit-learn, so only workers do."""
    return (
        breast_cancer.RECIPE,
        german_credit.RECIPE,
        diabetes.RECIPE,
        digits.RECIPE,
        line.RECIPE,
        sequence.RECIPE,
    )
