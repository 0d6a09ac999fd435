"""The history as a CSV file, sent while it is read from the database."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import QuerySet

from predictions.models import Prediction, SignatureRevision
from predictions.values import Value

CHUNK_ROWS = 2_000
BEFORE = ("id", "answered_at", "ml_model", "version", "signature_revision", "through")
AFTER = ("outcome", "score", "outputs", "warnings", "verdict", "right_answer", "review_reason")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class _Echo:
    """A file that hands back each line written to it."""

    def write(self, line: str) -> str:
        return line


def lines(rows: QuerySet[Prediction], ml_model: str) -> Iterator[str]:
    """CSV lines with a header: a column per input for one ``ml_model`` (slug), else all inputs as JSON."""
    names_of = _names_by_revision(ml_model) if ml_model else {}
    names = tuple(dict.fromkeys(name for names in names_of.values() for name in names))
    inputs = tuple(f"input.{name}" for name in names) if ml_model else ("inputs",)
    writer: Any = csv.writer(_Echo())
    # Tells spreadsheets that the text is UTF-8.
    yield "\ufeff" + writer.writerow([safe(title) for title in (*BEFORE, *inputs, *AFTER)])
    light = rows.defer("ml_model__card", "version__plan", "version__report", "revision__document")
    for row in light.iterator(chunk_size=CHUNK_ROWS):
        given = _inputs(row, names_of, names) if ml_model else (_json(row.inputs),)
        yield writer.writerow([safe(cell) for cell in (*_before(row), *given, *_after(row))])


def safe(value: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value


def _names_by_revision(ml_model: str) -> dict[int, tuple[str, ...]]:
    found = (
        SignatureRevision.objects.filter(version__ml_model__slug=ml_model)
        .order_by("-version__number", "-number")
        .values_list("pk", "document__inputs")
    )
    return {pk: tuple(item["name"] for item in inputs) for pk, inputs in found.iterator(chunk_size=20)}


def _inputs(
    row: Prediction, names_of: Mapping[int, tuple[str, ...]], names: tuple[str, ...]
) -> Iterable[object]:
    given = dict(zip(names_of.get(row.revision_id, ()), row.inputs, strict=False))
    return [_cell(given.get(name)) for name in names]


def _before(row: Prediction) -> Iterable[object]:
    return (
        str(row.pk),
        row.created_at.isoformat(),
        row.ml_model.name,
        row.version.number,
        row.revision.number,
        row.face,
    )


def _after(row: Any) -> Iterable[object]:
    return (
        row.outcome,
        "" if row.score is None else row.score,
        _json(row.outputs),
        "; ".join(str(item.get("message", "")) for item in row.warnings),
        row.verdict or "",
        row.right_outcome or "",
        row.review_reason or "",
    )


def _cell(value: Value) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str | int | float) else _json(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
