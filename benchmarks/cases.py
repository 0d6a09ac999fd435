"""The same two estimators and the same 569 cases for everybody: breast cancer data, 30 numbers each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Row = Sequence[float]

TITLES = {"forest": "Random forest, 100 trees", "logistic": "Scaler + logistic regression"}


@dataclass(frozen=True)
class Subject:
    """One trained estimator on disk with what it answers in its own library.

    ``labels`` and ``probabilities`` (one list per row, in class order) are scikit-learn's for ``rows``.
    """

    name: str
    file: Path
    sample: Path
    features: tuple[str, ...]
    rows: tuple[Row, ...]
    labels: tuple[int, ...]
    probabilities: tuple[tuple[float, ...], ...]

    @property
    def title(self) -> str:
        """What tables call it."""
        return TITLES[self.name]


def train(folder: Path) -> dict[str, Subject]:
    """Fit both estimators, write ``<name>.joblib`` and ``rows.csv`` into ``folder``, and return them by name."""
    folder.mkdir(parents=True, exist_ok=True)
    data = load_breast_cancer(as_frame=True)
    sample = folder / "rows.csv"
    data.data.to_csv(sample, index=False)
    estimators = {
        "forest": RandomForestClassifier(n_estimators=100, random_state=0),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    }
    subjects = {}
    for name, estimator in estimators.items():
        estimator.fit(data.data, data.target)
        # Peers hand plain arrays over; a forest fitted on a frame would warn about missing names each time.
        answers = estimator.predict_proba(data.data)
        file = folder / f"{name}.joblib"
        joblib.dump(estimator, file)
        subjects[name] = Subject(
            name=name,
            file=file,
            sample=sample,
            features=tuple(data.data.columns),
            rows=tuple(tuple(row) for row in data.data.to_numpy().tolist()),
            labels=tuple(estimator.predict(data.data).tolist()),
            probabilities=tuple(tuple(row) for row in answers.tolist()),
        )
    return subjects
