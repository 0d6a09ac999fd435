"""Answers to many rows: one vectorised call after the other, and what of each answer goes where."""

from __future__ import annotations

import csv
import io
import json
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from predictions.errors import ModelFailed, TryLater
from predictions.ml.answers import Columns
from predictions.registry import Runtime
from predictions.selectors.spreadsheets import safe
from predictions.signature.answers import labels_of, namer_of, outcome_of, score_and_margin
from predictions.signature.fields import Signature
from predictions.values import Value

Array = np.ndarray[Any, Any]
Rows = Sequence[Sequence[Value]] | Array

CALL_SECONDS = 0.5
"""A call of about this long is worth its overhead, and lets a cancelled job stop soon."""
_FIRST_ROWS = 8
_NULL = struct.pack(">i", -1)
_encode = msgspec.json.Encoder().encode
_float = struct.Struct(">id").pack


@dataclass(slots=True)
class Answers:
    """By row: what is stored (``outputs``), the cells of the result, and outcome, score and margin as COPY takes them.

    ``failed``: by number of the row the sentence about it; such a row has empty entries.
    """

    outputs: list[dict[str, Any]] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)
    summaries: list[bytes] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)

    def fail(self, message: str) -> None:
        """The next row has no answer."""
        self.failed[len(self.outputs)] = message
        self.outputs.append({})
        self.cells.append("")
        self.summaries.append(b"")


