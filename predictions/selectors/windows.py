"""Looking through recorded answers by what no index serves: a bounded number at a time.

A source is a queryset that one index gives in the order of ids (all answers, an ml_model's, an account's, …). What
else is wanted is looked at row by row, and only in the source's first ``WINDOW_ROWS`` rows: so a list costs what its
page costs, however long the history is. Ids are UUIDv7, so their order is that of time, and times are looked up by id.
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

WINDOW_ROWS = 20_000
"""How many answers a filter without an index looks through at a time."""

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
    ascending: bool = False,
    key: str = "pk",
    rows: int | None = None,
) -> Seen:
    """The first ``limit`` ids of ``source`` that fit, newest first unless ``ascending``.

    ``end`` is set when the window was used up before as many were found. Two queries at most.
    """
    ordered = source.order_by(key if ascending else f"-{key}", *_rest_of_order(source, key))
    if fits is None:
        return Seen(tuple(ordered.values_list(key, flat=True)[:limit]))
    rows = rows or WINDOW_ROWS
    found = _stream(ordered, fits, (key,), "", rows, limit)
    if len(found) == limit:
        return Seen(found)
    return Seen(found, ordered.values_list(key, flat=True)[rows - 1 : rows].first())


def least_certain(source: QuerySet[Any], fits: Q, *, limit: int, reverse: bool = False) -> Seen:
    """Of the source's newest ``WINDOW_ROWS`` rows those that fit, the least probable answer first.

    ``end`` is set whenever there are older rows than that.
    """
    ordered = source.order_by("-pk")
    order = "ORDER BY score DESC, id" if reverse else "ORDER BY score, id DESC"
    found = _stream(ordered, fits, ("pk", "score"), order, WINDOW_ROWS, limit)
    end = ordered.values_list("pk", flat=True)[WINDOW_ROWS - 1 : WINDOW_ROWS].first()
    return Seen(found, end)


def look_all(
    sources: Sequence[QuerySet[Any]], fits: Q | None, *, limit: int, ascending: bool = False
) -> Seen:
    """Like ``look`` for answers that are in any of several sources, each with an index of its own."""
    parts = [look(source, fits, limit=limit, ascending=ascending) for source in sources]
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


def _stream(
    ordered: QuerySet[Any], fits: Q, columns: Sequence[str], order: str, rows: int, limit: int
) -> tuple[UUID, ...]:
    """Ids of the first ``rows`` rows that fit.

    The condition is a column of the limited query, not its WHERE: that would change which rows are looked at, and
    the planner would be free to read all of them. PostgreSQL stops as soon as ``limit`` are found.
    """
    marked = ordered.annotate(fits=ExpressionWrapper(fits, output_field=BooleanField()))
    inner, values = marked.values_list(*columns, "fits")[:rows].query.sql_with_params()
    named = ", ".join(["id", *columns[1:], "fits"])
    with connections[ordered.db].cursor() as cursor:
        cursor.execute(
            f"SELECT id FROM ({inner}) AS looked({named}) WHERE fits {order} LIMIT %s",  # noqa: S608 - made by Django
            [*values, limit],
        )
        return tuple(row[0] for row in cursor.fetchall())


def _rest_of_order(source: QuerySet[Any], key: str) -> tuple[str, ...]:
    """What decides between rows with the same key."""
    return tuple(str(name) for name in source.query.order_by if str(name).lstrip("-") != key)
