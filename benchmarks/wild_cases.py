"""Folders of model files with the answers they give in the library that made them, and how close ours come to those.

A case is a folder with ``unit.json`` (``files`` in the order to chain, ``class``, ``sklearn``, ``task``), ``rows.json`` (a
list of rows as the unit takes them), ``expected.json`` (``predict``, ``predict_proba``, ``classes``) and perhaps a
``sample.csv``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROBABILITY = 1e-4
RELATIVE = 1e-4
"""How far an answer may be from the native one: absolutely for probabilities, relatively for numbers."""


OUTLIERS = {"normal": 1, "anomaly": -1}
"""What the site calls the two answers of an outlier detector, where its owner did not name them."""


@dataclass(frozen=True)
class Case:
    """One unit and what it should answer."""

    name: str
    kind: str
    made_with: str
    files: tuple[Path, ...]
    sample: Path | None
    rows: tuple[Any, ...]
    labels: tuple[Any, ...]
    shares: tuple[Sequence[float], ...] | None
    classes: tuple[Any, ...] | None
    task: str


def read(folder: Path) -> Case:
    """The case in ``folder``. Raises OSError, KeyError, ValueError for one that is not whole."""
    unit = json.loads((folder / "unit.json").read_text(encoding="utf-8"))
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    sample = folder / "sample.csv"
    shares = expected["predict_proba"]
    return Case(
        name=folder.name,
        kind=unit["class"],
        made_with=unit["sklearn"] or "not said",
        files=tuple(folder / name for name in unit["files"]),
        sample=sample if sample.exists() else None,
        rows=tuple(json.loads((folder / "rows.json").read_text(encoding="utf-8"))),
        labels=tuple(expected["predict"]),
        shares=None if shares is None else tuple(shares),
        classes=None if expected["classes"] is None else tuple(expected["classes"]),
        task=unit["task"],
    )


def found_in(folder: Path, only: Sequence[str] = ()) -> list[Case]:
    """All cases below ``folder`` in the order of their names, or those named in ``only``."""
    folders = sorted(path.parent for path in folder.glob("*/unit.json"))
    return [read(path) for path in folders if not only or path.name in only]


def faults(case: Case, place: int, answer: Mapping[str, Any]) -> list[str]:
    """In what the answer to row ``place`` differs from the native one; nothing when it is right."""
    if case.task == "regression":
        return _number_faults(answer.get("value"), case.labels[place])
    found = []
    label = answer.get("label")
    if case.task == "outlier":
        label = OUTLIERS.get(str(label), label)
    if not same_label(label, case.labels[place]):
        found.append("label")
    if case.shares is not None and not _same_shares(case, answer.get("probabilities"), case.shares[place]):
        found.append("probabilities")
    return found


def same_label(given: Any, wanted: Any) -> bool:
    """Whether two class labels mean the same: 1, 1.0 and "1" are one class."""
    if given == wanted or str(given) == str(wanted):
        return True
    try:
        return float(given) == float(wanted)
    except (TypeError, ValueError):
        return False


def _same_shares(case: Case, given: Any, wanted: Sequence[float]) -> bool:
    if not isinstance(given, Mapping) or len(given) != len(wanted):
        return False
    classes = case.classes or tuple(range(len(wanted)))
    for label, share in zip(classes, wanted, strict=True):
        found = next((value for key, value in given.items() if same_label(key, label)), None)
        if found is None or abs(found - share) > PROBABILITY:
            return False
    return True


def _number_faults(given: Any, wanted: Any) -> list[str]:
    givens = given if isinstance(given, list) else [given]
    wanteds = wanted if isinstance(wanted, list) else [wanted]
    if len(givens) != len(wanteds):
        return ["shape"]
    return [] if all(map(_close, givens, wanteds)) else ["value"]


def _close(given: Any, wanted: Any) -> bool:
    nothing = wanted is None or (isinstance(wanted, float) and math.isnan(wanted))
    if given is None or nothing:
        return given is None and nothing
    return bool(abs(given - wanted) <= RELATIVE * max(abs(wanted), 1e-9))
