"""Narrowing recorded answers down and paging through them without counting."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from predictions.models import Prediction, Review

Verdict = Literal["", "confirmed", "overruled", "none"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to keep; empty means all. ``until`` is exclusive. ``search`` is an id or a part of an outcome."""

    search: str = ""
    ml_model: str = ""
    outcome: str = ""
    verdict: Verdict = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, newest first, and whether there are newer and older ones."""

    rows: tuple[Prediction, ...]
    has_newer: bool
    has_older: bool


def narrowed(rows: QuerySet[Prediction], wanted: Wanted) -> QuerySet[Prediction]:
    """Keep the rows that are wanted."""
    if wanted.search:
        rows = rows.filter(_search(wanted.search))
    if wanted.ml_model:
        rows = rows.filter(ml_model__slug=wanted.ml_model)
    if wanted.outcome:
        rows = rows.filter(outcome=wanted.outcome)
    if wanted.since is not None:
        rows = rows.filter(created_at__gte=wanted.since)
    if wanted.until is not None:
        rows = rows.filter(created_at__lt=wanted.until)
    return _judged(rows, wanted.verdict)


def page(
    rows: QuerySet[Prediction], *, size: int, before: UUID | None = None, after: UUID | None = None
) -> Page:
    """``size`` rows older than ``before``, or newer than ``after``, or the newest. Ids sort by time.

    One query; the cost does not grow with how far one has paged.
    """
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("id")[: size + 1])
        return Page(tuple(reversed(found[:size])), has_newer=len(found) > size, has_older=True)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-id")[: size + 1])
    return Page(tuple(found[:size]), has_newer=before is not None, has_older=len(found) > size)


def _search(text: str) -> Q:
    try:
        return Q(pk=UUID(text))
    except ValueError:
        return Q(outcome__icontains=text)


def _judged(rows: QuerySet[Prediction], verdict: Verdict) -> QuerySet[Prediction]:
    # Joins to the few reviews, where comparing the annotated verdict would look at every row of the history.
    judged = Review.objects.filter(prediction=OuterRef("pk"))
    if verdict == "none":
        return rows.filter(~Exists(judged))
    if verdict:
        newer = Review.objects.filter(prediction=OuterRef("prediction"), pk__gt=OuterRef("pk"))
        return rows.filter(Exists(judged.filter(~Exists(newer), verdict=verdict)))
    return rows
