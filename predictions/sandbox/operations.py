"""What a confined process can be asked to do. Heavy libraries are imported inside, after the locks are shut."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from predictions.sandbox import looking
from predictions.sandbox.orders import Orders

MAX_EVENT = 16_000


def scan(orders: Orders, payload: dict[str, Any]) -> dict[str, Any]:
    """Look at the files without opening them. payload: ``files``, their names here, else the one "source".

    Runs in the site's own Python. Returns ``reports``, the scan report of each in that order. Of an archive the model in
    it is scanned, and left in ``out`` (see ``looking.look``).
    """
    said = _Speaker(orders.events)
    names = [str(name) for name in payload.get("files", ["source"])]
    reports = [looking.look(orders, name, payload, is_beside=len(names) > 1) for name in names]
    for sentence in _scanned(reports):
        said("scan", sentence)
    return {"reports": reports}


def explain(orders: Orders, payload: dict[str, Any]) -> dict[str, Any]:
    """Read files without opening them and say what they hold, good or bad.

    payload: ``files``: a list of {"name": as people call it, "file": as it lies in ``in``}.
    Returns ``reports`` and ``lines`` for people.
    """
    scanning = importlib.import_module("predictions.ml.scan")
    words = importlib.import_module("predictions.ml.scan_words")
    reports = [scanning.scan_file(orders.scratch / "in" / item["file"]) for item in payload["files"]]
    names = [item["name"] for item in payload["files"]]
    return {
        "reports": [report.to_document() for report in reports],
        "lines": words.explain(reports, names),
    }


def build(orders: Orders, payload: dict[str, Any]) -> dict[str, Any]:
    """Turn "source" (and "sample") into an artifact in ``out``, in the environment that the file was made with.

    payload: ``files``: a list of {"name", "file" in ``in``, "format"} as the scan found them, and ``order``, their names in the
    order of the chain where somebody said so; ``code`` and ``columns`` from the scan's reports, ``runtime`` "native" for no conversion. Without ``files``, ``file_format`` of the one "source"; without that it is
    scanned here first.
    Returns what ``build_from_unit`` does, with ``artifact`` as a file name.
    """
    said = _Speaker(orders.events)
    sample = orders.scratch / "in" / "sample"
    if not payload.get("files") and not payload.get("file_format"):
        report = looking.look(orders, "source", payload)
        for sentence in looking.words(report):
            said("scan", sentence)
        payload = {**payload, **looking.as_payload(report)}
        sample = looking.sample_of(orders, "source")
    os.environ["HOME"] = str(orders.scratch / "tmp")
    provide_code(orders, payload)
    building = importlib.import_module("predictions.ml.building")
    declared = importlib.import_module("predictions.ml.declared")
    built: dict[str, Any] = building.build_from_unit(
        files=unit_files(orders, payload),
        order=payload.get("order") or (),
        sample=sample if sample.exists() else None,
        out=orders.scratch / "out",
        say=said,
        columns=declared.from_documents(payload.get("columns") or []),
        conversion_seconds=0.0 if payload.get("runtime") == "native" else building.CONVERSION_SECONDS,
    )
    built["artifact"] = Path(built["artifact"]).name if built.get("artifact") else None
    return built


def unit_files(orders: Orders, payload: dict[str, Any]) -> list[Any]:
    """The files of a payload as ``UnitFile``."""
    units = importlib.import_module("predictions.ml.units")
    listed = payload.get("files") or [{"name": "source", "file": "source", "format": payload["file_format"]}]
    return [
        units.UnitFile(item["name"], orders.scratch / "in" / item["file"], item["format"]) for item in listed
    ]


def provide_code(orders: Orders, payload: dict[str, Any]) -> None:
    """Make the own code beside the files importable, where the payload says how."""
    if payload.get("code"):
        packages = importlib.import_module("predictions.ml.code_package")
        given, unpacked = orders.scratch / "in" / looking.CODE, orders.scratch / "tmp" / looking.CODE
        packages.provide(given, unpacked, payload["code"])


def serve(orders: Orders, payload: dict[str, Any]) -> dict[str, Any]:
    """Open the files and answer requests from standard input until it ends."""
    serving = importlib.import_module("predictions.sandbox.serving")
    serving.serve(orders, payload)
    return {}


def _scanned(reports: list[dict[str, Any]]) -> list[str]:
    if len(reports) > 1:
        return [f"{len(reports)} files; nothing in them asks for more than a model needs."]
    return looking.words(reports[0])


class _Speaker:
    """Sends one line of progress per call."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, step: str, message: str) -> None:
        line = json.dumps({"step": step, "message": message[:4000]})
        os.write(self._descriptor, line.encode()[:MAX_EVENT] + b"\n")


OPERATIONS: dict[str, Callable[[Orders, dict[str, Any]], dict[str, Any]]] = {
    "scan": scan,
    "explain": explain,
    "build": build,
    "serve": serve,
}
