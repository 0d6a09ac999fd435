"""The history as a CSV file, sent while it is read from the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from predictions.models import SignatureRevision
from predictions.selectors import predictions, spreadsheets

CHUNK_ROWS = 2_000
BEFORE = ("id", "answered_at", "ml_model", "version", "signature_revision", "through")
AFTER = ("outcome", "score", "outputs", "warnings", "verdict", "right_answer", "review_reason")


def lines(pieces: Iterable[Sequence[UUID]], ml_model: str) -> Iterator[str]:
    """CSV lines with a header: a column per input for one ``ml_model`` (slug), else all inputs as JSON.

    ``pieces`` of ids are read one after the other: no long transaction, little memory.
    """
    revisions = SignatureRevision.objects.filter(version__ml_model__slug=ml_model)
    names_of = spreadsheets.names_by_revision(revisions) if ml_model else {}
    names = spreadsheets.all_names(names_of) if ml_model else None
    inputs = ("inputs",) if names is None else tuple(f"input.{name}" for name in names)
    yield spreadsheets.BEGINNING + spreadsheets.line((*BEFORE, *inputs, *AFTER))
    for ids in pieces:
        for row in predictions.whole(ids):
            yield spreadsheets.line(
                (
                    *spreadsheets.record_cells(row),
                    *spreadsheets.input_cells(row, names_of, names),
                    *spreadsheets.outcome_cells(row),
                )
            )
