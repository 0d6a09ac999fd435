"""Recorded answers an actor may see."""

from __future__ import annotations

from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from predictions.errors import NotFound
from predictions.models import Prediction, Review
from predictions.values import Actor


def own(actor: Actor) -> QuerySet[Prediction]:
    """The actor's own answers, newest first: of the account, of the key, or of this browser session."""
    rows = _with_verdict(Prediction.objects.all())
    if actor.user_id is not None:
        mine = Q(user_id=actor.user_id)
        return rows.filter(mine | Q(visitor=actor.visitor) if actor.visitor else mine)
    if actor.api_key_id is not None:
        return rows.filter(api_key_id=actor.api_key_id)
    if actor.visitor is not None:
        return rows.filter(visitor=actor.visitor)
    return rows.none()


def visible_to(actor: Actor) -> QuerySet[Prediction]:
    """Own answers; for staff, every answer."""
    if actor.is_superuser or actor.is_staff:
        return _with_verdict(Prediction.objects.all())
    return own(actor)


def get(actor: Actor, prediction_id: UUID) -> Prediction:
    """One answer with everything its page shows. Raises NotFound."""
    found = (
        visible_to(actor)
        .select_related("ml_model", "version", "revision", "user", "api_key")
        .filter(pk=prediction_id)
        .first()
    )
    if found is None:
        raise NotFound("There is no prediction with that id in your history.")
    return found


def reviews(prediction: Prediction) -> QuerySet[Review]:
    """What reviewers said of it, newest first."""
    return prediction.reviews.select_related("reviewer").order_by("-id")


def _with_verdict(rows: QuerySet[Prediction]) -> QuerySet[Prediction]:
    """Annotates ``verdict``, ``right_outcome`` and ``review_reason`` of the newest review (None without one)."""
    newest = Review.objects.filter(prediction=OuterRef("pk")).order_by("-id")
    return (
        rows.annotate(
            verdict=Subquery(newest.values("verdict")[:1]),
            right_outcome=Subquery(newest.values("outcome")[:1]),
            review_reason=Subquery(newest.values("reason")[:1]),
        )
        .select_related("ml_model", "version", "revision")
        .order_by("-id")
    )
