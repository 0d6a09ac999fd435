"""Turns what a build's process claims into checked values. Its words are believed about its own file only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from predictions.ml.plan import Plan
from predictions.sandbox import results
from predictions.sandbox.results import SandboxResult
from predictions.signature.fields import Field, Output, Signature, Task

_MAX_INPUTS = 10_000
_MAX_NESTING = 40


class _Scan(msgspec.Struct, frozen=True):
    """What the rest of the build goes by; the whole report is kept for people."""

    format: Literal["joblib", "pickle", "skops", "onnx", "json"]
    size: int
    globals: list[str]
    sklearn_versions: list[str]
    libraries: list[str]
    numpy: str
    library_versions: dict[str, str] = {}


class _Claim(msgspec.Struct, frozen=True):
    signature: dict[str, Any]
    runtime: Literal["onnx", "native"]
    plan: dict[str, Any] | None
    artifact: str | None
    report: dict[str, Any]
    libraries: dict[str, str]
    notes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReply:
    """A build's result with its types checked. ``artifact`` is a file of ours, None for a native runtime."""

    signature: Signature
    runtime: Literal["onnx", "native"]
    plan: Mapping[str, Any] | None
    artifact: Path | None
    report: Mapping[str, Any]
    libraries: Mapping[str, str]
    notes: list[str]


def believed(result: SandboxResult) -> BuildReply:
    """The checked reply. Raises BadModelFile (``unreadable``) for anything that is not one."""
    try:
        _require_shallow(result.value)
        claim = msgspec.convert(result.value, _Claim)
        signature = _signature(claim.signature)
        plan = Plan.from_document(claim.plan).to_document() if claim.plan is not None else None
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError, AttributeError):
        raise results.unreadable() from None
    artifact = result.files.get(claim.artifact or "")
    if claim.runtime == "onnx" and (artifact is None or plan is None):
        raise results.unreadable()
    return BuildReply(
        signature=signature,
        runtime=claim.runtime,
        plan=plan,
        artifact=artifact if claim.runtime == "onnx" else None,
        report=_printable(claim.report),
        libraries=_printable(claim.libraries),
        notes=[str(_printable(note))[:1000] for note in claim.notes[:100]],
    )


def scans_believed(result: SandboxResult) -> list[dict[str, Any]]:
    """The checked scan reports, one for each file. Raises BadModelFile (``unreadable``) for anything that is not one."""
    try:
        _require_shallow(result.value)
        reports = result.value["reports"]
        msgspec.convert(reports, list[_Scan])
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError):
        raise results.unreadable() from None
    return [_printable(report) for report in reports]


def _signature(document: dict[str, Any]) -> Signature:
    document = _printable(document)
    inputs = msgspec.convert(document["inputs"], tuple[Field, ...])
    outputs = msgspec.convert(document["outputs"], tuple[Output, ...])
    if not inputs or len(inputs) > _MAX_INPUTS or not outputs:
        raise ValueError("a signature has inputs and outputs")
    signature = Signature.from_document({**document, "inputs": [], "outputs": []})
    if len({item.name for item in inputs}) != len(inputs):
        raise ValueError("two inputs of one name")
    task = msgspec.convert(signature.task, Task)
    return Signature(task=task, inputs=inputs, outputs=outputs, drawing=signature.drawing)


def _require_shallow(value: Any, depth: int = 0) -> None:
    if depth > _MAX_NESTING:
        raise ValueError("nested too deeply")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _require_shallow(item, depth + 1)


def _printable(value: Any) -> Any:
    """What PostgreSQL can hold as JSON: no NUL, no lone surrogates, no NaN or infinity."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {str(_printable(key)): _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return value
