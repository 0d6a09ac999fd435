"""Cases asked together, as one line of a list: a thousand of them would otherwise push everything else away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from predictions.models import PredictionBlock
from predictions.models.ids import begins_block, earliest_id
from predictions.selectors.predictions import Owner
from predictions.selectors.windows import Seen

FIRST_LINES = 150
"""How many lines are looked through for a first page of one ml_model's; each costs a look into an index."""

MORE_LINES = 3_000
"""The same for every further page."""

NEAR = timedelta(days=45)
"""Most pages end within that time."""

LAST_POSITION = (1 << 16) - 1


@dataclass(frozen=True, slots=True)
class Lines:
    """Whose lines, from which ids on and before which, and what fits."""

    owner: Owner
    value: Any
    since_id: UUID | None = None
    below_id: UUID | None = None
    ml_model_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None


# From line to line: of cases in a block one index entry is read, whatever their number, and then the next that is
# beyond the block. Conditions and order are such that PostgreSQL takes the owner's index (`windows.of_one`). An id without its last 16 bits is that of the block (`models.ids.place_of`).
_LINES = """
WITH RECURSIVE line AS (
    (SELECT {columns}, 1 AS n FROM predictions_prediction AS p
        WHERE {mine} ORDER BY {order} LIMIT 1)
    UNION ALL
    SELECT following.*, line.n + 1 FROM line CROSS JOIN LATERAL (
        SELECT {columns} FROM predictions_prediction AS p
        WHERE {mine} AND p.id {beyond} line.edge ORDER BY {order} LIMIT 1
    ) AS following WHERE line.n < %(most)s
)
SELECT head, edge, fits, n FROM line WHERE fits OR n = %(most)s LIMIT %(limit)s
"""
_BLOCK = "CASE WHEN p.own IS NULL AND p.outputs IS NULL THEN (left(p.id::text, 32) || '{bits}')::uuid ELSE p.id END"


def lines(wanted: Lines, *, limit: int, most: int, ascending: bool = False) -> Seen:
    """The first ``limit`` lines, newest first unless ``ascending``: the id of a case, or the first id of a block.

    ``end`` is set when ``most`` lines were looked through before as many fitted. One query, or a second one for what
    is further away: each step from line to line looks into every month that is asked about.
    """
    near, far = _stretches(wanted, ascending=ascending)
    seen = _lines(near, limit=limit, most=most, ascending=ascending)
    if far is None or len(seen.ids) == limit or seen.end is not None:
        return seen
    rest = _lines(far, limit=limit - len(seen.ids), most=most, ascending=ascending)
    return Seen(seen.ids + rest.ids, rest.end)


def _stretches(wanted: Lines, *, ascending: bool) -> tuple[Lines, Lines | None]:
    """The months next to where one looks from, and the others."""
    if ascending:
        border = _moved(wanted.since_id, NEAR)
        if border is None or (wanted.below_id is not None and border >= wanted.below_id):
            return wanted, None
        return replace(wanted, below_id=border), replace(wanted, since_id=border)
    border = _moved(wanted.below_id or earliest_id(timezone.now()), -NEAR)
    if border is None or (wanted.since_id is not None and border <= wanted.since_id):
        return wanted, None
    return replace(wanted, since_id=border), replace(wanted, below_id=border)


def _moved(row_id: UUID | None, by: timedelta) -> UUID | None:
    if row_id is None:
        return None
    moved = (row_id.int >> 80) + by // timedelta(milliseconds=1)
    return UUID(int=min(max(moved, 0), (1 << 48) - 1) << 80)


def _lines(wanted: Lines, *, limit: int, most: int, ascending: bool) -> Seen:
    edge = _BLOCK.format(bits="ffff" if ascending else "0000")
    columns = f"{_BLOCK.format(bits='0000')} AS head, {edge} AS edge, {_fits(wanted)} AS fits"
    sql = _LINES.format(
        columns=columns,
        mine=_mine(wanted),
        order=f"p.{wanted.owner}, p.id" if ascending else f"p.{wanted.owner} DESC, p.id DESC",
        beyond=">" if ascending else "<",
    )
    values = {name: getattr(wanted, name) for name in Lines.__slots__} | {"most": most, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found = cursor.fetchall()
    ids = tuple(head for head, _edge, fits, _n in found if fits)
    used_up = len(ids) < limit and bool(found) and found[-1][3] == most
    return Seen(ids, found[-1][1] if used_up else None)


def counts(heads: Sequence[UUID]) -> dict[UUID, int]:
    """Of each id that is a block's, how many cases were asked together. One query."""
    maybe = [head for head in heads if begins_block(head)]
    return dict(PredictionBlock.objects.filter(pk__in=maybe).values_list("pk", "rows")) if maybe else {}


def last_of(head: UUID) -> UUID:
    """The greatest id that a case of this ask can have."""
    return UUID(int=head.int | LAST_POSITION)


def _mine(wanted: Lines) -> str:
    bounds = [f"p.{wanted.owner} >= %(value)s AND p.{wanted.owner} <= %(value)s"]
    if wanted.since_id is not None:
        bounds.append("p.id >= %(since_id)s")
    if wanted.below_id is not None:
        bounds.append("p.id < %(below_id)s")
    return " AND ".join(bounds)


def _fits(wanted: Lines) -> str:
    parts = []
    if wanted.ml_model_id is not None:
        parts.append("p.ml_model_id = %(ml_model_id)s")
    if wanted.since is not None:
        parts.append("p.created_at >= %(since)s")
    if wanted.until is not None:
        parts.append("p.created_at < %(until)s")
    return " AND ".join(parts) or "true"
