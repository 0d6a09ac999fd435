"""Look at an uploaded file without running any of it: what it is, what it asks for, which versions made it.

The scan reads, the sandbox is the gate. It tells what the file holds, gives clear words early and stops what is known to
be bad, but a file that passes is still opened only in the sandbox process: scanners have been bypassed again and
again. Standard library only (and LZ4): it knows the libraries' names, not the libraries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from predictions.errors import BadModelFile
from predictions.ml import scan_formats as formats
from predictions.ml.scan_facts import bounded, facts_of
from predictions.ml.scan_findings import (
    OWN_CODE,
    judged,
    libraries_of,
    numpy_generation_of,
    own_code_of,
    shown,
)
from predictions.ml.scan_lists import DISTRIBUTIONS, LIBRARIES
from predictions.ml.scan_machine import Findings, NotReadError, TooMuchError
from predictions.ml.scan_onnx import onnx_facts
from predictions.ml.scan_opcodes import read_pickle
from predictions.ml.scan_skops import SCHEMA, read_skops
from predictions.ml.scan_streams import BombError, CutError, NoDecoderError, compression_of, opened

FileFormat = Literal["pickle", "joblib", "skops", "onnx", "json", "unknown"]

PLAIN = "plain_data"
"""The code of a file that holds no estimator but may say something about one beside it."""

_TRUNCATED = "This file ends too early; its upload or download was cut. Bring the whole file again."
_BOMB = "This file expands to far more than its size and was refused. Save it again with joblib.dump(..., compress=3)."
_DAMAGED = "This file is damaged or is not what it seems. Save the estimator again with joblib.dump and bring that file."
_EMPTY = "This file is empty. Bring the file that joblib.dump wrote."
_NO_DECODER = "This file is compressed with {}, which this site cannot read. Save it again with joblib.dump(..., compress=3)."
_TOO_MUCH = (
    "This file holds more separate objects than a model has. Save the estimator without its training data."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanReport:
    """What the bytes say. ``verdict`` is "refuse" with ``code`` and ``message``, or "accept".

    globals: every ``module.name`` asked for. sklearn_versions: of each part. libraries: beside scikit-learn.
    numpy: "1" or "2" by the name of its core, empty when not named. top: class of the outermost object.
    library_versions: of those in ``libraries`` whose release the file names. own_code: every ``module.name`` of the author's; with code "own_code" it is the only thing that speaks against the file.
    facts: the document of ``scan_facts.facts_of``, or ``scan_onnx.onnx_facts``; empty for a file that was not read.
    """

    format: FileFormat
    size: int
    compression: str | None = None
    protocol: int | None = None
    top: str = ""
    globals: tuple[str, ...] = ()
    sklearn_versions: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    library_versions: dict[str, str] = field(default_factory=dict)
    numpy: str = ""
    own_code: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    verdict: Literal["accept", "refuse"] = "accept"
    code: str = ""
    message: str = ""

    def to_document(self) -> dict[str, Any]:
        """JSON for the build report."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> ScanReport:
        """Inverse of ``to_document``."""
        lists = {key: tuple(value) for key, value in document.items() if isinstance(value, list)}
        known: dict[str, Any] = {**document, **lists}
        return cls(**known)


def scan_file(path: Path) -> ScanReport:
    """Read ``path`` and judge it; nothing in it is executed and memory stays small.

    A bad file is a report with verdict "refuse", not an exception; OSError when the file itself cannot be read.
    """
    size = path.stat().st_size
    if size == 0:
        return _refused("empty", _EMPTY, size)
    with path.open("rb") as file:
        head = file.read(formats.HEAD)
    if head[:2] == b"PK":
        return _scan_zip(path, size)
    announced = formats.words_for_magic(head)
    if announced:
        return _refused("not_a_model_file", announced, size)
    if formats.is_plain_json(path):
        return replace(_refused(PLAIN, formats.words_for(head), size), format="json")
    compression = compression_of(head)
    if compression is None and head[:1] == b"\x08":
        graph = formats.is_onnx(path)
        if graph is None:
            return _refused("truncated", _TRUNCATED, size)
        if graph:
            return ScanReport(format="onnx", size=size, facts=bounded(onnx_facts(path)))
    return _scan_stream(path, size, compression)


