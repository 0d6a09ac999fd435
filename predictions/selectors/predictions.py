"""Recorded answers an actor may see."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any, Literal
from uuid import UUID

from django.db.models import BooleanField, Case, OuterRef, Q, QuerySet, Subquery, Value, When

from predictions.errors import NotFound
from predictions.models import Prediction, PredictionBlock, Review
from predictions.models.ids import place_of
from predictions.selectors import blocks, windows
from predictions.selectors.windows import Source
from predictions.values import Actor

# Rows of the first version of the table say it only in their JSON until `manage.py upgrade_history` came by. Conditions
# are spelled so that a null in the other rows leaves no third truth value.
HAS_PROBABILITIES = Q(margin__isnull=False) | Q(
    margin__isnull=True, old_outputs__isnull=False, old_outputs__has_key="probabilities"
)
HAS_WARNINGS = Q(warned=True) | Q(Q(warned=False, old_warnings__isnull=False), ~Q(old_warnings=[]))

Owner = Literal["user_id", "api_key_id", "visitor"]

_HEAVY = ("ml_model__card", "ml_model__description", "version__plan", "version__report")


def sources(actor: Actor) -> list[Source]:
    """The actor's own answers: of the account and of this browser session, or of the key."""
    return [windows.of_one(column, value) for column, value in owners(actor)]


def owners(actor: Actor) -> list[tuple[Owner, Any]]:
    """By which columns, each with an index, the actor's own answers are found."""
    if actor.user_id is None and actor.api_key_id is not None:
        return [("api_key_id", actor.api_key_id)]
    both: list[tuple[Owner, Any]] = [("user_id", actor.user_id), ("visitor", actor.visitor)]
    return [(column, value) for column, value in both if value is not None]


def visible_to(actor: Actor) -> QuerySet[Prediction]:
    """Own answers; for staff, every answer. To look one up: lists are read through ``sources``."""
    rows = with_verdict(Prediction.objects.all())
    if actor.is_superuser or actor.is_staff:
        return rows
    return rows.filter(_own(actor))


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
        raise NotFound(
            "There is no prediction with that id in your history. It may have been removed with its month."
        )
    return found


def listed(ids: Sequence[UUID]) -> list[Prediction]:
    """These answers in this order as lists show them: with their verdict, without their case. One query.

    Only for ids that were found for the reader; nobody's right is looked at here. Those that are gone are left out.
    """
    rows = with_verdict(for_lists(Prediction.objects.filter(pk__in=ids))).select_related(None)
    return in_order(rows.select_related("ml_model", "version").defer(*_HEAVY), ids)


def whole(ids: Sequence[UUID]) -> list[Prediction]:
    """Like ``listed``, with what an export says of each: its case, and who asked. Two queries, one more for blocks.

    Cases whose block went between the queries, with a month that is being purged, are left out.
    """
    rows = with_verdict(Prediction.objects.filter(pk__in=ids))
    related = ("ml_model", "version", "revision", "user", "api_key")
    found = in_order(rows.select_related(*related).defer(*_HEAVY, "revision__document"), ids)
    try:
        blocks.fill(found)
    except PredictionBlock.DoesNotExist:
        there = set(
            PredictionBlock.objects.filter(pk__in={place_of(row_id)[0] for row_id in ids}).values_list(
                "pk", flat=True
            )
        )
        found = [row for row in found if not row.is_in_block or place_of(row.pk)[0] in there]
        blocks.fill(found)
    return found


def in_order(rows: QuerySet[Prediction], ids: Sequence[UUID]) -> list[Prediction]:
    """The rows in the order of ``ids``."""
    if not ids:
        return []
    by_id = {row.pk: row for row in rows.order_by()}
    return [by_id[row_id] for row_id in ids if row_id in by_id]


def reviews(prediction: Prediction) -> QuerySet[Review]:
    """What reviewers said of it, newest first."""
    return prediction.reviews.select_related("reviewer").order_by("-id")


def with_verdict(rows: QuerySet[Prediction]) -> QuerySet[Prediction]:
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


def _own(actor: Actor) -> Q:
    return reduce(or_, (Q(**{column: value}) for column, value in owners(actor)), Q(pk__in=()))
