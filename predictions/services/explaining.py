"""What a deploy of files would find, without doing it: they are read in the sandbox, never opened, nothing is stored."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from predictions import sandbox
from predictions.environments import needs_of
from predictions.errors import BadModelFile, DeskError
from predictions.models import Environment
from predictions.sandbox.configured import build_limits
from predictions.services import environments

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
        lines, reports = result.value.get("lines"), result.value.get("reports")
    finally:
        result.close()
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise BadModelFile("The files could not be read; bring them again.", code="unreadable")
    return [_printable(line) for line in [*lines[:LINES_LIMIT], *_environment(reports)]]


def _environment(reports: Any) -> list[str]:
    """Where the files would be opened, and whether that is there already. What the child says may be of any shape."""
    try:
        opened = [report for report in reports if report["format"] not in ("onnx", "unknown")]
        refused = any(report["verdict"] == "refuse" for report in reports)
        needs = needs_of(opened)
        if refused or not opened:
            return []
        if environments.suits(needs):
            return [f"Opened with this site's own scikit-learn {environments.own_release()}."]
        recipe = environments.recipe_of(needs)
    except DeskError as error:
        return [f"No environment: {error.message}"]
    except (TypeError, KeyError, AttributeError, ValueError):
        return []
    rows = Environment.objects.filter(requirements=list(recipe.requirements), removed_at=None)
    there = any(".".join(row.python.split(".")[:2]) == recipe.python for row in rows)
    state = "which is there" if there else "which is made at the first deploy"
    return [f"Opened in an environment for {needs.in_words()} on Python {recipe.python}, {state}."]


def _printable(line: str) -> str:
    """Names come from the files; a terminal must not obey them."""
    kept = "".join(letter for letter in line if unicodedata.category(letter) not in ("Cc", "Cs", "Cf"))
    return kept[:LINE_LIMIT]