def _refused(code: str, message: str, size: int, compression: str | None = None) -> ScanReport:
    return ScanReport(
        format="unknown", size=size, compression=compression, verdict="refuse", code=code, message=message
    )


def _scan_zip(path: Path, size: int) -> ScanReport:
    names = formats.zip_names(path)
    if names is None:
        return _refused("truncated", _TRUNCATED, size)
    if SCHEMA not in names:
        return _refused("not_a_model_file", formats.words_for_zip(names), size)
    try:
        findings = read_skops(path)
    except BombError:
        return _refused("decompression_bomb", _BOMB, size)
    except NotReadError:
        return _refused("not_a_model_file", _DAMAGED, size)
    return _report(findings, "skops", size, None, None)


def _scan_stream(path: Path, size: int, compression: str | None) -> ScanReport:
    try:
        with opened(path, compression) as reader:
            inner = reader.peek(formats.HEAD)
            findings, stopped = read_pickle(reader)
            if compression and stopped is None:
                reader.drain()
    except BombError:
        return _refused("decompression_bomb", _BOMB, size, compression)
    except NoDecoderError:
        name = {"lz4": "LZ4", "zstd": "Zstandard"}.get(compression or "", "something")
        return _refused("not_a_model_file", _NO_DECODER.format(name), size, compression)
    except CutError:
        return _refused("truncated", _TRUNCATED, size, compression)
    report = _report(
        findings, "joblib" if compression or findings.arrays else "pickle", size, compression, stopped
    )
    if stopped is None or report.code == "dangerous_code":
        return report
    code, message = _why_stopped(stopped, inner, compression)
    return _refused(code, message, size, compression)


def _why_stopped(stopped: Exception, inner: bytes, compression: str | None) -> tuple[str, str]:
    if isinstance(stopped, TooMuchError):
        return "too_complex", _TOO_MUCH
    if inner[:1] != b"\x80":
        nested = compression and inner[257:262] == b"ustar"
        return "not_a_model_file", formats.NESTED_ARCHIVE if nested else formats.words_for(inner)
    if isinstance(stopped, CutError):
        return "truncated", _TRUNCATED
    return "not_a_model_file", formats.words_for_magic(inner) or _DAMAGED


def _report(
    findings: Findings, kind: FileFormat, size: int, compression: str | None, stopped: Exception | None
) -> ScanReport:
    code, message = judged(findings)
    facts = facts_of(findings) if stopped is None else {}
    libraries = libraries_of(findings)
    versions = facts.get("library_versions", {})
    if not findings.globals and not code and stopped is None:
        code, message = PLAIN, formats.PLAIN_DATA
    return ScanReport(
        format=kind,
        size=size,
        compression=compression,
        protocol=findings.protocol if kind != "skops" else None,
        top=findings.top,
        globals=tuple(found.path for found in findings.globals),
        sklearn_versions=tuple(findings.sklearn_versions),
        libraries=libraries,
        library_versions={
            name: versions[found]
            for name in libraries
            if (found := DISTRIBUTIONS.get(name, name)) in versions
        },
        numpy=numpy_generation_of(findings),
        own_code=own_code_of(findings),
        facts=facts,
        verdict="refuse" if code else "accept",
        code=code,
        message=message,
    )


def require_acceptable(report: ScanReport, *, with_own_code: bool = False, is_beside: bool = False) -> None:
    """Raise BadModelFile for a file this site will not open. Any scikit-learn will do: its environment is made for it.

    with_own_code: the author's code is there (a package that an admin allowed), so needing it is no reason to refuse.
    is_beside: it came with other files, so names or classes alone are welcome.
    Codes: plain_data, empty, not_a_model_file, truncated, dangerous_code, unknown_code, own_code, decompression_bomb, too_complex,
    missing_library.
    """
    lifted = (with_own_code and report.code == OWN_CODE) or (is_beside and report.code == PLAIN)
    if report.verdict == "refuse" and not lifted:
        raise BadModelFile(report.message, code=report.code)
    for library in report.libraries:
        if library not in LIBRARIES:
            raise BadModelFile(
                f"This file needs the library {shown(library)}, for which this site makes no environment. "
                "Bring the estimator as ONNX, or one made of scikit-learn parts only.",
                code="missing_library",
            )
