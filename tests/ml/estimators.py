"""Data and small helpers for tests of the ml room: real estimators, saved and built as a sandbox would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from predictions.ml.building import build_from_file
from predictions.ml.plan import Plan
from predictions.ml.runtimes import OnnxRuntime
from predictions.signature.fields import Signature

CANCER, CANCER_TARGET = load_breast_cancer(as_frame=True, return_X_y=True)
IRIS, IRIS_TARGET = load_iris(return_X_y=True)
DIABETES, DIABETES_TARGET = load_diabetes(as_frame=True, return_X_y=True)

_random = np.random.default_rng(3)
_COUNT = 300
PEOPLE = pd.DataFrame(
    {
        "age": _random.integers(18, 90, _COUNT),
        "income": _random.lognormal(8, 1, _COUNT).round(2),
        "city": _random.choice(["Rome", "Oslo", "Bonn"], _COUNT),
        "plan": _random.choice(["a", "b", "c", "d"], _COUNT),
        "children": _random.integers(0, 4, _COUNT),
        "member": _random.choice([True, False], _COUNT),
    }
)
LOYAL = np.where((PEOPLE.age > 50) ^ (PEOPLE.city == "Rome"), "yes", "no")
SPENT = PEOPLE.income / 100 + PEOPLE.age

GAPPY = PEOPLE.copy()
GAPPY.loc[::9, "city"] = np.nan
GAPPY.loc[::7, "income"] = np.nan

REVIEWS = [
    "Good movie, liked it",
    "bad film; boring",
    "great acting and good story",
    "awful plot, bad",
    "nice good fun",
    "terrible boring bad",
    "loved it, great",
    "hated it: awful",
] * 8
MOODS = ["glad", "sad"] * 32

NUMBERS, WORDS = ["age", "income"], ["city", "plan"]


def columns(numeric: Any, textual: Any, **more: Any) -> ColumnTransformer:
    """Age and income through ``numeric``, city and plan through ``textual``."""
    return ColumnTransformer([("numbers", numeric, NUMBERS), ("words", textual, WORDS)], **more)


def saved(estimator: Any, folder: Path) -> Path:
    """The estimator as a joblib file."""
    path = folder / "estimator.joblib"
    joblib.dump(estimator, path)
    return path


def sample_of(frame: pd.DataFrame, folder: Path, rows: int = 120) -> Path:
    """The head of a frame as a CSV."""
    path = folder / "sample.csv"
    frame.head(rows).to_csv(path, index=False)
    return path


class Built:
    """One build: its document, what was said, and the artifact's runtime."""

    def __init__(self, estimator: Any, folder: Path, sample: Path | None = None, **more: Any) -> None:
        self.said: list[tuple[str, str]] = []
        self.folder = folder
        self.document = build_from_file(
            source=saved(estimator, folder),
            file_format="joblib",
            sample=sample,
            out=folder,
            say=lambda step, message: self.said.append((step, message)),
            **more,
        )
        self.signature = Signature.from_document(self.document["signature"])
        self.report = self.document["report"]

    def runtime(self) -> OnnxRuntime:
        """The artifact, loaded as a worker loads it."""
        data = (self.folder / self.document["artifact"]).read_bytes()
        return OnnxRuntime(data, Plan.from_document(self.document["plan"]), self.signature)


def answers_of(runtime: Any, rows: list[tuple[Any, ...]]) -> list[Any]:
    """What a runtime answers, as loosely typed as a test needs it."""
    return list(runtime.predict(rows))


def rows_of(table: Any) -> list[tuple[Any, ...]]:
    """Rows of a frame or array as plain values, None where missing."""
    values = (
        table.astype(object).to_numpy()
        if isinstance(table, pd.DataFrame)
        else np.asarray(table, dtype=object)
    )
    return [
        tuple(
            None if value is None or value != value else value.item() if hasattr(value, "item") else value
            for value in row
        )
        for row in values
    ]


def lenient(**more: Any) -> OneHotEncoder:
    """An encoder that takes categories it never saw."""
    return OneHotEncoder(handle_unknown="ignore", **more)


def filled(strategy: str, then: Any, **more: Any) -> Pipeline:
    """Missing values filled in, then the next step."""
    return make_pipeline(SimpleImputer(strategy=strategy, **more), then)


def fresh(table: Any, seed: int = 9, count: int = 150) -> Any:
    """Rows that no build has seen: each column shuffled by itself, numbers moved a little."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(table)
    made = {name: random.choice(frame[name].to_numpy(), count) for name in frame.columns}
    for name in frame.columns:
        if frame[name].dtype.kind == "f":
            made[name] = made[name] * random.uniform(0.8, 1.2, count)
    shuffled = pd.DataFrame(made)
    return shuffled if isinstance(table, pd.DataFrame) else shuffled.to_numpy()


def assert_same_classes(built: Built, estimator: Any, table: Any) -> None:
    """Hold classes and probabilities of an artifact to the estimator's own."""
    answers = answers_of(built.runtime(), rows_of(table))
    values = [name.value for name in built.signature.main_output.classes]
    assert [values[answer.class_index] for answer in answers] == estimator.predict(table).tolist()
    if built.signature.main_output.probabilities:
        ours = np.array([answer.probabilities for answer in answers])
        np.testing.assert_allclose(ours, estimator.predict_proba(table), atol=1e-5)
