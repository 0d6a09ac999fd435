"""Breast cancer: 30 measurements of cell nuclei to malignant or benign."""

from __future__ import annotations

from typing import Any

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from predictions.ml.demos.measuring import class_probabilities, two_class_metrics
from predictions.ml.demos.recipe import DemoRecipe, TrainedDemo

MEASUREMENTS = {
    "radius": "Distance from the center of the nucleus to its outline.",
    "texture": "Standard deviation of the gray values.",
    "perimeter": "Length of the outline.",
    "area": "Area inside the outline.",
    "smoothness": "How much neighboring radii differ.",
    "compactness": "Perimeter² / area - 1.",
    "concavity": "How deep the dents of the outline are.",
    "concave points": "How many dents the outline has.",
    "symmetry": "How much the two halves differ.",
    "fractal dimension": "How rough the outline is: coastline approximation - 1.",
}
GROUPS = {
    "mean {}": ("Mean", "Mean of all nuclei in the picture."),
    "{} error": ("Standard error", "Standard error over all nuclei in the picture."),
    "worst {}": ("Worst", "Mean of the three largest values in the picture."),
}
UNITS_NOTE = "The source gives no units; lengths and areas are in its own picture scale."


def train() -> TrainedDemo:
    """Scaler and logistic regression; measured by cross-validation, then fitted on all 569 cases."""
    data = load_breast_cancer(as_frame=True)
    rows = data.data
    truth = data.target.map({place: str(name) for place, name in enumerate(data.target_names)}).astype(object)
    estimator = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=1000))
    shares, classes = class_probabilities(estimator, rows, truth)
    metrics = two_class_metrics(shares, classes, truth, "malignant")
    return TrainedDemo(estimator.fit(rows, truth), rows, metrics)


def _inputs() -> dict[str, dict[str, Any]]:
    edits: dict[str, dict[str, Any]] = {}
    for pattern, (group, over) in GROUPS.items():
        for measurement, meaning in MEASUREMENTS.items():
            name = pattern.format(measurement)
            label = name[0].upper() + name[1:]
            help_text = f"{meaning} {over}"
            edits[name] = {
                "label": label,
                "group": group,
                "order": len(edits),
                "help": help_text,
                "minimum": 0,
            }
    return edits


RECIPE = DemoRecipe(
    slug="breast-cancer",
    name="Breast cancer",
    description="Tells malignant from benign breast masses by 30 measurements of cell nuclei in one microscope picture.",
    train=train,
    card={
        "source": "Wolberg, Mangasarian, Street and Street (1993): Breast Cancer Wisconsin (Diagnostic), UCI Machine "
        "Learning Repository, doi:10.24432/C5DW2B. 569 cases, as they come with scikit-learn.",
        "licence": "CC BY 4.0",
        "licence_url": "https://creativecommons.org/licenses/by/4.0/",
        "intended_use": "To try this site with medical data. Not a medical device: never use it for a diagnosis.",
        "note": UNITS_NOTE + " All cases come from one hospital in the early 1990s.",
    },
    signature_edits={
        "inputs": _inputs(),
        "outputs": {
            "label": {"label": "Diagnosis", "classes": {"malignant": "malignant", "benign": "benign"}},
        },
    },
)
