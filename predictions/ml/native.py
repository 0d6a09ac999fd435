"""The original library answers. Used inside the sandbox: for parity, and to serve what cannot become ONNX."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from predictions.errors import ModelFailed
from predictions.ml.anatomy import require_estimator, takes_texts, use_one_job
from predictions.ml.answers import ClassLookup, class_answers, json_safe, value_answers
from predictions.ml.categories import category_columns
from predictions.ml.encoders import missing_markers
from predictions.ml.frames import to_array, to_frame, to_texts
from predictions.ml.known_inputs import input_count, input_names
from predictions.ml.units import UnitFile, open_unit
from predictions.portable import RawAnswer, Value, pairs
from predictions.signature.fields import Signature


class EstimatorRuntime:
    """A fitted scikit-learn estimator fed with rows in signature order."""

    def __init__(self, estimator: Any, signature: Signature) -> None:
        use_one_job(estimator)
        self._estimator = estimator
        self._signature = signature
        self._lookup = ClassLookup(signature.main_output)
        self._texts = takes_texts(estimator)
        names = input_names(estimator)
        if names is None and input_count(estimator) is None:
            names = list(signature.names)
        self._names = None if self._texts else names
        self._categories = category_columns(estimator)
        self._unused = {place for place, field in enumerate(signature.inputs) if not field.used}
        self._markers = missing_markers(estimator)

    def predict(self, rows: Sequence[Sequence[Value]]) -> list[RawAnswer]:
        """One answer per row, in order. Raises ModelFailed when the estimator raises on any of them."""
        if not rows:
            return []
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return self._answers(self._table(rows))
            except ModelFailed:
                raise
            except Exception as error:
                raise ModelFailed("This version could not answer these values; check the inputs.") from error

    def margins(self, rows: Sequence[Sequence[Value]]) -> list[float | None]:
        """How far each row is from getting another class: the lead in probability, decision value or distance.

        None where the estimator does not say.
        """
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for name in ("predict_proba", "decision_function", "transform"):
                with suppress(Exception):
                    return _leads(
                        np.asarray(getattr(self._estimator, name)(self._table(rows)), dtype=float), name
                    )
        return [None] * len(rows)

    def close(self) -> None:
        """Nothing to give back: the process that holds the estimator ends."""

    def _table(self, rows: Sequence[Sequence[Value]]) -> Any:
        if self._texts:
            return to_texts(rows)
        if self._unused:
            rows = [self._only_numbers_unused(row) for row in rows]
        if self._names is not None:
            return to_frame(rows, self._signature.inputs, self._names, self._markers, self._categories)
        return to_array(rows, self._signature.inputs, self._markers)

    def _only_numbers_unused(self, row: Sequence[Value]) -> list[Value]:
        """Words in a column that nothing looks at would only stand in the way of a table of numbers."""
        return [
            None if place in self._unused and not isinstance(value, (int, float)) else value
            for place, value in enumerate(row)
        ]

    def _answers(self, table: Any) -> list[RawAnswer]:
        found = np.asarray(self._estimator.predict(table))
        if self._signature.task == "other":
            names = [output.name for output in self._signature.outputs]
            lists = json_safe(found.reshape(len(found), -1))
            return [RawAnswer(outputs=dict(pairs(names, row))) for row in lists]
        output = self._signature.main_output
        if output.kind != "class":
            return value_answers(found)
        shares = np.asarray(self._estimator.predict_proba(table)) if output.probabilities else None
        scores = None
        if self._signature.task == "outlier" and hasattr(self._estimator, "decision_function"):
            scores = np.asarray(self._estimator.decision_function(table))
        return class_answers(found, shares, self._lookup, scores)


def _leads(scores: Any, name: str) -> list[float | None]:
    if scores.ndim == 1 or scores.shape[1] == 1:
        return [float(abs(score)) for score in scores.reshape(-1)]
    ordered = np.sort(scores, axis=1)
    lead = ordered[:, 1] - ordered[:, 0] if name == "transform" else ordered[:, -1] - ordered[:, -2]
    return [float(value) for value in lead]


def load_native(path: Path, file_format: str, signature: Signature) -> EstimatorRuntime:
    """Open a file that a build accepted and make it answer. Raises BadModelFile as the build would."""
    return load_unit([UnitFile(path.name, path, file_format)], signature)


def load_unit(files: Sequence[UnitFile], signature: Signature, order: Sequence[str] = ()) -> EstimatorRuntime:
    """As ``load_native``, for all files of a unit."""
    estimator = open_unit(files, order).estimator
    require_estimator(estimator)
    return EstimatorRuntime(estimator, signature)
