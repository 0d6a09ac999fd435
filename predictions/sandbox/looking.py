"""The first look at what was brought, inside the confined process: which file is the model, and may it be opened?

Runs in the site's own Python. What a build in another environment needs of it travels as data, in the scan's document.
"""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

from predictions.errors import BadModelFile
from predictions.sandbox.orders import Orders

CODE = "code"
MODEL, SAMPLE = ".model", ".sample"
"""Endings of what a scan leaves of an archive in ``out``, behind the archive's name there."""


def look(orders: Orders, name: str, payload: dict[str, Any], *, is_beside: bool = False) -> dict[str, Any]:
    """Scan one file of ``in``; of an archive the model in it, which is left in ``out`` with a sample if it has one.

    payload: ``main_module``, see ``code_names.admitted``. ``is_beside``: other files were brought with it. Returns the scan's report as a document, with ``archive``
    (what was taken from it) and ``package`` (how own code is activated) where there are such. Raises BadModelFile.
    """
    path = orders.scratch / "in" / name
    document: dict[str, Any] = {}
    contents = _contents(orders, path, is_beside=is_beside)
    if contents is not None:
        path = contents.model
        document["archive"] = contents.to_document()
        shutil.copyfile(contents.model, orders.scratch / "out" / (name + MODEL))
        if contents.sample is not None:
            shutil.copyfile(contents.sample, orders.scratch / "out" / (name + SAMPLE))
    scanning = importlib.import_module("predictions.ml.scan")
    report = scanning.scan_file(path)
    package = orders.scratch / "in" / CODE
    if package.exists():
        names = importlib.import_module("predictions.ml.code_names")
        folder = orders.scratch / "tmp" / f"code of {name}"
        report, code, said = names.admitted(report, package, folder, payload.get("main_module") or "")
        document["code_words"] = said
        if code is not None:
            document["package"] = code
    scanning.require_acceptable(report, is_beside=is_beside)
    return {**report.to_document(), **document}


def words(report: dict[str, Any]) -> list[str]:
    """Sentences about one scanned file for the log of the run."""
    kind = "An ONNX" if report["format"] == "onnx" else f"A {report['format']}"
    said = [f"{kind} file; nothing in it asks for more than a model needs."]
    if report.get("code_words"):
        said.append(report["code_words"])
    return [*report.get("archive", {}).get("notes", []), *said]


def as_payload(report: dict[str, Any]) -> dict[str, Any]:
    """What a build in this same process needs of a look at "source"."""
    found = {
        "code": [report["package"]] if report.get("package") else [],
        "columns": report.get("archive", {}).get("columns", []),
        "file_format": report["format"],
    }
    if "archive" in report:
        inside = "../out/source" + MODEL
        found["files"] = [{"name": report["archive"]["model"], "file": inside, "format": report["format"]}]
    return found


def sample_of(orders: Orders, name: str) -> Path:
    """The sample that was given, else the one of the archive; the path may lead to nothing."""
    given = orders.scratch / "in" / "sample"
    return given if given.exists() else orders.scratch / "out" / (name + SAMPLE)


def _contents(orders: Orders, path: Path, *, is_beside: bool) -> Any:
    """What an archive holds; None for any other file."""
    archives = importlib.import_module("predictions.ml.archives")
    if not archives.is_archive(path):
        return None
    if is_beside:
        raise BadModelFile(
            "One of several files is an archive. Bring the files in it instead, or the archive alone.",
            code="archive_beside",
        )
    folder = orders.scratch / "tmp" / f"unpacked of {path.name}"
    folder.mkdir(mode=0o700)
    return archives.open_archive(path, folder)
