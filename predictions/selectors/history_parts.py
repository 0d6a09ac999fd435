"""The parts of the history: one table per month of answers, one per month of blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from predictions.models import Prediction, PredictionBlock
from predictions.models.ids import moment_of

HISTORY = Prediction._meta.db_table  # noqa: SLF001 - Django's documented API
BLOCKS = PredictionBlock._meta.db_table  # noqa: SLF001

_BOUNDS = re.compile(r"FROM \((?:'(?P<begin>[0-9a-f-]{36})'|MINVALUE)\) TO \('(?P<end>[0-9a-f-]{36})'\)")


@dataclass(frozen=True, slots=True)
class Part:
    """A table that holds the rows with ids from ``first_id`` (None: from the beginning) and before ``end_id``."""

    table: str
    first_id: UUID | None
    end_id: UUID

    @property
    def begin(self) -> datetime | None:
        """When its first answer can have been asked for; None where the history begins with it."""
        return None if self.first_id is None else moment_of(self.first_id)

    @property
    def end(self) -> datetime:
        """When its last answer can no longer have been asked for."""
        return moment_of(self.end_id)


def parts(parent: str = HISTORY) -> list[Part]:
    """All parts of one of the two tables, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT part.relname, pg_get_expr(part.relpartbound, part.oid) FROM pg_inherits "
            "JOIN pg_class AS part ON part.oid = inhrelid WHERE inhparent = %s::regclass",
            [parent],
        )
        found = [(table, _BOUNDS.search(bounds)) for table, bounds in cursor.fetchall()]
    known = [
        Part(table, UUID(match["begin"]) if match["begin"] else None, UUID(match["end"]))
        for table, match in found
        if match
    ]
    return sorted(known, key=lambda part: part.end_id)


def rows_before(part: Part, end_id: UUID) -> int:
    """How many rows of the part have smaller ids. Reads that many entries of its index."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT count(*) FROM "{part.table}" WHERE id < %s', [end_id])  # noqa: S608 - from the catalog
        return int(cursor.fetchone()[0])


def detached(parent: str, mark: str) -> list[str]:
    """Tables that were taken out of the history under that mark and are still there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND NOT relispartition "
            "AND pg_table_is_visible(oid) AND starts_with(relname, %s) ORDER BY relname",
            [f"{parent}_{mark}_"],
        )
        return [row[0] for row in cursor.fetchall()]
