"""One build inside the sandbox process: open, inspect, convert, compare. What leaves is data, never an object."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

from threadpoolctl import threadpool_limits

from predictions.errors import BadModelFile, ModelFailed
from predictions.ml.anatomy import vocabulary_of
from predictions.ml.conversion import NotConvertible, attempts
from predictions.ml.generated_rows import CheckRow, check_rows
from predictions.ml.graphs import inspect_graph, without_zipmap
from predictions.ml.inspection import Inspection, inspect_closely
from predictions.ml.native import EstimatorRuntime
from predictions.ml.opening import open_estimator
from predictions.ml.parity import compare
from predictions.ml.plan import Plan
from predictions.ml.runtimes import OnnxRuntime
from predictions.ml.table import Table, read_table
from predictions.signature.fields import Signature
from predictions.values import RawAnswer

ARTIFACT = "model.onnx"
CONVERSION_SECONDS = 120.0
MOST_ARTIFACT_BYTES = 1 << 30
LIBRARIES = ("scikit-learn", "numpy", "scipy", "onnx", "onnxruntime", "skl2onnx", "joblib", "skops")

Say = Callable[[str, str], None]


class _OutOfTime(BaseException):
    """Not an Exception, so that no library's own handler keeps it."""


@dataclass(frozen=True, slots=True)
class _Converted:
    data: bytes
    plan: Plan
    parity: dict[str, Any]


def build_from_file(
    *,
    source: Path,
    file_format: str,
    sample: Path | None,
    out: Path,
    say: Say,
    conversion_seconds: float = CONVERSION_SECONDS,
) -> dict[str, Any]:
    """Everything a version needs, as a JSON-able document; the artifact is written into ``out``.

    ``file_format``: joblib, pickle, skops or onnx. ``say(step, message)`` reports "open", "inspect", "convert" and
    "parity". Raises BadModelFile with a message for the owner.
    """
    with threadpool_limits(limits=1):
        return _build(source, file_format, sample, out, say, conversion_seconds)


def _build(
    source: Path, file_format: str, sample: Path | None, out: Path, say: Say, conversion_seconds: float
) -> dict[str, Any]:
    table = read_table(sample) if sample else None
    if file_format == "onnx":
        return _build_graph(source, table, out, say)
    clock = _Clock()
    estimator, notes = open_estimator(source, file_format)
    say("open", f"Read the {file_format} file.")
    clock.mark("open")
    inspection = inspect_closely(estimator, table)
    say("inspect", f"{inspection.summary}.")
    clock.mark("inspect")
    original = EstimatorRuntime(estimator, inspection.signature)
    rows = _rows(estimator, inspection)
    converted, reason, parity = _convert(
        estimator, inspection.signature, original, rows, say, conversion_seconds
    )
    clock.mark("convert and compare")
    if converted:
        (out / ARTIFACT).write_bytes(converted.data)
    example = original.predict([tuple(field.example for field in inspection.signature.inputs)])[0]
    return {
        "signature": inspection.signature.to_document(),
        "runtime": "onnx" if converted else "native",
        "plan": converted.plan.to_document() if converted else None,
        "artifact": ARTIFACT if converted else None,
        "report": {
            "estimator": inspection.words,
            "summary": inspection.summary,
            "parity": parity,
            "reason": reason,
            "timings": clock.seconds,
            "example_answer": answer_document(example, inspection.signature),
            "inspection": list(inspection.facts),
        },
        "libraries": libraries(),
        "notes": [*notes, *inspection.notes],
    }


def _rows(estimator: Any, inspection: Inspection) -> list[CheckRow]:
    return check_rows(inspection.signature, inspection.columns, inspection.rows, vocabulary_of(estimator))


def _convert(
    estimator: Any,
    signature: Signature,
    original: EstimatorRuntime,
    rows: list[CheckRow],
    say: Say,
    seconds: float,
) -> tuple[_Converted | None, str, dict[str, Any] | None]:
    """What to serve with (None: the original library), why in words, and the report of the comparison."""
    best: _Converted | None = None
    refused = ""
    try:
        with _time_limit(seconds):
            for converted in _compared(estimator, signature, original, rows):
                if isinstance(converted, str):
                    refused = refused or converted
                    continue
                best = _better(best, converted)
                if best.parity["verdict"] == "equal" and not best.parity["ties"]:
                    break
    except NotConvertible as error:
        refused = error.reason
    except _OutOfTime:
        refused = f"Converting it took longer than {seconds:.0f} seconds."
    return _outcome(best, refused, say)


