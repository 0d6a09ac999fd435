"""One's own history: narrowing it down and paging through it without counting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Literal, Protocol
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from predictions.models import MLModel, Prediction, Review
from predictions.selectors import asks, predictions, windows
from predictions.selectors.asks import Lines
from predictions.selectors.windows import NOTHING, Seen
from predictions.values import Actor

Verdict = Literal["", "confirmed", "overruled", "none"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to keep; empty means all. ``until`` is exclusive. ``search`` is an id or a part of an outcome.

    ``together``: only the cases of the ask with this first id.
    """

    search: str = ""
    ml_model: str = ""
    outcome: str = ""
    verdict: Verdict = ""
    since: datetime | None = None
    until: datetime | None = None
    together: UUID | None = None

    @property
    def is_of_asks(self) -> bool:
        """True when nothing is wanted in which cases asked together differ."""
        return not (self.search or self.outcome or self.verdict or self.together)


@dataclass(frozen=True, slots=True)
class Line:
    """One answer, or ``together`` of them that were asked for in one request; then ``row`` is the first."""

    row: Prediction
    together: int = 1


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines. ``back`` and ``on`` are where the pages before and after this one begin, if there are such.

    ``looked_through``: how many answers (or lines) were looked at when the page ends for that reason, else 0.
    """

    lines: tuple[Line, ...]
    back: UUID | None
    on: UUID | None
    looked_through: int = 0


class _Find(Protocol):
    def __call__(self, *, beyond: UUID | None, limit: int, ascending: bool) -> Seen: ...


def page(
    actor: Actor, wanted: Wanted, *, size: int, before: UUID | None = None, after: UUID | None = None
) -> Page:
    """``size`` lines older than ``before``, or newer than ``after``, or the newest; an ask begins with its first case.

    The cost does not grow with the history, nor with how far one has paged.
    """
    first_up = wanted.together is not None
    of_asks = wanted.is_of_asks
    find = partial(_lines, actor, wanted) if of_asks else partial(_cases, actor, wanted)
    forward, backward = (after, before) if first_up else (before, after)
    goes_back = backward is not None
    seen = find(beyond=backward or forward, limit=size + 1, ascending=first_up != goes_back)
    ids = seen.ids[:size][::-1] if goes_back else seen.ids[:size]
    lines = _shown(ids, of_asks=of_asks)
    more = len(seen.ids) > size
    there = seen.end or (ids[0 if goes_back else -1] if more else None)
    if goes_back:
        return Page(lines, back=_edge(lines, there), on=ids[-1] if ids else seen.end)
    looked = 0 if seen.end is None else _most_lines(forward) if of_asks else _most_rows(forward)
    return Page(
        lines, back=_edge(lines, ids[0]) if forward and ids else None, on=there, looked_through=looked
    )


def cases(
    actor: Actor, wanted: Wanted, *, limit: int, beyond: UUID | None = None, ascending: bool = False
) -> Seen:
    """Ids of single cases, newest first unless ``ascending``, beyond an id. ``end`` as in ``windows.look``."""
    return _cases(actor, wanted, beyond=beyond, limit=limit, ascending=ascending)


def pieces(actor: Actor, wanted: Wanted, size: int) -> Iterator[tuple[UUID, ...]]:
    """Ids of all cases that are wanted, newest first, in pieces of at most ``size``: no query takes long."""
    beyond: UUID | None = None
    while True:
        seen = _cases(actor, wanted, beyond=beyond, limit=size, ascending=False)
        yield seen.ids
        if len(seen.ids) < size and seen.end is None:
            return
        beyond = seen.end or seen.ids[-1]


@dataclass(frozen=True, slots=True)
class Asked:
    """Cases asked together: the first one's row, and how many there are."""

    first: Prediction
    cases: int


def ask(actor: Actor, first_id: UUID) -> Asked | None:
    """What was asked together under that first id, if the actor asked it."""
    count = asks.counts((first_id,)).get(first_id)
    found = [source.rows.filter(pk=first_id).exists() for source in predictions.sources(actor)]
    if count is None or not any(found):
        return None
    return next((Asked(row, count) for row in predictions.listed((first_id,))), None)


