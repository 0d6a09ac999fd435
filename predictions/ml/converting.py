"""Convert an estimator and keep the form that answers as it does. Loaded only where the converter's libraries are."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any

from predictions.errors import ModelFailed
from predictions.ml.conversion import NotConvertible, attempts
from predictions.ml.generated_rows import CheckRow
from predictions.ml.native import EstimatorRuntime
from predictions.ml.parity import compare
from predictions.ml.plan import Plan
from predictions.ml.racing import time_runtimes
from predictions.ml.reporting import Say, parity_in_words, size_in_words
from predictions.ml.runtimes import OnnxRuntime
from predictions.signature.fields import Signature

MOST_ARTIFACT_BYTES = 1 << 30


class _OutOfTime(BaseException):
    """Not an Exception, so that no library's own handler keeps it."""


@dataclass(frozen=True)
class Converted:
    """An artifact, how rows become its inputs, and how it compared with the original."""

    data: bytes
    plan: Plan
    parity: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What to serve with (``converted`` None: the original library), why in words, the comparison, and seconds."""

    converted: Converted | None
    reason: str
    parity: dict[str, Any] | None = None
    timings: dict[str, Any] | None = None


def convert_and_compare(
    estimator: Any,
    signature: Signature,
    original: EstimatorRuntime,
    rows: list[CheckRow],
    say: Say,
    seconds: float,
) -> Outcome:
    """What to serve with and why, the comparison, and how long each runtime takes."""
    best: Converted | None = None
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
    except Exception:
        # Converters reach into parts of libraries that change; whatever breaks there, the original still answers.
        refused = "The converter does not know this version of its library."
    outcome = _outcome(best, refused, say)
    return replace(outcome, timings=_raced(best, signature, original, rows))


def _raced(
    best: Converted | None, signature: Signature, original: EstimatorRuntime, rows: list[CheckRow]
) -> dict[str, Any]:
    """Seconds of the original and of the converted form, where there is one, on the same rows."""
    values = [row.values for row in rows]
    times = time_runtimes({"native": original}, values)
    if best is None:
        return times
    runtime = OnnxRuntime(best.data, best.plan, signature)
    try:
        return {**times, **time_runtimes({"onnx": runtime}, values)}
    finally:
        runtime.close()


def _outcome(best: Converted | None, refused: str, say: Say) -> Outcome:
    if best is None:
        reason = f"Served by the original library. {refused}"
        say("convert", reason)
        return Outcome(None, reason)
    say("convert", f"Converted to ONNX, {size_in_words(len(best.data))}.")
    say("parity", parity_in_words(best.parity))
    if best.parity["verdict"] == "equal":
        return Outcome(best, "Served by ONNX Runtime: it answers as the original library does.", best.parity)
    reason = f"Served by the original library, because the ONNX form answers differently. {refused}".strip()
    return Outcome(None, reason, best.parity)


def _compared(
    estimator: Any, signature: Signature, original: EstimatorRuntime, rows: list[CheckRow]
) -> Iterator[Converted | str]:
    """Each conversion with its comparison, or in words why it was not possible."""
    for attempt in attempts(estimator, signature):
        try:
            data, plan = attempt()
            if len(data) > MOST_ARTIFACT_BYTES:
                yield "Its ONNX form is larger than 1 GB."
                continue
            for variant in _variants(plan):
                yield Converted(data, variant, _compare(data, variant, signature, original, rows))
        except NotConvertible as error:
            yield error.reason
        except ModelFailed:
            yield "ONNX Runtime cannot run its ONNX form."
        except Exception:
            yield "The converter does not know this version of its library."


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


def _better(one: Converted | None, other: Converted) -> Converted:
    return other if one is None or _badness(other.parity) < _badness(one.parity) else one


def _badness(parity: dict[str, Any]) -> tuple[bool, int, int, float]:
    largest = parity["largest_difference"]
    broken = int(parity["label_mismatches"]) + int(parity["only_one_answered"])
    return parity["verdict"] != "equal", broken, parity["ties"], float("inf") if largest is None else largest


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