def _outcome(
    best: _Converted | None, refused: str, say: Say
) -> tuple[_Converted | None, str, dict[str, Any] | None]:
    if best is None:
        reason = f"Served by the original library. {refused}"
        say("convert", reason)
        return None, reason, None
    say("convert", f"Converted to ONNX, {_size(len(best.data))}.")
    say("parity", parity_in_words(best.parity))
    if best.parity["verdict"] == "equal":
        return best, "Served by ONNX Runtime: it answers as the original library does.", best.parity
    reason = f"Served by the original library, because the ONNX form answers differently. {refused}".strip()
    return None, reason, best.parity


def _compared(
    estimator: Any, signature: Signature, original: EstimatorRuntime, rows: list[CheckRow]
) -> Iterator[_Converted | str]:
    """Each conversion with its comparison, or in words why it was not possible."""
    for attempt in attempts(estimator, signature):
        try:
            data, plan = attempt()
            if len(data) > MOST_ARTIFACT_BYTES:
                yield "Its ONNX form is larger than 1 GB."
                continue
            for variant in _variants(plan):
                yield _Converted(data, variant, _compare(data, variant, signature, original, rows))
        except NotConvertible as error:
            yield error.reason
        except ModelFailed:
            yield "ONNX Runtime cannot run its ONNX form."


def _variants(plan: Plan) -> list[Plan]:
    """The graph's own class, or the most probable one: forests break ties as the latter does."""
    return [plan] if plan.probability_output is None else [plan, replace(plan, label_output=None)]


def _compare(
    data: bytes, plan: Plan, signature: Signature, original: EstimatorRuntime, rows: list[CheckRow]
) -> dict[str, Any]:
    runtime = OnnxRuntime(data, plan, signature)
    try:
        return compare(original, runtime, rows, signature)
    finally:
        runtime.close()


def _better(one: _Converted | None, other: _Converted) -> _Converted:
    return other if one is None or _badness(other.parity) < _badness(one.parity) else one


def _badness(parity: dict[str, Any]) -> tuple[bool, int, int, float]:
    largest = parity["largest_difference"]
    broken = int(parity["label_mismatches"]) + int(parity["only_one_answered"])
    return parity["verdict"] != "equal", broken, parity["ties"], float("inf") if largest is None else largest


def parity_in_words(parity: dict[str, Any]) -> str:
    """One sentence for the log: how many rows, how far apart, how many classes differ."""
    largest = parity["largest_difference"]
    size = "without bound" if largest is None else f"{largest:.1e}"
    return (
        f"{parity['rows']} rows compared: {parity['verdict']}, largest difference {size}, "
        f"{parity['label_mismatches']} classes differ."
    )


def _build_graph(source: Path, table: Table | None, out: Path, say: Say) -> dict[str, Any]:
    """An ONNX file is served as it is: read it, refuse what is not allowed, run it once."""
    clock = _Clock()
    data = without_zipmap(source.read_bytes())
    signature, plan, facts = inspect_graph(data, table)
    say("open", "Read the ONNX file.")
    say("inspect", f"ONNX graph, {len(signature.inputs)} inputs, {len(signature.outputs)} outputs.")
    clock.mark("inspect")
    example = [field.example for field in signature.inputs]
    try:
        runtime = OnnxRuntime(data, plan, signature)
        answer = None if None in example else runtime.predict([example])[0]
    except ModelFailed as error:
        raise BadModelFile(
            "The ONNX graph was read but does not answer an example row: check it with ONNX Runtime.",
            code="cannot_answer",
        ) from error
    clock.mark("run")
    say("convert", "An ONNX graph needs no conversion; it answered an example row.")
    (out / ARTIFACT).write_bytes(data)
    return {
        "signature": signature.to_document(),
        "runtime": "onnx",
        "plan": plan.to_document(),
        "artifact": ARTIFACT,
        "report": {
            "estimator": "ONNX graph",
            "parity": None,
            "reason": "Served by ONNX Runtime as it was brought.",
            "timings": clock.seconds,
            "example_answer": answer_document(answer, signature) if answer else None,
            "inspection": [],
            **facts,
        },
        "libraries": libraries(),
        "notes": list(facts.get("notes", [])),
    }


def answer_document(answer: RawAnswer, signature: Signature) -> dict[str, Any]:
    """An answer as JSON, for the build report."""
    if answer.outputs is not None:
        return {"outputs": dict(answer.outputs)}
    if answer.class_index is None:
        return {"value": answer.value}
    classes = signature.main_output.classes
    document: dict[str, Any] = {"label": classes[answer.class_index].value}
    if answer.probabilities is not None:
        document["probabilities"] = list(answer.probabilities)
    return document


def libraries() -> dict[str, str]:
    """Versions of what opened, converted and answered."""
    return {name: version(name) for name in LIBRARIES}


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, count // 1000)} kB"


class _Clock:
    """Seconds between marks."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def mark(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = round(now - self._last, 3)
        self._last = now


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise _OutOfTime in the block after that long. Main thread only, which the sandbox process has alone."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _OutOfTime

    previous = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