def used(actor: Actor, slug: str) -> MLModel | None:
    """The ml_model of that slug if the actor has answers of it among the newest."""
    found = MLModel.objects.filter(slug=slug).first()
    if found is None:
        return None
    fits = Q(ml_model_id=found.pk)
    seen = windows.look_all(predictions.sources(actor), fits, limit=1, rows=windows.FIRST_ROWS)
    return found if seen.ids else None


def _cases(actor: Actor, wanted: Wanted, *, beyond: UUID | None, limit: int, ascending: bool) -> Seen:
    fits = _fits(wanted)
    if fits is None:
        return NOTHING
    row_id = _as_id(wanted.search)
    exactly = {} if row_id is None else {"pk": row_id}
    bounds = _bounds(wanted, beyond, ascending=ascending)
    sources = [source.between(*bounds).only(**exactly) for source in predictions.sources(actor)]
    if not sources:
        return NOTHING
    return windows.look_all(sources, fits or None, limit=limit, rows=_most_rows(beyond), ascending=ascending)


def _lines(actor: Actor, wanted: Wanted, *, beyond: UUID | None, limit: int, ascending: bool) -> Seen:
    ml_model_id = None
    if wanted.ml_model:
        ml_model_id = MLModel.objects.filter(slug=wanted.ml_model).values_list("pk", flat=True).first()
        if ml_model_id is None:
            return NOTHING
    since, below = _bounds(wanted, beyond, ascending=ascending)
    parts = [
        asks.lines(
            Lines(owner, value, since, below, ml_model_id, wanted.since, wanted.until),
            limit=limit,
            most=_most_lines(beyond),
            ascending=ascending,
        )
        for owner, value in predictions.owners(actor)
    ]
    return windows.merged(parts, limit=limit, ascending=ascending) if parts else NOTHING


def _most_rows(beyond: UUID | None) -> int:
    return windows.FIRST_ROWS if beyond is None else windows.MORE_ROWS


def _most_lines(beyond: UUID | None) -> int:
    return asks.FIRST_LINES if beyond is None else asks.MORE_LINES


def _shown(ids: tuple[UUID, ...], *, of_asks: bool) -> tuple[Line, ...]:
    counts = asks.counts(ids) if of_asks else {}
    return tuple(Line(row, counts.get(row.pk, 1)) for row in predictions.listed(ids))


def _edge(lines: tuple[Line, ...], place: UUID | None) -> UUID | None:
    """Beyond all cases of the first line, for whoever goes on to newer ones."""
    if place is None or not lines or lines[0].row.pk != place:
        return place
    return UUID(int=place.int + lines[0].together - 1)


def _bounds(wanted: Wanted, beyond: UUID | None, *, ascending: bool) -> tuple[UUID | None, UUID | None]:
    """The ids (from, below) that are looked at."""
    since, below = windows.id_bounds(wanted.since, wanted.until)
    if wanted.together is not None:
        since, below = wanted.together, UUID(int=asks.last_of(wanted.together).int + 1)
    if beyond is None:
        return since, below
    if ascending:
        following = UUID(int=beyond.int + 1)
        return max(since or following, following), below
    return since, min(below or beyond, beyond)


def _fits(wanted: Wanted) -> Q | None:
    """What is looked at row by row (an empty Q for nothing); None when nothing can fit."""
    fits = Q()
    if wanted.ml_model:
        pk = MLModel.objects.filter(slug=wanted.ml_model).values_list("pk", flat=True).first()
        if pk is None:
            return None
        fits &= Q(ml_model_id=pk)
    if wanted.search and _as_id(wanted.search) is None:
        fits &= Q(outcome__icontains=wanted.search)
    if wanted.outcome:
        fits &= Q(outcome=wanted.outcome)
    if wanted.since is not None:
        fits &= Q(created_at__gte=wanted.since)
    if wanted.until is not None:
        fits &= Q(created_at__lt=wanted.until)
    return fits & _judged(wanted.verdict)


def _as_id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _judged(verdict: Verdict) -> Q:
    judged = Review.objects.filter(prediction=OuterRef("pk"))
    if verdict == "none":
        return ~Q(Exists(judged))
    if verdict:
        newer = Review.objects.filter(prediction=OuterRef("prediction"), pk__gt=OuterRef("pk"))
        return Q(Exists(judged.filter(~Exists(newer), verdict=verdict)))
    return Q()
