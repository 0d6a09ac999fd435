"""The history as a CSV file, sent while it is read from the database."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet

from predictions.models import Prediction, SignatureRevision
from predictions.selectors import blocks, spreadsheets

CHUNK_ROWS = 2_000
BEFORE = ("id", "answered_at", "ml_model", "version", "signature_revision", "through")
AFTER = ("outcome", "score", "outputs", "warnings", "verdict", "right_answer", "review_reason")


def lines(rows: QuerySet[Prediction], ml_model: str) -> Iterator[str]:
    """CSV lines with a header: a column per input for one ``ml_model`` (slug), else all inputs as JSON."""
    revisions = SignatureRevision.objects.filter(version__ml_model__slug=ml_model)
    names_of = spreadsheets.names_by_revision(revisions) if ml_model else {}
    names = spreadsheets.all_names(names_of) if ml_model else None
    inputs = ("inputs",) if names is None else tuple(f"input.{name}" for name in names)
    yield spreadsheets.BEGINNING + spreadsheets.line((*BEFORE, *inputs, *AFTER))
    light = rows.defer("ml_model__card", "version__plan", "version__report", "revision__document")
    for row in blocks.filled(light.iterator(chunk_size=CHUNK_ROWS), CHUNK_ROWS):
        yield spreadsheets.line(
            (
                *spreadsheets.record_cells(row),
                *spreadsheets.input_cells(row, names_of, names),
                *spreadsheets.outcome_cells(row),
            )
        )
