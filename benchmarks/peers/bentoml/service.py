"""A BentoML service with adaptive batching, as its documentation writes one."""

from __future__ import annotations

import os

import bentoml
import joblib
import numpy as np


@bentoml.service(metrics={"enabled": False})
class Subject:
    """Probabilities by row, in class order."""

    def __init__(self) -> None:
        self.estimator = joblib.load(os.environ["SUBJECT_FILE"])

    @bentoml.api(batchable=True)
    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """One vectorised call for the requests that wait together."""
        return self.estimator.predict_proba(inputs)
