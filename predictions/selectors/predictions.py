"""Recorded answers an actor may see."""

from __future__ import annotations

from uuid import UUID

from django.db.models import BooleanField, Case, OuterRef, Q, QuerySet, Subquery, Value, When

from predictions.errors import NotFound
from predictions.models import Prediction, Review
from predictions.selectors import blocks
from predictions.values import Actor

# Rows of the first version of the table say it only in their JSON until `manage.py upgrade_history` came by. Conditions
# are spelled so that a null in the other rows leaves no third truth value.
HAS_PROBABILITIES = Q(margin__isnull=False) | Q(
    margin__isnull=True, old_outputs__isnull=False, old_outputs__has_key="probabilities"
)
HAS_WARNINGS = Q(warned=True) | Q(Q(warned=False, old_warnings__isnull=False), ~Q(old_warnings=[]))


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


def for_lists(rows: QuerySet[Prediction]) -> QuerySet[Prediction]:
    """Without inputs and outputs; annotates ``has_probabilities`` and ``has_warnings``."""
    return blocks.without_cases(rows).annotate(
        has_probabilities=_truth(HAS_PROBABILITIES), has_warnings=_truth(HAS_WARNINGS)
    )


def _truth(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())


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
