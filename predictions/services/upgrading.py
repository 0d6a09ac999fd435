"""Bringing rows of the history's first version into the present one, in small steps beside everybody else.

Reading knows both forms, so nothing depends on when this is done; lists that filter by probability or warnings are faster
afterwards, and the old columns can go with a later version of the site.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from predictions.selectors.history_parts import HISTORY

BEGINNING = UUID(int=0)
ROWS_AT_ONCE = 2_000
SHARE_OF_TIME = 0.5
"""Of the time that passes, this much is spent at work: answers and autovacuum get the rest."""

_NEXT = f"SELECT id, outputs IS NOT NULL FROM {HISTORY} WHERE id > %s ORDER BY id LIMIT %s"  # noqa: S608 - a constant
# The score is known already; the margin is what lies between it and the next.
_UPGRADE = f"""
UPDATE {HISTORY} SET
    own = json_build_array(inputs, outputs, warnings),
    warned = warnings <> '[]'::jsonb,
    margin = (
        SELECT shares[1] - coalesce(shares[2], 0) FROM (
            SELECT array_agg(value::float8 ORDER BY value::float8 DESC) AS shares
            FROM jsonb_each_text(CASE WHEN jsonb_typeof(outputs -> 'probabilities') = 'object'
                THEN outputs -> 'probabilities' ELSE '{{}}' END)
            WHERE value IS NOT NULL
        ) AS sorted
    ),
    inputs = NULL, outputs = NULL, warnings = NULL
WHERE id = ANY(%s) AND outputs IS NOT NULL
"""  # noqa: S608 - a constant


@dataclass(frozen=True, slots=True)
class Step:
    """How far it came: rows looked at and changed in all, and the id to go on after."""

    seen: int
    changed: int
    after: UUID


def upgrade(
    after: UUID = BEGINNING,
    *,
    rows_at_once: int = ROWS_AT_ONCE,
    share_of_time: float = SHARE_OF_TIME,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Step]:
    """Upgrade all rows with ids above ``after``, one commit per step; stop wherever you like and go on from there.

    Rows that are upgraded already are only looked at, so doing it all again changes nothing.
    """
    seen = changed = 0
    while True:
        begun = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute(_NEXT, [after, rows_at_once])
            found = cursor.fetchall()
            if not found:
                return
            old = [row_id for row_id, is_old in found if is_old]
            if old:
                cursor.execute(_UPGRADE, [old])
                changed += cursor.rowcount
        seen += len(found)
        after = found[-1][0]
        yield Step(seen, changed, after)
        if old:
            sleep((time.monotonic() - begun) * (1 / share_of_time - 1))
