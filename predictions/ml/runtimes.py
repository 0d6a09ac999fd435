"""What executes an ONNX artifact. NumPy and ONNX Runtime only: interactive workers stay small."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Protocol

import onnxruntime

from predictions.errors import ModelFailed
from predictions.ml import memory
from predictions.ml.answers import (
    Array,
    ClassLookup,
    Columns,
    class_answers,
    class_columns,
    json_safe,
    named_answers,
    value_answers,
    value_columns,
)
from predictions.ml.plan import Plan
from predictions.ml.tensors import Rows, builder_of
from predictions.portable import RawAnswer, Value
from predictions.signature.fields import Signature

FATAL_ONLY = 4

onnxruntime.set_default_logger_severity(FATAL_ONLY)
# A number beyond float32 becomes infinite on purpose; np.errstate around each call would cost a third of a single row.
warnings.filterwarnings("ignore", "overflow encountered in cast", RuntimeWarning)


class Runtime(Protocol):
    """Answers rows whose values stand in the signature's order, one answer per row, in the same order."""

    def predict(self, rows: Sequence[Sequence[Value]]) -> list[RawAnswer]:
        """Raises ModelFailed when the artifact cannot answer; then no row has an answer."""
        ...

    def close(self) -> None:
        """Give back memory and processes. Calling it twice is allowed."""
        ...


class OnnxRuntime:
    """A loaded graph. Safe to call from several threads; load it after a fork, never before."""

    def __init__(self, onnx_bytes: bytes, plan: Plan, signature: Signature) -> None:
        """Raises ModelFailed when ONNX Runtime refuses the bytes."""
        self._session: onnxruntime.InferenceSession | None
        self._session, self._memory_bytes = memory.measured(lambda: _session(onnx_bytes), len(onnx_bytes))
        self._plan = plan
        width = len(signature.inputs)
        self._builders = [(feed.name, builder_of(feed, width)) for feed in plan.feeds]
        self._takes_tables = all(
            feed.layout == "matrix" and feed.dtype.startswith("float") and feed.columns == tuple(range(width))
            for feed in plan.feeds
        )
        self._lookup = ClassLookup(signature.main_output)
        self._wanted = [
            name for name in (plan.label_output, plan.probability_output, plan.value_output) if name
        ]
        self._named = not self._wanted
        self._whole = bool(plan.feeds) and all(feed.layout == "whole" for feed in plan.feeds)
        if self._named:
            self._wanted = list(plan.outputs)

    def predict(self, rows: Rows) -> list[RawAnswer]:
        """One answer per row, in the order of the rows. Raises ModelFailed; then nothing was answered."""
        if not rows:
            return []
        if self._plan.batched:
            return self._run(rows)
        return [answer for row in rows for answer in self._run([row])]

    def predict_columns(self, rows: Rows | Array) -> Columns | None:
        """As ``predict``, with the answers side by side and rows as a float64 table [n, inputs] or as a list.

        None where the answers have no such form (or there is no row); then ask ``predict``. Raises ModelFailed.
        """
        if len(rows) == 0 or self._named or not self._plan.batched:
            return None
        if not self._takes_tables and not isinstance(rows, list | tuple):
            rows = rows.tolist()  # type: ignore[union-attr]
        found = dict(zip(self._wanted, self._computed(rows), strict=True))
        plan = self._plan
        labels = found[plan.label_output] if plan.label_output else None
        shares = found[plan.probability_output] if plan.probability_output else None
        values = found[plan.value_output] if plan.value_output else None
        try:
            columns = self._columns(labels, shares, values)
        except (TypeError, ValueError, AttributeError, IndexError):
            return None
        if columns is None:
            return None
        counts = {len(column) for column in columns if column is not None}
        return columns if counts == {len(rows)} else None

    def _columns(self, labels: Any, shares: Any, values: Any) -> Columns | None:
        if values is None:
            return class_columns(labels, shares, self._lookup)
        return value_columns(values) if labels is None and shares is None else None

    def close(self) -> None:
        """Let the session's memory go."""
        self._session = None
        memory.give_back()

    def memory_bytes(self) -> int:
        """By how much loading it made this process grow."""
        return self._memory_bytes

    def _run(self, rows: Rows) -> list[RawAnswer]:
        found = self._computed(rows)
        try:
            return self._answers(found, len(rows))
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            raise ModelFailed(
                "The artifact answers in a form that this version does not expect; build it again."
            ) from error

    def _computed(self, rows: Rows | Array) -> Sequence[Any]:
        session = self._session
        if session is None:
            raise ModelFailed("This version was just unloaded; send the request again.")
        try:
            feeds = {name: build(rows) for name, build in self._builders}  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError) as error:
            raise ModelFailed(
                "A value is missing or too large for this version; check the inputs."
            ) from error
        try:
            found: Sequence[Any] = session.run(self._wanted, feeds)
        except Exception as error:
            raise ModelFailed("This version could not answer these values; check the inputs.") from error
        return found

    def _answers(self, found: Sequence[Any], rows: int) -> list[RawAnswer]:
        if self._named and self._whole:
            given = zip(self._wanted, found, strict=True)
            return [RawAnswer(outputs={name: json_safe(value) for name, value in given})]
        if self._named:
            return named_answers(dict(zip(self._wanted, found, strict=True)), rows)
        by_name = dict(zip(self._wanted, found, strict=True))
        plan = self._plan
        labels = by_name[plan.label_output] if plan.label_output else None
        shares = by_name[plan.probability_output] if plan.probability_output else None
        values = by_name[plan.value_output] if plan.value_output else None
        if values is not None and labels is None and shares is None:
            answers = value_answers(values)
        else:
            answers = class_answers(labels, shares, self._lookup, values)
        if len(answers) != rows:
            raise ModelFailed("The artifact gave another number of answers than rows; build the file again.")
        return answers


def _session(onnx_bytes: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = FATAL_ONLY
    try:
        return onnxruntime.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelFailed("ONNX Runtime cannot load this file; export it again.") from error
