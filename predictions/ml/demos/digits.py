"""Handwritten digits: a drawing of 8 x 8 cells to the digit it shows."""

from __future__ import annotations

from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from predictions.ml.demos.measuring import SEED, rounded
from predictions.ml.demos.recipe import DemoRecipe, Metric, TrainedDemo

SIDE, DARKEST = 8, 16
HELD_OUT = 0.25


def train() -> TrainedDemo:
    """A small neural network; measured on a quarter of the drawings that it was not fitted on, then fitted on all."""
    data = load_digits(as_frame=True)
    rows, truth = data.data, data.target
    estimator = make_pipeline(
        MinMaxScaler(),
        MLPClassifier((128,), alpha=0.1, learning_rate_init=5e-3, max_iter=200, random_state=SEED, tol=1e-3),
    )
    seen, unseen, known, wanted = train_test_split(
        rows, truth, test_size=HELD_OUT, random_state=SEED, stratify=truth
    )
    answers = clone(estimator).fit(seen, known).predict(unseen)
    on = f"{len(unseen):,} drawings held out (every fourth), answered by a fit on the other {len(seen):,}"
    metrics = (Metric("Accuracy", rounded(accuracy_score(wanted, answers)), on),)
    return TrainedDemo(estimator.fit(rows, truth), rows, metrics)


def _cell(row: int, column: int) -> dict[str, object]:
    return {
        "label": f"Row {row + 1}, column {column + 1}",
        "group": f"Row {row + 1}",
        "order": row * SIDE + column,
        "minimum": 0,
        "maximum": DARKEST,
        "soft_minimum": None,
        "soft_maximum": None,
    }


RECIPE = DemoRecipe(
    slug="digits",
    name="Handwritten digits",
    description="Reads the digit that you draw on a pad of 8 by 8 cells.",
    train=train,
    card={
        "source": "Alpaydin and Kaynak (1998): Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, "
        "doi:10.24432/C50P49. The 1,797 drawings that come with scikit-learn.",
        "licence": "CC BY 4.0",
        "licence_url": "https://creativecommons.org/licenses/by/4.0/",
        "intended_use": "To try this site with a picture as input.",
        "note": "13 people wrote the digits on paper, and each of them is among the drawings it learned from; they were "
        "centered and made coarse. What you draw with a mouse looks different and is read less surely than the accuracy says.",
    },
    signature_edits={
        "inputs": {
            f"pixel_{row}_{column}": _cell(row, column) for row in range(SIDE) for column in range(SIDE)
        },
        "outputs": {"label": {"label": "Digit"}},
        "drawing": {"rows": SIDE, "columns": SIDE, "maximum": DARKEST},
    },
)
