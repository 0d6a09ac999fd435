"""An estimator whose inference takes as long as is wanted, honestly: topics found by iterating, as scikit-learn does it.

``LatentDirichletAllocation`` finds the topics of each row by iterating up to ``max_doc_update_iter`` times; with a tolerance
of 0 it never stops earlier, so the time of a row is that number times what one iteration takes on this machine. It has
no ONNX form: the site serves it from its own library in a confined process.
"""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path

import joblib
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler
from threadpoolctl import threadpool_limits

from benchmarks.cases import Subject

TOPICS = 50
SAMPLE_ROWS = 5
"""Few: a build asks for each of them several times."""
TRIAL_ITERATIONS = 20_000


@dataclass(frozen=True)
class Slow:
    """A subject and what a row of it takes here: seconds of an idle core, label and probabilities together."""

    subject: Subject
    seconds: float


def train(folder: Path, *, name: str, seconds: float) -> Slow:
    """Fit it, set it to take ``seconds`` a row on this machine, and write its file and sample into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    data = load_breast_cancer(as_frame=True)
    topics = LatentDirichletAllocation(n_components=TOPICS, max_iter=2, mean_change_tol=0.0, random_state=0)
    estimator = make_pipeline(MinMaxScaler(clip=True), topics, LogisticRegression())
    topics.max_doc_update_iter = 20
    estimator.fit(data.data, data.target)
    row = data.data[:1]
    topics.max_doc_update_iter = TRIAL_ITERATIONS
    topics.max_doc_update_iter = max(round(TRIAL_ITERATIONS * seconds / _seconds_of(estimator, row)), 20)
    file, sample = folder / f"{name}.joblib", folder / f"{name}.csv"
    joblib.dump(estimator, file)
    rows = tuple(tuple(values) for values in data.data.to_numpy().tolist())
    _write(sample, list(data.data.columns), rows[:SAMPLE_ROWS])
    asked = data.data[:SAMPLE_ROWS]
    subject = Subject(
        name=name,
        file=file,
        sample=sample,
        features=tuple(data.data.columns),
        rows=rows,
        labels=tuple(estimator.predict(asked).tolist()),
        probabilities=tuple(tuple(shares) for shares in estimator.predict_proba(asked).tolist()),
    )
    return Slow(subject, _seconds_of(estimator, row))


def _seconds_of(estimator: Pipeline, row: object) -> float:
    taken = []
    with threadpool_limits(1):
        for _ in range(3):
            begun = time.perf_counter()
            # The site asks for both, and topics are found anew for each.
            estimator.predict(row)
            estimator.predict_proba(row)
            taken.append(time.perf_counter() - begun)
    return min(taken)


def _write(file: Path, names: list[str], rows: tuple[tuple[float, ...], ...]) -> None:
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(names)
        writer.writerows(rows)
