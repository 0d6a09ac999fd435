"""A history that has run for some months, for tests of what happens to a month."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection

from benchmarks.history.rows import arrange
from predictions.models.ids import earliest_id
from predictions.selectors.history_parts import BLOCKS, HISTORY, parts


@contextmanager
def months_since(first: datetime) -> Iterator[None]:
    """Parts by month from ``first`` on; afterwards one part for all of them again, and all answers gone."""
    boundary = parts()[0].end
    arrange(first)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for parent in (HISTORY, BLOCKS):
                for part in parts(parent):
                    if part.end <= boundary:
                        cursor.execute(f'DROP TABLE "{part.table}"')
                cursor.execute(
                    f'CREATE TABLE "{parent}_before_{boundary:%Y_%m}" PARTITION OF {parent} '
                    f"FOR VALUES FROM (MINVALUE) TO ('{earliest_id(boundary)}')"
                )
