"""Recorded answers as a spreadsheet, sent while it is being read from the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.http import StreamingHttpResponse
from django.utils.text import slugify

from predictions.admin import cells
from predictions.models import SignatureRevision
from predictions.selectors import predictions, spreadsheets
from predictions.selectors.review_queue import Queue

CHUNK_ROWS = 2_000
_BEFORE = ("id", "answered", "ml_model", "version", "signature", "through", "asked_by")
_AFTER = ("answer", "score", "outputs", "warnings", "verdict", "right_answer", "reason", "milliseconds")


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of inputs by signature revision. ``names`` is None when several ml_models share the file."""

    by_revision: dict[int, tuple[str, ...]]
    names: tuple[str, ...] | None


def csv_response(
    pieces: Iterable[Sequence[UUID]], file_name: str, ml_model_id: int | None = None
) -> StreamingHttpResponse:
    """The answers with these ids: a column per input of the one ml_model they are of, else inputs as JSON."""
    response = StreamingHttpResponse(
        _lines(pieces, _columns(ml_model_id)), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = f'attachment; filename="{file_name}"'
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def file_name(queue: Queue) -> str:
    """What the spreadsheet of a list is called; safe in a header."""
    name = slugify(queue.ml_model) or "answers"
    return f"{name}-{datetime.now(UTC):%Y%m%d-%H%M}.csv"


def _columns(ml_model_id: int | None) -> Columns:
    if ml_model_id is None:
        return Columns({}, None)
    revisions = SignatureRevision.objects.filter(version__ml_model_id=ml_model_id)
    by_revision = spreadsheets.names_by_revision(revisions)
    return Columns(by_revision, spreadsheets.all_names(by_revision))


def _lines(pieces: Iterable[Sequence[UUID]], columns: Columns) -> Iterator[str]:
    titles = (*_BEFORE, *_input_names(columns), *_AFTER)
    yield spreadsheets.BEGINNING + spreadsheets.line(titles)
    for row in (row for ids in pieces for row in predictions.whole(ids)):
        yield spreadsheets.line(
            (
                *spreadsheets.record_cells(row),
                cells.asker(row),
                *spreadsheets.input_cells(row, columns.by_revision, columns.names),
                *spreadsheets.outcome_cells(row),
                round(row.duration_ms, 3),
            )
        )


def _input_names(columns: Columns) -> Sequence[str]:
    if columns.names is None:
        return ("inputs",)
    return [f"input.{name}" for name in columns.names]
