"""One build inside the sandbox process: open, inspect, convert, compare. What leaves is data, never an object.

It runs in the environment that the file was made with, so everything that is not about ONNX is written for every Python
since 3.7; the ONNX side is loaded only when it is needed.
"""

from __future__ import annotations

from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Iterator

from predictions.ml.anatomy import vocabulary_of
from predictions.ml.generated_rows import CheckRow, check_rows
from predictions.ml.inspection import Inspection, inspect_closely
from predictions.ml.native import EstimatorRuntime
from predictions.ml.opening import open_estimator
from predictions.ml.proving_subjects import estimator_subject, proven
from predictions.ml.racing import time_runtimes
from predictions.ml.reporting import ARTIFACT, Clock, Say, answer_document, libraries
from predictions.ml.table import Table, read_table

CONVERSION_SECONDS = 120.0
NO_CONVERTER = "Served by the original library: its environment has no ONNX converter."


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

    ``file_format``: joblib, pickle, skops or onnx. ``say(step, message)`` reports "open", "inspect", "convert",
    "parity" and "prove". Raises BadModelFile with a message for the owner.
    """
    with one_thread():
        table = read_table(sample) if sample else None
        if file_format == "onnx":
            graphs = import_module("predictions.ml.graph_building")
            document: dict[str, Any] = graphs.build_graph(source, table, out, say)
            return document
        clock = Clock()
        estimator, notes = open_estimator(source, file_format)
        say("open", f"Read the {file_format} file.")
        clock.mark("open")
        return build_estimator(estimator, table, out, say, clock, notes, conversion_seconds)


def build_estimator(
    estimator: Any,
    table: Table | None,
    out: Path,
    say: Say,
    clock: Clock,
    notes: list[str],
    conversion_seconds: float = CONVERSION_SECONDS,
) -> dict[str, Any]:
    """As ``build_from_file``, for an estimator that was opened already; ``notes`` are what opening it said."""
    inspection = inspect_closely(estimator, table)
    say("inspect", f"{inspection.summary}.")
    clock.mark("inspect")
    original = EstimatorRuntime(estimator, inspection.signature)
    rows = _rows(estimator, inspection)
    converted, report = _converted(estimator, inspection, original, rows, say, conversion_seconds)
    clock.mark("convert and compare")
    if converted is not None:
        (out / ARTIFACT).write_bytes(converted.data)
    proof = proven(estimator_subject(estimator, inspection, original, converted, rows, table), say, clock)
    example = original.predict([tuple(field.example for field in inspection.signature.inputs)])[0]
    return {
        "signature": inspection.signature.to_document(),
        "runtime": "onnx" if converted else "native",
        "plan": converted.plan.to_document() if converted else None,
        "artifact": ARTIFACT if converted else None,
        "report": {
            "estimator": inspection.words,
            "summary": inspection.summary,
            **report,
            "proof": proof,
            "timings": clock.seconds,
            "example_answer": answer_document(example, inspection.signature),
            "inspection": list(inspection.facts),
            "questions": list(inspection.questions),
        },
        "libraries": libraries(),
        "notes": [*notes, *inspection.notes],
    }


def _converted(
    estimator: Any,
    inspection: Inspection,
    original: EstimatorRuntime,
    rows: list[CheckRow],
    say: Say,
    seconds: float,
) -> tuple[Any, dict[str, Any]]:
    """The converted form or None, and for the report: why, the comparison, and seconds of each runtime."""
    try:
        converting = import_module("predictions.ml.converting")
    except Exception:
        # Not installed for this Python, or of versions that do not fit each other: the original answers.
        times = time_runtimes({"native": original}, [row.values for row in rows])
        say("convert", NO_CONVERTER)
        return None, {"parity": None, "reason": NO_CONVERTER, "timings_of_runtimes": times}
    outcome = converting.convert_and_compare(estimator, inspection.signature, original, rows, say, seconds)
    return outcome.converted, {
        "parity": outcome.parity,
        "reason": outcome.reason,
        "timings_of_runtimes": outcome.timings,
    }


def _rows(estimator: Any, inspection: Inspection) -> list[CheckRow]:
    return check_rows(inspection.signature, inspection.columns, inspection.rows, vocabulary_of(estimator))


@contextmanager
def one_thread() -> Iterator[None]:
    """Numeric libraries use one thread in the block; scikit-learn before 0.24 comes without the means for that."""
    try:
        limits = import_module("threadpoolctl").threadpool_limits
    except ImportError:
        yield
        return
    with limits(limits=1):
        yield
