"""Diabetes progression: ten values at the start to a measure of the disease one year later."""

from __future__ import annotations

from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from predictions.ml.demos.measuring import regression_metrics
from predictions.ml.demos.recipe import DemoRecipe, TrainedDemo

NAMES = {
    "age": "age",
    "sex": "sex",
    "bmi": "bmi",
    "bp": "blood_pressure",
    "s1": "total_cholesterol",
    "s2": "ldl",
    "s3": "hdl",
    "s4": "cholesterol_ratio",
    "s5": "log_triglycerides",
    "s6": "blood_sugar",
}
PERSON, BLOOD = "Person", "Blood"


def train() -> TrainedDemo:
    """Scaler and ridge regression; measured by cross-validation, then fitted on all 442 cases."""
    data = load_diabetes(as_frame=True, scaled=False)
    rows = data.data.rename(columns=NAMES)
    estimator = make_pipeline(StandardScaler(), Ridge(alpha=10.0))
    metrics = regression_metrics(estimator, rows, data.target)
    return TrainedDemo(estimator.fit(rows, data.target), rows, metrics)


RECIPE = DemoRecipe(
    slug="diabetes-progression",
    name="Diabetes progression",
    description="Estimates how far diabetes has progressed one year after ten values were taken.",
    train=train,
    card={
        "source": "Efron, Hastie, Johnstone and Tibshirani (2004): Least Angle Regression, Annals of Statistics 32. "
        "442 patients, as they come with scikit-learn, in their original scale.",
        "licence": "No licence stated by the source; distributed with scikit-learn (BSD-3-Clause)",
        "licence_url": "https://github.com/scikit-learn/scikit-learn/blob/main/COPYING",
        "intended_use": "To try this site with a regression. Not a medical device: never use it for a treatment.",
        "note": "The source names the values but not their units; those shown are the usual ones for numbers of this size. "
        "The answer is the source's own score, from 25 (hardly any progression) to 346.",
    },
    signature_edits={
        "inputs": {
            "age": {
                "label": "Age",
                "unit": "years",
                "group": PERSON,
                "order": 0,
                "kind": "integer",
                "minimum": 0,
                "maximum": 120,
            },
            "sex": {
                "label": "Sex",
                "group": PERSON,
                "order": 1,
                "kind": "choice",
                "choices": [{"value": 1, "label": "Code 1"}, {"value": 2, "label": "Code 2"}],
                "help": "As coded in the source, which does not say which code is which sex.",
            },
            "bmi": {"label": "Body mass index", "unit": "kg/m²", "group": PERSON, "order": 2, "minimum": 5},
            "blood_pressure": {
                "label": "Average blood pressure",
                "unit": "mmHg",
                "group": PERSON,
                "order": 3,
                "minimum": 20,
            },
            "total_cholesterol": {
                "label": "Total cholesterol",
                "unit": "mg/dl",
                "group": BLOOD,
                "order": 4,
                "minimum": 0,
            },
            "ldl": {"label": "LDL cholesterol", "unit": "mg/dl", "group": BLOOD, "order": 5, "minimum": 0},
            "hdl": {"label": "HDL cholesterol", "unit": "mg/dl", "group": BLOOD, "order": 6, "minimum": 0},
            "cholesterol_ratio": {
                "label": "Total cholesterol / HDL",
                "group": BLOOD,
                "order": 7,
                "minimum": 0,
                "help": "A ratio without a unit.",
            },
            "log_triglycerides": {
                "label": "Triglycerides, logarithm",
                "group": BLOOD,
                "order": 8,
                "minimum": 0,
                "help": "Probably the natural logarithm of triglycerides in mg/dl; the source is not sure itself.",
            },
            "blood_sugar": {
                "label": "Blood sugar",
                "unit": "mg/dl",
                "group": BLOOD,
                "order": 9,
                "minimum": 0,
            },
        },
        "outputs": {"value": {"label": "Progression after one year", "unit": "points", "decimals": 0}},
    },
)
