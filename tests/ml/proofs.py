"""Proving an estimator as a build does, and estimators whose answers a test says."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from predictions.ml.generated_rows import check_rows
from predictions.ml.inspection import inspect_closely
from predictions.ml.native import EstimatorRuntime
from predictions.ml.proving import prove
from predictions.ml.proving_subjects import estimator_subject
from predictions.ml.table import read_table
from tests.ml.estimators import IRIS, IRIS_TARGET, sample_of

CODES = [
    "loads",
    "predicts",
    "probabilities",
    "classes",
    "finite",
    "determinism",
    "missing",
    "unseen",
    "ranges",
    "constant",
    "accuracy",
]


class Strange(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted classifier whose answers a test says."""

    def __init__(self, shares: Any = None, labels: Any = None) -> None:
        self.shares = shares
        self.labels = labels

    def fit(self, table: Any, target: Any) -> Strange:
        self.classes_ = np.unique(target)
        self.n_features_in_ = np.asarray(table).shape[1]
        return self

    def predict_proba(self, table: Any) -> Any:
        return self.shares(np.asarray(table, dtype=float))

    def predict(self, table: Any) -> Any:
        if self.labels is not None:
            return self.labels(np.asarray(table, dtype=float))
        return self.classes_[self.predict_proba(table).argmax(axis=1)]


class StrangeNumbers(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A fitted regressor whose answers a test says."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def fit(self, table: Any, target: Any) -> StrangeNumbers:
        self.n_features_in_ = np.asarray(table).shape[1]
        return self

    def predict(self, table: Any) -> Any:
        return self.values(np.asarray(table, dtype=float))


def proof_of(estimator: Any, sample: Any = None, **more: Any) -> dict[str, dict[str, Any]]:
    """The checks by code, on the original runtime alone."""
    table = read_table(sample) if sample else None
    inspection = inspect_closely(estimator, table)
    runtime = EstimatorRuntime(estimator, inspection.signature)
    rows = check_rows(inspection.signature, inspection.columns, inspection.rows)
    subject = estimator_subject(estimator, inspection, runtime, None, rows, table)
    document = prove(subject, **more)
    assert json.loads(json.dumps(document)) == document
    assert [check["code"] for check in document["checks"]] == CODES
    assert all(check["message"].endswith(".") for check in document["checks"])
    return {check["code"]: check for check in document["checks"]}


def verdicts(checks: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {code: check["verdict"] for code, check in checks.items()}


def iris_sample(folder: Any, target: Any = IRIS_TARGET, name: str = "species", factor: float = 1.0) -> Any:
    frame = pd.DataFrame(IRIS * factor, columns=["a", "b", "c", "d"])
    if name:
        frame[name] = target
    return sample_of(frame.sample(frac=1, random_state=0), folder, 150)


def shares_of(first: Any) -> Any:
    return lambda table: np.column_stack([first(table), 1 - first(table)])


def half(table: Any) -> Any:
    """Some number between 0 and 1 that depends on the row."""
    return 1 / (1 + np.exp(-np.clip(np.nan_to_num(table).sum(axis=1) - 10, -30, 30)))
