"""One build inside the sandbox process: open, inspect, convert, compare. What leaves is data, never an object.

It runs in the environment that the file was made with, so everything that is not about ONNX is written for every Python
since 3.7; the ONNX side is loaded only when it is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Iterator

from predictions.errors import BadModelFile
from predictions.ml.anatomy import vocabulary_of
from predictions.ml.declared import DeclaredColumn
from predictions.ml.generated_rows import CheckRow, check_rows
from predictions.ml.inspection import Inspection, inspect_closely
from predictions.ml.native import EstimatorRuntime
from predictions.ml.proving_subjects import estimator_subject, proven
from predictions.ml.racing import time_runtimes
from predictions.ml.reporting import ARTIFACT, Clock, Say, answer_document, libraries
from predictions.ml.table import Table, read_table
from predictions.ml.units import Unit, UnitFile, open_unit

CONVERSION_SECONDS = 120.0
AS_WISHED = "Served by the original library, as its owner wished."
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
    file = UnitFile(source.name, source, file_format)
    return build_from_unit(
        files=[file], sample=sample, out=out, say=say, conversion_seconds=conversion_seconds
    )


def build_from_unit(
    *,
    files: Sequence[UnitFile],
    sample: Path | None,
    out: Path,
    say: Say,
    order: Sequence[str] = (),
    columns: Sequence[DeclaredColumn] = (),
    conversion_seconds: float = CONVERSION_SECONDS,
) -> dict[str, Any]:
    """As ``build_from_file``, for one or several files that belong together.

    ``order``: file names in the order of the chain, where the owner said it. ``columns``: what is declared about the
    inputs beside the files. ``conversion_seconds``: how long a conversion to ONNX may take; 0 leaves the unit to its own
    library. Raises BadModelFile.
    """
    with one_thread():
        table = read_table(sample) if sample else None
        if any(file.format == "onnx" for file in files):
            if len(files) > 1:
                raise BadModelFile("An ONNX file is served alone; bring it by itself.", code="several_models")
            source = files[0].path
            graphs = import_module("predictions.ml.graph_building")
            document: dict[str, Any] = graphs.build_graph(source, table, out, say)
            return document
        clock = Clock()
        unit = open_unit(files, order)
        say("open", _opened_words(files, unit))
        clock.mark("open")
        return build_estimator(unit, table, out, say, clock, conversion_seconds, columns)


def _opened_words(files: Sequence[UnitFile], unit: Unit) -> str:
    if not unit.chain:
        return f"Read the {files[0].format} file."
    return (
        f"Read {len(files)} file{'' if len(files) == 1 else 's'}: "
        + ", then ".join(f"{part['class']} of {part['file']}" for part in unit.chain)
        + "."
    )


def build_estimator(
    unit: Unit,
    table: Table | None,
    out: Path,
    say: Say,
    clock: Clock,
    conversion_seconds: float = CONVERSION_SECONDS,
    columns: Sequence[DeclaredColumn] = (),
) -> dict[str, Any]:
    """As ``build_from_unit``, for what was opened already."""
    estimator = unit.estimator
    inspection = inspect_closely(
        estimator, table, told=unit.names, class_texts=unit.class_texts, columns=columns
    )
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
            "chain": unit.chain,
            "hints": unit.hints,
            "beside": unit.beside,
        },
        "libraries": libraries(),
        "notes": [*unit.notes, *inspection.notes],
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
    converting, reason = None, AS_WISHED
    if seconds > 0:
        reason = NO_CONVERTER
        # Not installed for this Python, or of versions that do not fit each other: the original answers.
        with suppress(Exception):
            converting = import_module("predictions.ml.converting")
    if converting is None:
        times = time_runtimes({"native": original}, [row.values for row in rows])
        say("convert", reason)
        return None, {"parity": None, "reason": reason, "timings_of_runtimes": times}
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
