"""What a deploy of files would find, without doing it: they are read in the sandbox, never opened, nothing is stored."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

from predictions import sandbox
from predictions.errors import BadModelFile
from predictions.sandbox.configured import build_limits

LINES_LIMIT = 2000
LINE_LIMIT = 2000


def explain(files: Sequence[Path]) -> list[str]:
    """Lines for people about ``files``: what each holds, how they go together, what is still to be asked.

    Raises DeskError when the sandbox cannot read them (``sandbox_unavailable``, ``too_slow``, ``too_much_memory``).
    """
    places = {f"source_{place}" if place else "source": file for place, file in enumerate(files)}
    result = sandbox.run(
        "explain",
        {"files": [{"name": file.name, "file": place} for place, file in places.items()]},
        files=places,
        limits=build_limits(),
    )
    try:
        lines = result.value.get("lines")
    finally:
        result.close()
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise BadModelFile("The files could not be read; bring them again.", code="unreadable")
    return [_printable(line) for line in lines[:LINES_LIMIT]]


def _printable(line: str) -> str:
    """Names come from the files; a terminal must not obey them."""
    kept = "".join(letter for letter in line if unicodedata.category(letter) not in ("Cc", "Cs", "Cf"))
    return kept[:LINE_LIMIT]
