"""What a confined process can be asked to do. Heavy libraries are imported inside, after the locks are shut."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from predictions.sandbox.orders import Orders

MAX_EVENT = 16_000


def scan(orders: Orders, payload: dict[str, Any]) -> dict[str, Any]:
    """Look at the files without opening them. payload: ``files``, their names here, else the one "source".

    Runs in the site's own Python. Returns ``reports``, the scan report of each in that order.
    """
    said = _Speaker(orders.events)
    reports = [_scan(orders, str(name)) for name in payload.get("files", ["source"])]
    said("scan", _scanned(reports))
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

    payload: ``file_format`` as the scan found it; without it the file is scanned here first.
    Returns what ``build_from_file`` does, with ``artifact`` as a file name, and ``scan``.
    """
    said = _Speaker(orders.events)
    report: dict[str, Any] = {}
    file_format = payload.get("file_format")
    if file_format is None:
        report = _scan(orders, "source")
        file_format = report["format"]
        said("scan", _scanned([report]))
    sample = orders.scratch / "in" / "sample"
    out = orders.scratch / "out"
    os.environ["HOME"] = str(orders.scratch / "tmp")
    building = importlib.import_module("predictions.ml.building")
    built: dict[str, Any] = building.build_from_file(
        source=orders.scratch / "in" / "source",
        file_format=file_format,
        sample=sample if sample.exists() else None,
        out=out,
        say=said,
    )
    built["artifact"] = Path(built["artifact"]).name if built.get("artifact") else None
    return {**built, "file_format": file_format, "scan": report}


def serve(orders: Orders, payload: dict[str, Any]) -> dict[str, Any]:
    """Open "source" and answer requests from standard input until it ends."""
    serving = importlib.import_module("predictions.sandbox.serving")
    serving.serve(orders, payload)
    return {}


def _scan(orders: Orders, name: str) -> dict[str, Any]:
    scanning = importlib.import_module("predictions.ml.scan")
    report = scanning.scan_file(orders.scratch / "in" / name)
    scanning.require_acceptable(report)
    document: dict[str, Any] = report.to_document()
    return document


def _scanned(reports: list[dict[str, Any]]) -> str:
    if len(reports) > 1:
        return f"{len(reports)} files; nothing in them asks for more than a model needs."
    kind = "An ONNX" if reports[0]["format"] == "onnx" else f"A {reports[0]['format']}"
    return f"{kind} file; nothing in it asks for more than a model needs."


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
