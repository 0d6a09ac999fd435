"""Recorded answers as a spreadsheet, sent while it is being read from the database."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils.text import slugify

from predictions.admin import cells
from predictions.models import Prediction, SignatureRevision
from predictions.selectors.review_queue import Queue

CHUNK_ROWS = 2_000
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - spreadsheets take these too
_BEFORE = ("id", "answered", "ml_model", "version", "signature", "through", "asked_by")
_AFTER = ("answer", "score", "outputs", "warnings", "verdict", "right_answer", "reason", "milliseconds")


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of inputs by signature revision. ``names`` is None when several ml_models share the file."""

    by_revision: dict[int, tuple[str, ...]]
    names: tuple[str, ...] | None


def csv_response(
    found: QuerySet[Prediction], file_name: str, ml_model_id: int | None = None
) -> StreamingHttpResponse:
    """All rows of ``found``, newest first: a column per input of the one ml_model they are of, else inputs as JSON."""
    response = StreamingHttpResponse(
        _lines(found, _columns(ml_model_id)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{file_name}"'
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def file_name(queue: Queue) -> str:
    """What the spreadsheet of a list is called; safe in a header."""
    name = slugify(queue.ml_model) or "answers"
    return f"{name}-{datetime.now(UTC):%Y%m%d-%H%M}.csv"


def safe(value: object) -> object:
    """A cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return f"'{value}"
    return value


class _Echo:
    """A file for csv.writer that hands each line back."""

    def write(self, line: str) -> str:
        return line


def _columns(ml_model_id: int | None) -> Columns:
    if ml_model_id is None:
        return Columns({}, None)
    revisions = (
        SignatureRevision.objects.filter(version__ml_model_id=ml_model_id)
        .order_by("-version__number", "-number")
        .values_list("pk", "document")
    )
    by_revision: dict[int, tuple[str, ...]] = {}
    names: dict[str, None] = {}
    for pk, document in revisions.iterator(chunk_size=50):
        by_revision[pk] = tuple(item["name"] for item in document["inputs"])
        names.update(dict.fromkeys(by_revision[pk]))
    return Columns(by_revision, tuple(names))


def _lines(found: QuerySet[Prediction], columns: Columns) -> Iterator[str]:
    writer: Any = csv.writer(_Echo())
    # The mark that makes spreadsheets read UTF-8.
    yield "\ufeff" + writer.writerow([safe(name) for name in (*_BEFORE, *_input_names(columns), *_AFTER)])
    for row in _newest_first(found):
        values = (*_before(row), *_inputs(row, columns), *_after(row))
        yield writer.writerow([safe(value) for value in values])


def _input_names(columns: Columns) -> Sequence[str]:
    if columns.names is None:
        return ("inputs",)
    return [f"input.{name}" for name in columns.names]


def _newest_first(found: QuerySet[Prediction]) -> Iterator[Prediction]:
    """Rows in pieces, each starting where the last one ended: no long transaction, little memory."""
    rows = found.select_related(None).select_related("ml_model", "version", "revision", "user", "api_key")
    rows = rows.defer("ml_model__card", "version__plan", "version__report", "revision__document").order_by(
        "-pk"
    )
    piece = list(rows[:CHUNK_ROWS])
    while piece:
        yield from piece
        if len(piece) < CHUNK_ROWS:
            return
        piece = list(rows.filter(pk__lt=piece[-1].pk)[:CHUNK_ROWS])


def _before(row: Prediction) -> Iterable[object]:
    return (
        str(row.pk),
        row.created_at.isoformat(),
        row.ml_model.name,
        row.version.number,
        row.revision.number,
        row.face,
        cells.asker(row),
    )


def _inputs(row: Prediction, columns: Columns) -> Sequence[object]:
    if columns.names is None:
        return (_json(row.inputs),)
    given = dict(zip(columns.by_revision.get(row.revision_id, ()), row.inputs, strict=False))
    return [_cell(given.get(name)) for name in columns.names]


def _after(row: Any) -> Iterable[object]:
    warnings = "; ".join(str(item.get("message", "")) for item in row.warnings or ())
    return (
        row.outcome,
        "" if row.score is None else row.score,
        _json(row.outputs),
        warnings,
        row.verdict or "",
        row.right_outcome or "",
        row.review_reason or "",
        round(row.duration_ms, 3),
    )


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str | int | float) else _json(value)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
