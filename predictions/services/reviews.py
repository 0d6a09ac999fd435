"""A reviewer's verdict on a recorded answer."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from predictions.errors import DeskError, NotAllowed
from predictions.models import Prediction, Review
from predictions.values import Actor


def confirm(*, predictions: Iterable[Prediction], actor: Actor) -> list[Review]:
    """Say of each that the answer stands. Raises NotAllowed for people outside the staff."""
    reviewer = _reviewer(actor)
    rows = [
        Review(prediction=row, verdict=Review.Verdict.CONFIRMED, reviewer_id=reviewer) for row in predictions
    ]
    return Review.objects.bulk_create(rows)


@transaction.atomic
def overrule(
    *, predictions: Iterable[Prediction], actor: Actor, reason: str, outcome: str = ""
) -> list[Review]:
    """Say of each that the answer was wrong, why, and (when known) what was right; the row itself stays.

    Raises NotAllowed, DeskError code ``reason_missing``.
    """
    reviewer = _reviewer(actor)
    if not reason.strip():
        raise DeskError("Write why the answer is overruled.", code="reason_missing", field="reason")
    rows = [
        Review(
            prediction=row,
            verdict=Review.Verdict.OVERRULED,
            reviewer_id=reviewer,
            reason=reason.strip(),
            outcome=outcome.strip()[:200],
        )
        for row in predictions
    ]
    return Review.objects.bulk_create(rows)


def _reviewer(actor: Actor) -> int:
    if actor.user_id is None or not (actor.is_staff or actor.is_superuser):
        raise NotAllowed("Only reviewers can judge an answer.")
    return actor.user_id
