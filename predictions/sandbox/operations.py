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
    """Look at the file "source" without opening it. Returns the report of the scan."""
    return _scan(orders)


def build(orders: Orders, payload: dict[str, Any]) -> dict[str, Any]:
    """Scan, then turn "source" (and "sample") into an artifact in ``out``.

    payload: ``file_format`` skips the scan and opens the file as that; only for files this site made itself.
    Returns what ``build_from_file`` does, with ``artifact`` as a file name, and ``scan``.
    """
    said = _Speaker(orders.events)
    report: dict[str, Any] = {}
    file_format = payload.get("file_format")
    if file_format is None:
        report = _scan(orders)
        file_format = report["format"]
        kind = "An ONNX" if file_format == "onnx" else f"A {file_format}"
        said("scan", f"{kind} file; nothing in it asks for more than a model needs.")
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


def _scan(orders: Orders) -> dict[str, Any]:
    scanning = importlib.import_module("predictions.ml.scan")
    report = scanning.scan_file(orders.scratch / "in" / "source")
    scanning.require_acceptable(report)
    document: dict[str, Any] = report.to_document()
    return document


class _Speaker:
    """Sends one line of progress per call."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self, step: str, message: str) -> None:
        line = json.dumps({"step": step, "message": message[:4000]})
        os.write(self._descriptor, line.encode()[:MAX_EVENT] + b"\n")


OPERATIONS: dict[str, Callable[[Orders, dict[str, Any]], dict[str, Any]]] = {
    "scan": scan,
    "build": build,
    "serve": serve,
}