class Answerer:
    """One runtime behind one signature. ``look`` is called between calls; what it raises ends the work."""

    def __init__(
        self, runtime: Runtime, signature: Signature, *, delimiter: str, look: Callable[[], object]
    ) -> None:
        self._runtime = runtime
        self._columns: Callable[[Rows], Columns | None] = getattr(runtime, "predict_columns", _no_columns)
        if signature.changes_answers:
            self._columns = _no_columns
        self._name = namer_of(signature)
        self._look = look
        self._size = _FIRST_ROWS
        self._cell = cell_writer(delimiter)
        self._delimiter = delimiter
        self._labels = labels_of(signature)
        self._keys = tuple(str(label) for label in self._labels)
        self._label_cells = [self._cell(label) for label in self._labels]
        self._outcomes = [_text(outcome_of({"label": label})) for label in self._labels]
        self._names = answer_columns(signature)
        self._task = signature.task
        self._output_names = [output.name for output in signature.outputs]

    def answer(self, rows: Rows) -> Answers:
        """Every row in order; one that the estimator fails on has the reason instead of an answer."""
        answers = Answers()
        begin = 0
        while begin < len(rows):
            some = rows[begin : begin + self._size]
            started = time.monotonic()
            self._add(answers, some)
            self._resize(len(some), time.monotonic() - started)
            begin += len(some)
            self._look()
        return answers

    def _resize(self, rows: int, seconds: float) -> None:
        if seconds < CALL_SECONDS / 4:
            self._size = max(self._size, rows * 4)
        elif seconds > CALL_SECONDS * 2:
            self._size = max(1, min(self._size, rows) // 4)

    def _add(self, answers: Answers, rows: Rows) -> None:
        """Where a call fails, halves are tried, so that one bad row costs its neighbors nothing."""
        try:
            columns = self._columns(rows)
            if columns is None or not self._add_columns(answers, columns):
                self._add_rows(answers, rows)
        except (ModelFailed, TryLater) as error:
            if len(rows) == 1:
                answers.fail(error.message)
                return
            self._look()
            half = len(rows) // 2
            self._add(answers, rows[:half])
            self._add(answers, rows[half:])

    def _add_rows(self, answers: Answers, rows: Rows) -> None:
        plain = rows.tolist() if isinstance(rows, np.ndarray) else rows
        found = self._runtime.predict(plain)
        if len(found) != len(rows):
            raise ModelFailed("This ML model did not answer each case. Its owner needs to look at it.")
        for raw in found:
            outputs = self._name(raw)
            score, margin = score_and_margin(outputs)
            answers.outputs.append(outputs)
            answers.cells.append(self._delimiter.join(self._cells_of(outputs)))
            answers.summaries.append(_text(outcome_of(outputs)) + _number(score) + _number(margin))

    def _cells_of(self, outputs: dict[str, Any]) -> Iterator[str]:
        if "label" in outputs:
            yield self._cell(outputs["label"])
            shares = outputs.get("probabilities") or {}
            names = self._keys if len(self._names) > 1 and self._task != "outlier" else ()
            yield from (self._cell(shares.get(name)) for name in names)
            if self._task == "outlier":
                yield self._cell(outputs.get("score"))
        elif "value" in outputs:
            value = outputs["value"]
            values = value if isinstance(value, list) else [value]
            padded = [*values, *[None] * len(self._names)][: len(self._names)]
            yield from (self._cell(item) for item in padded)
        else:
            found = outputs.get("outputs") or {}
            yield from (self._cell(found.get(name)) for name in self._output_names)

    def _add_columns(self, answers: Answers, columns: Columns) -> bool:
        """The same for answers side by side. False where these have to go the long way."""
        if columns.values is not None:
            return self._add_values(answers, columns.values)
        if columns.places is None or len(set(self._keys)) != len(self._keys) or self._task == "outlier":
            return False
        places = columns.places.tolist()
        if columns.shares is None:
            if len(self._names) > 1:
                return False
            answers.outputs += [{"label": self._labels[place]} for place in places]
            answers.cells += [self._label_cells[place] for place in places]
            answers.summaries += [self._outcomes[place] + _NULL + _NULL for place in places]
            return True
        self._add_shares(answers, places, columns.shares)
        return True

    def _add_shares(self, answers: Answers, places: list[int], table: Array) -> None:
        shares = table.tolist()
        labels, keys, between = self._labels, self._keys, self._delimiter
        answers.outputs += [
            {"label": labels[place], "probabilities": dict(zip(keys, row, strict=True))}
            for place, row in zip(places, shares, strict=True)
        ]
        cells = self._label_cells
        # Numbers of JSON are numbers of CSV, and written several times as fast as by repr().
        figures_of = _encode(shares).decode()[2:-2].replace(",", between).split(f"]{between}[")
        answers.cells += [
            f"{cells[place]}{between}{figures}" for place, figures in zip(places, figures_of, strict=True)
        ]
        figures, outcomes = _figures(table), self._outcomes
        answers.summaries += [
            outcomes[place] + figures[24 * number : 24 * number + 24] for number, place in enumerate(places)
        ]

    def _add_values(self, answers: Answers, values: Array) -> bool:
        if values.ndim != 1 or len(self._names) != 1:
            return False
        for value in values.tolist():
            outputs = {"value": value}
            answers.outputs.append(outputs)
            answers.cells.append(repr(value))
            answers.summaries.append(_text(outcome_of(outputs)) + _float(8, value) + _NULL)
        return True


def _no_columns(rows: Rows) -> Columns | None:
    """For answers that each need a closer look."""
    del rows
    return None


def answer_columns(signature: Signature) -> tuple[str, ...]:
    """What the columns of an answer are called, by task."""
    output = signature.main_output
    if signature.task == "regression":
        names = [item.name for item in signature.outputs]
        return ("value",) if len(names) == 1 else tuple(f"value.{name}" for name in names)
    if signature.task == "other":
        return tuple(f"output.{item.name}" for item in signature.outputs)
    if signature.task == "outlier":
        return ("outcome", "score")
    shares = tuple(f"probability.{label}" for label in labels_of(signature)) if output.probabilities else ()
    return ("outcome", *shares)


def cell_writer(delimiter: str) -> Callable[[object], str]:
    """A function from a value to its cell: numbers in full, texts such that no spreadsheet takes them for a formula."""

    def write(value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return repr(value)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        target = io.StringIO()
        csv.writer(target, delimiter=delimiter, lineterminator="").writerow([safe(text)])
        written = target.getvalue()
        return "" if written == '""' else written

    return write


def _figures(shares: Array) -> bytes:
    """Score and margin of each row as COPY takes them, 24 bytes a row."""
    figures = np.zeros(len(shares), dtype=[("a", ">i4"), ("score", ">f8"), ("b", ">i4"), ("margin", ">f8")])
    figures["a"] = figures["b"] = 8
    ordered = np.sort(shares, axis=1)
    figures["score"] = ordered[:, -1]
    figures["margin"] = ordered[:, -1] - (ordered[:, -2] if shares.shape[1] > 1 else 0.0)
    return figures.tobytes()


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">i", len(data)) + data


def _number(value: float | None) -> bytes:
    return _NULL if value is None else _float(8, value)
