"""Looking through recorded answers by what no index serves: a bounded number at a time.

A source is a queryset that one index gives in the order of ids (all answers, an ml_model's, an account's, …). What
else is wanted is looked at row by row, and only in the source's first so many rows: so a list costs what its page
costs, however long the history is. Who goes on from there gets a window that is larger. Ids are UUIDv7, so their order is that of time, and times are looked up by id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import connections
from django.db.models import BooleanField, ExpressionWrapper, Model, Q, QuerySet

from predictions.models.ids import earliest_id

Row = TypeVar("Row", bound=Model)

FIRST_ROWS = 4_000
"""How many answers a filter without an index looks through for a first page: a millisecond's worth."""

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


def bounded(
    source: QuerySet[Row], since: UUID | None = None, below: UUID | None = None, *, key: str = "pk"
) -> QuerySet[Row]:
    """Only ids from ``since`` on and before ``below``."""
    if since is not None:
        source = source.filter(**{f"{key}__gte": since})
    return source if below is None else source.filter(**{f"{key}__lt": below})


def look(
    source: QuerySet[Any],
    fits: Q | None,
    *,
    limit: int,
    rows: int,
    ascending: bool = False,
    key: str = "pk",
) -> Seen:
    """The first ``limit`` ids of ``source`` that fit, newest first unless ``ascending``, among its first ``rows``.

    ``end`` is set when the window was used up before as many were found. One query.

    The condition is a column of the limited query, not its WHERE: that would change which rows are looked at, and
    the planner would be free to read all of them. PostgreSQL stops as soon as ``limit`` are found.
    """
    ordered = source.order_by(key if ascending else f"-{key}", *_rest_of_order(source, key))
    if fits is None:
        return Seen(tuple(ordered.values_list(key, flat=True)[:limit]))
    inner, values = _marked(ordered, fits, key)[:rows].query.sql_with_params()
    found = _rows(
        ordered,
        f"SELECT id, fits, n FROM (SELECT id, fits, row_number() OVER () AS n FROM ({inner}) AS looked (id, fits)) "  # noqa: S608 - made by Django
        "AS counted WHERE fits OR n = %s LIMIT %s",
        (*values, rows, limit),
    )
    ids = tuple(row_id for row_id, fitted, _n in found if fitted)
    used_up = len(ids) < limit and bool(found) and found[-1][2] == rows
    return Seen(ids, found[-1][0] if used_up else None)


def least_certain(source: QuerySet[Any], fits: Q, *, limit: int, rows: int, reverse: bool = False) -> Seen:
    """Of the source's newest ``rows`` rows those that fit, the least probable answer first.

    ``end`` is set whenever there are older rows than that.
    """
    ordered = source.order_by("-pk")
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
    sources: Sequence[QuerySet[Any]], fits: Q | None, *, limit: int, rows: int, ascending: bool = False
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
    marked = ordered.annotate(fits=ExpressionWrapper(fits, output_field=BooleanField()))
    return marked.values_list(*columns, "fits")


def _rows(source: QuerySet[Any], statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connections[source.db].cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _rest_of_order(source: QuerySet[Any], key: str) -> tuple[str, ...]:
    """What decides between rows with the same key."""
    return tuple(str(name) for name in source.query.order_by if str(name).lstrip("-") != key)
