"""Sequence: the next number after three numbers with equal steps. The site's default."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split

from predictions.ml.demos.measuring import SEED
from predictions.ml.demos.recipe import DemoRecipe, Metric, TrainedDemo

NAMES = ("first", "second", "third")
SEQUENCES = 2000
LARGEST_START, LARGEST_STEP = 100, 20
HELD_OUT = 0.25


def sequences() -> tuple[pd.DataFrame, pd.Series]:
    """Generated integer sequences with equal steps: three numbers, and the fourth as the answer."""
    random = np.random.default_rng(SEED)
    start = random.integers(-LARGEST_START, LARGEST_START + 1, SEQUENCES)
    step = random.integers(-LARGEST_STEP, LARGEST_STEP + 1, SEQUENCES)
    rows = pd.DataFrame({name: start + place * step for place, name in enumerate(NAMES)})
    return rows, pd.Series(start + len(NAMES) * step, name="next")


def train() -> TrainedDemo:
    """Least squares; measured on a quarter of the sequences that it was not fitted on, then fitted on all."""
    rows, truth = sequences()
    estimator = LinearRegression()
    seen, unseen, known, wanted = train_test_split(rows, truth, test_size=HELD_OUT, random_state=SEED)
    error = mean_absolute_error(wanted, clone(estimator).fit(seen, known).predict(unseen))
    on = f"{len(unseen):,} generated sequences held out, answered by a fit on the other {len(seen):,}"
    return TrainedDemo(
        estimator.fit(rows, truth), rows, (Metric("Mean absolute error", round(float(error), 6), on),)
    )


RECIPE = DemoRecipe(
    slug="sequence",
    name="Sequence",
    description="Continues a sequence of three numbers with equal steps: after 1, 2, 3 comes 4.",
    train=train,
    is_default=True,
    card={
        "source": f"{SEQUENCES:,} integer sequences with equal steps, generated while it was trained.",
        "licence": "CC0 1.0",
        "licence_url": "https://creativecommons.org/publicdomain/zero/1.0/",
        "intended_use": "To try the first call of the API.",
        "note": "A linear regression: it continues steps of equal size and knows no other rule, so 1, 2, 4 is not continued "
        "with 8.",
    },
    signature_edits={
        "inputs": {
            "first": {"label": "First number", "order": 0, "kind": "number", "example": 1},
            "second": {"label": "Second number", "order": 1, "kind": "number", "example": 2},
            "third": {"label": "Third number", "order": 2, "kind": "number", "example": 3},
        },
        "outputs": {"value": {"label": "Next number", "decimals": 2}},
    },
)
