"""Looking through recorded answers by what no index serves: a bounded number at a time.

A source is what one index gives in the order of ids (all answers, an ml_model's, an account's, …). What
else is wanted is looked at row by row, and only in the source's first so many rows: so a list costs what its page
costs, however long the history is. Who goes on from there gets a window that is larger. Ids are UUIDv7, so their order is that of time, and times are looked up by id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from predictions.models import Prediction
from predictions.models.ids import earliest_id

FIRST_ROWS = 1_000
"""How many answers a filter without an index looks through for a first page: half a millisecond's worth."""

MORE_ROWS = 40_000
"""The same for every further page."""

ASKED_BEFORE = timedelta(seconds=60)
"""An id is made when the question arrives, the row's time is that of the answer: at most the deadline later."""

CLOCKS_APART = timedelta(seconds=5)
"""How far a web host's clock may be ahead of a worker's."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Ids of what was found, in order. ``end``: the last answer looked at, where there may be more beyond it."""

    ids: tuple[UUID, ...]
    end: UUID | None = None


NOTHING = Seen(())


def id_bounds(since: datetime | None, until: datetime | None) -> tuple[UUID | None, UUID | None]:
    """The ids (from, below) that answers given from ``since`` and before ``until`` can have."""
    return (
        None if since is None else earliest_id(since - ASKED_BEFORE),
        None if until is None else earliest_id(until + CLOCKS_APART),
    )


@dataclass(frozen=True, slots=True)
class Source:
    """Rows that one index gives in the order of ``key``, an id. ``lead``: the column that the index begins with."""

    rows: QuerySet[Any]
    lead: str = ""
    key: str = "pk"

    def only(self, **conditions: Any) -> Source:
        """Fewer of them."""
        return replace(self, rows=self.rows.filter(**conditions)) if conditions else self

    def between(self, since: UUID | None = None, below: UUID | None = None) -> Source:
        """Only ids from ``since`` on and before ``below``."""
        bounds = {f"{self.key}__gte": since, f"{self.key}__lt": below}
        return self.only(**{name: value for name, value in bounds.items() if value is not None})

    def ordered(self, *, ascending: bool) -> QuerySet[Any]:
        """By id."""
        sign = "" if ascending else "-"
        last = tuple(name for name in self.rows.query.order_by if str(name).lstrip("-") != self.key)
        lead = (sign + self.lead,) if self.lead else ()
        return self.rows.order_by(*lead, sign + self.key, *last)


def everything() -> Source:
    """All answers."""
    return Source(Prediction.objects.all())


def of_one(column: str, value: Any) -> Source:
    """The answers with this value in a column that an index begins with.

    Written as a range and put in the order of the column too, which changes nothing but that PostgreSQL takes this
    index. Told ``column = value``, it goes through everybody's answers from the newest on as soon as it takes the value
    for common; where that was long ago, it reads a month for a page.
    """
    bounds = {f"{column}__gte": value, f"{column}__lte": value}
    return Source(Prediction.objects.filter(**bounds), lead=column)


def look(source: Source, fits: Q | None, *, limit: int, rows: int, ascending: bool = False) -> Seen:
    """The first ``limit`` ids of ``source`` that fit, newest first unless ``ascending``, among its first ``rows``.

    ``end`` is set when the window was used up before as many were found. One query.

    The condition is a column of the limited query, not its WHERE: that would change which rows are looked at, and
    the planner would be free to read all of them. PostgreSQL stops as soon as ``limit`` are found.
    """
    ordered = source.ordered(ascending=ascending)
    if fits is None:
        return Seen(tuple(ordered.values_list(source.key, flat=True)[:limit]))
    inner, values = _marked(ordered, fits, source.key)[:rows].query.sql_with_params()
    found = _rows(
        ordered,
        f"SELECT id, fits, n FROM (SELECT id, fits, row_number() OVER () AS n FROM ({inner}) AS looked (id, fits)) "  # noqa: S608 - made by Django
        "AS counted WHERE fits OR n = %s LIMIT %s",
        (*values, rows, limit),
    )
    ids = tuple(row_id for row_id, fitted, _n in found if fitted)
    used_up = len(ids) < limit and bool(found) and found[-1][2] == rows
    return Seen(ids, found[-1][0] if used_up else None)


def least_certain(source: Source, fits: Q, *, limit: int, rows: int, reverse: bool = False) -> Seen:
    """Of the source's newest ``rows`` rows those that fit, the least probable answer first.

    ``end`` is set whenever there are older rows than that.
    """
    ordered = source.ordered(ascending=False)
    order = "score DESC, id" if reverse else "score, id DESC"
    inner, values = _marked(ordered, fits, "pk", "score")[:rows].query.sql_with_params()
    found = _rows(
        ordered,
        f"SELECT id FROM ({inner}) AS looked (id, score, fits) WHERE fits ORDER BY {order} LIMIT %s",  # noqa: S608
        (*values, limit),
    )
    end = ordered.values_list("pk", flat=True)[rows - 1 : rows].first()
    return Seen(tuple(row_id for (row_id,) in found), end)


def look_all(
    sources: Sequence[Source], fits: Q | None, *, limit: int, rows: int, ascending: bool = False
) -> Seen:
    """Like ``look`` for answers that are in any of several sources, each with an index of its own."""
    parts = [look(source, fits, limit=limit, rows=rows, ascending=ascending) for source in sources]
    return merged(parts, limit=limit, ascending=ascending)


def merged(parts: Sequence[Seen], *, limit: int, ascending: bool = False) -> Seen:
    """One list of several, as far as all of them were looked through."""
    if len(parts) == 1:
        return parts[0]
    ends = [part.end or (part.ids[-1] if len(part.ids) == limit else None) for part in parts]
    known = [end for end in ends if end is not None]
    horizon = (min(known) if ascending else max(known)) if known else None
    ids = sorted({row_id for part in parts for row_id in part.ids}, reverse=not ascending)
    if horizon is not None:
        ids = [row_id for row_id in ids if (row_id <= horizon if ascending else row_id >= horizon)]
    return Seen(tuple(ids[:limit]), horizon if len(ids) < limit else None)


def _marked(ordered: QuerySet[Any], fits: Q, *columns: str) -> QuerySet[Any, tuple[Any, ...]]:
    marked: QuerySet[Any] = ordered.annotate(fits=ExpressionWrapper(fits, output_field=BooleanField()))
    found: QuerySet[Any, tuple[Any, ...]] = marked.values_list(*columns, "fits")
    return found


def _rows(source: QuerySet[Any], statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connections[source.db].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
