"""Making the monthly parts of the history before anybody needs them.

There is no part for everything else: it would have to be looked through for each new month, and a month could not leave
without a lock. Instead parts are made months ahead, and whoever finds none for his row makes it (``copying.write``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from predictions.models.ids import earliest_id
from predictions.selectors.history_parts import BLOCKS, HISTORY, parts
from predictions.services.locks import shortly

MONTHS_AHEAD = 3
"""How many months beyond the present one have their parts ready."""

_ONE_AT_A_TIME = 0x65787464


def extend(ahead: int = MONTHS_AHEAD, now: datetime | None = None) -> list[str]:
    """Make what is missing up to the end of the month ``ahead`` months from ``now``; returns the names of new parts.

    Safe beside readers, writers and itself. Raises TryLater when something keeps the tables for minutes.
    """
    until = month_after(now or timezone.now(), ahead + 1)
    made: list[str] = []

    def make(cursor: Any) -> None:
        made.clear()
        # Whoever comes second waits here and then finds nothing left to do.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        for table in (HISTORY, BLOCKS):
            made.extend(_extend(cursor, table, until))

    if any(_end_of(table) < until for table in (HISTORY, BLOCKS)):
        shortly(make)
    return made


def month_after(moment: datetime, months: int) -> datetime:
    """The beginning of the month (UTC) that many months after the one of ``moment``."""
    moment = moment.astimezone(UTC)
    count = moment.year * 12 + moment.month - 1 + months
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)


def _end_of(table: str) -> datetime:
    there = parts(table)
    return there[-1].end if there else month_after(timezone.now(), 0)


def _extend(cursor: Any, table: str, until: datetime) -> list[str]:
    made = []
    begin = _end_of(table)
    while begin < until:
        end = month_after(begin, 1)
        made.append(_make(cursor, table, begin, end))
        begin = end
    return made


def _make(cursor: Any, table: str, begin: datetime, end: datetime) -> str:
    name = f"{table}_{begin:%Y_%m}"
    # Attaching an empty table does not shut out readers and writers; making it in its place would.
    cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING STORAGE)")
    cursor.execute(
        f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)",
        [earliest_id(begin), earliest_id(end)],
    )
    return name
