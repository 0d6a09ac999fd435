"""How good an estimator is on rows it was not fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score, roc_auc_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict

from predictions.ml.demos.recipe import Metric

FOLDS = 5
SEED = 0
DIGITS = 3


def rounded(value: float, digits: int = DIGITS) -> float:
    """A measured number as a card shows it."""
    return round(float(value), digits)


def of_all(rows: int) -> str:
    """Which rows cross-validation measured on, in words."""
    return f"{FOLDS}-fold cross-validation, all {rows:,} cases, each answered by a fit that had not seen it"


def class_probabilities(
    estimator: Any, rows: pd.DataFrame, truth: pd.Series
) -> tuple[np.ndarray[Any, Any], list[Any]]:
    """Cross-validated probabilities [n, k], each row by a fit without it, and the classes in their order."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    shares = cross_val_predict(clone(estimator), rows, truth, cv=folds, method="predict_proba")
    return np.asarray(shares), sorted(truth.unique())


def two_class_metrics(
    shares: np.ndarray[Any, Any], classes: list[Any], truth: pd.Series, positive: str
) -> tuple[Metric, ...]:
    """Accuracy, the accuracy of always naming the larger class, area under the ROC curve, and recall of ``positive``."""
    on = of_all(len(truth))
    named = np.asarray(classes)[shares.argmax(axis=1)]
    is_positive = (truth == positive).to_numpy()
    found = (named == positive) & is_positive
    return (
        Metric("Accuracy", rounded(accuracy_score(truth, named)), on),
        Metric(
            "Accuracy of always naming the larger class",
            rounded(truth.value_counts(normalize=True).max()),
            "all cases",
        ),
        Metric(
            "Area under the ROC curve",
            rounded(roc_auc_score(is_positive, shares[:, classes.index(positive)])),
            on,
        ),
        Metric(f"Share of {positive} cases that are found", rounded(found.sum() / is_positive.sum()), on),
    )


def regression_metrics(estimator: Any, rows: pd.DataFrame, truth: pd.Series) -> tuple[Metric, ...]:
    """Mean absolute error, that of always answering the median, and R2."""
    folds = KFold(FOLDS, shuffle=True, random_state=SEED)
    answers = cross_val_predict(clone(estimator), rows, truth, cv=folds)
    on = of_all(len(truth))
    plain = np.abs(truth - truth.median()).mean()
    return (
        Metric("Mean absolute error", rounded(mean_absolute_error(truth, answers), 1), on),
        Metric("Mean absolute error of always answering the median", rounded(plain, 1), "all cases"),
        Metric("R²", rounded(r2_score(truth, answers)), on),
    )
