"""Recorded answers as cells of a spreadsheet: one rule for every door that exports."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from predictions.models import Prediction, SignatureRevision

BEGINNING = "\ufeff"
"""Tells spreadsheets that the text is UTF-8."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - spreadsheets take these too


class _Echo:
    """A file that hands back each line written to it."""

    def write(self, line: str) -> str:
        return line


def line(values: Iterable[object]) -> str:
    """One CSV line, with no cell that a spreadsheet takes for a formula."""
    writer: Any = csv.writer(_Echo())
    written: str = writer.writerow([safe(value) for value in values])
    return written


def safe(value: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def names_by_revision(revisions: QuerySet[SignatureRevision]) -> dict[int, tuple[str, ...]]:
    """Names of inputs by revision id, those of the newest version first."""
    found = revisions.order_by("-version__number", "-number").values_list("pk", "document__inputs")
    return {pk: tuple(item["name"] for item in inputs) for pk, inputs in found.iterator(chunk_size=20)}


def all_names(by_revision: Mapping[int, Sequence[str]]) -> tuple[str, ...]:
    """Every input's name once, in order."""
    return tuple(dict.fromkeys(name for names in by_revision.values() for name in names))


def record_cells(row: Prediction) -> tuple[object, ...]:
    """id, when, ml_model, version, signature revision, through which face."""
    return (
        str(row.pk),
        row.created_at.isoformat(),
        row.ml_model.name,
        row.version.number,
        row.revision.number,
        row.face,
    )


def input_cells(
    row: Prediction, by_revision: Mapping[int, Sequence[str]], names: Sequence[str] | None
) -> Sequence[object]:
    """A cell per name, empty where the row's revision has no such input; all inputs as JSON without names."""
    if names is None:
        return (_json(row.inputs),)
    given = dict(zip(by_revision.get(row.revision_id, ()), row.inputs, strict=False))
    return [_cell(given.get(name)) for name in names]


def outcome_cells(row: Any) -> tuple[object, ...]:
    """outcome, score, outputs, warnings, verdict, right answer, reason; of rows that carry their newest verdict."""
    return (
        row.outcome,
        "" if row.score is None else row.score,
        _json(row.outputs),
        "; ".join(str(item.get("message", "")) for item in row.warnings or ()),
        row.verdict or "",
        row.right_outcome or "",
        row.review_reason or "",
    )


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str | int | float) else _json(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
