"""Line: the straight line through four points."""

from __future__ import annotations

import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from predictions.ml.demos.recipe import DemoRecipe, Metric, TrainedDemo

TABLE = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [2.0, 4.0, 6.0, 8.0]})
NOISE = 1e-9
"""Least squares in double precision leaves about 1e-15 where the exact answer is 0."""


def train() -> TrainedDemo:
    """Least squares through the table; each point is answered by a fit on the other three for the measured error."""
    rows, truth = TABLE[["x"]], TABLE["y"]
    error = mean_absolute_error(truth, cross_val_predict(LinearRegression(), rows, truth, cv=LeaveOneOut()))
    estimator = LinearRegression().fit(rows, truth)
    metric = Metric(
        "Mean absolute error", round(float(error), 6), "each of the 4 points, by a fit on the other 3"
    )
    return TrainedDemo(estimator, rows, (metric,), equation_of(estimator))


def equation_of(estimator: LinearRegression) -> str:
    """The fitted line as people write it, such as ``y = 2x + 0``."""
    slope, constant = float(estimator.coef_[0]), float(estimator.intercept_)
    sign = "-" if constant < -NOISE else "+"
    return f"y = {_number(slope)}x {sign} {_number(abs(constant))}"


def _number(value: float) -> str:
    return f"{0.0 if abs(value) < NOISE else value:.6g}"


RECIPE = DemoRecipe(
    slug="line",
    name="Line",
    description="Fits a straight line through the points (1, 2), (2, 4), (3, 6) and (4, 8).",
    train=train,
    card={
        "source": "A table of four points, written down in this demo.",
        "licence": "CC0 1.0",
        "licence_url": "https://creativecommons.org/publicdomain/zero/1.0/",
        "intended_use": "To see a whole ML model at one glance.",
        "note": "The points lie on one line, so least squares finds it exactly, and 5 is answered with 10. "
        "5 lies outside the four points, which the answer says as a warning.",
    },
    signature_edits={
        "inputs": {"x": {"label": "x", "example": 5}},
        "outputs": {"value": {"label": "y", "decimals": 2}},
    },
)
