"""Removing whole months of answers, with everything that was said about them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from predictions.errors import Conflict, InvalidRequest, NotAllowed
from predictions.models import Prediction, Review
from predictions.models.ids import earliest_id
from predictions.selectors import history_parts
from predictions.selectors.history_parts import BLOCKS, HISTORY, Part
from predictions.services.locks import shortly
from predictions.values import Actor

REVIEWS_AT_ONCE = 1_000
ROWS_AT_ONCE = 5_000
MARK = "purged"
"""What is in the name of a part on its way out, so that an interrupted purge can be finished."""

_ONE_AT_A_TIME = 0x70757267
_MONTH = re.compile(r"(\d{4})-(\d{2})")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Going:
    """One part of the history as far as it goes. ``whole`` parts leave at once, of others row by row."""

    part: Part
    answers: int
    whole: bool

    @property
    def title(self) -> str:
        """The time it is of, in words."""
        last = moment_before(self.part.end)
        return f"{last:%B %Y}" if self.part.begin is not None else f"everything up to {last:%B %Y}"


@dataclass(frozen=True, slots=True)
class Purge:
    """What leaves the history: all answers before ``before``, and the reviews of them."""

    before: datetime
    going: tuple[Going, ...]
    reviews: int

    @property
    def answers(self) -> int:
        """All of them."""
        return sum(one.answers for one in self.going)


def month_of(text: str, *, now: datetime | None = None) -> datetime:
    """The beginning of a month (UTC) out of ``2025-11``.

    Raises InvalidRequest for parts of a month, and for months that are not over yet.
    """
    found = _MONTH.fullmatch(text.strip())
    if found is None or not 1 <= int(found[2]) <= 12 or int(found[1]) < 1970:
        raise InvalidRequest(
            "Answers leave in whole months. Write the first month that stays, such as 2025-11.",
            field="before",
        )
    month = datetime(int(found[1]), int(found[2]), 1, tzinfo=UTC)
    current = (now or datetime.now(UTC)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if month > current:
        raise InvalidRequest(
            f"Only months that are over can leave. The latest you can write is {current:%Y-%m}.",
            field="before",
        )
    return month


def plan(before: datetime) -> Purge:
    """What a purge would remove, counted."""
    end_id = earliest_id(before)
    going = [
        Going(part, history_parts.rows_before(part, end_id), part.end_id <= end_id)
        for part in history_parts.parts(HISTORY)
        if part.first_id is None or part.first_id < end_id
    ]
    reviews = Review.objects.filter(prediction_id__lt=end_id).count()
    return Purge(before, tuple(one for one in going if one.answers), reviews)


def purge(*, before: datetime, actor: Actor, say: Say = lambda text: None) -> Purge:
    """Remove all answers asked for before that month, and write down who did it. ``say`` hears of each step.

    Nobody who asks or reads waits longer than ``locks.LOCK_TIMEOUT_MS``. Interrupted, it goes on when run again.

    Raises NotAllowed, Conflict while another purge runs, TryLater when something keeps the tables.
    """
    if actor.user_id is None or not actor.is_superuser:
        raise NotAllowed("Only an admin can remove answers.")
    if not _begin():
        raise Conflict("Another purge is running. Wait until it is done.")
    try:
        wanted = plan(before)
        end_id = earliest_id(before)
        reviews = _delete_reviews(end_id)
        say(f"{reviews:,} reviews removed.")
        for parent in (HISTORY, BLOCKS):
            _remove(parent, end_id, say)
        # Of answers that were judged while they went.
        reviews += _delete_reviews(end_id)
        done = Purge(before, wanted.going, reviews)
        if done.answers or reviews:
            _write_down(done, actor.user_id)
        return done
    finally:
        _end()


def moment_before(end: datetime) -> datetime:
    """A moment in the last month before ``end``, the beginning of a month."""
    return datetime(end.year - (end.month == 1), end.month - 1 or 12, 1, tzinfo=UTC)


def _remove(parent: str, end_id: UUID, say: Say) -> None:
    for table in history_parts.detached(parent, MARK):
        _drop(table)
    for part in history_parts.parts(parent):
        if part.end_id <= end_id:
            _take_out(parent, part)
            say(f"{part.table} removed.")
        elif part.first_id is None or part.first_id < end_id:
            rows = _delete_rows(part, end_id)
            say(f"{rows:,} rows of {part.table} removed.")


def _take_out(parent: str, part: Part) -> None:
    """First out of the table everybody uses, which takes a moment, then away, which may take longer."""
    on_its_way = part.table.replace(parent, f"{parent}_{MARK}", 1)

    def take_out(cursor: Any) -> None:
        cursor.execute(f'ALTER TABLE {parent} DETACH PARTITION "{part.table}"')
        cursor.execute(f'ALTER TABLE "{part.table}" RENAME TO "{on_its_way}"')

    shortly(take_out)
    _drop(on_its_way)


def _drop(table: str) -> None:
    shortly(lambda cursor: cursor.execute(f'DROP TABLE "{table}"'))


def _delete_rows(part: Part, end_id: UUID) -> int:
    """Of a part that reaches into the months that stay. Its space is used again once it was vacuumed."""
    rows = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f'DELETE FROM "{part.table}" WHERE id IN ('  # noqa: S608 - from the catalog
                f'SELECT id FROM "{part.table}" WHERE id < %s ORDER BY id LIMIT %s)',
                [end_id, ROWS_AT_ONCE],
            )
            gone: int = cursor.rowcount
        rows += gone
        if gone < ROWS_AT_ONCE:
            return rows


def _delete_reviews(end_id: UUID) -> int:
    """In small steps, so that no reviewer waits."""
    removed = 0
    while True:
        some = list(
            Review.objects.filter(prediction_id__lt=end_id)
            .order_by("prediction_id")
            .values_list("pk", flat=True)[:REVIEWS_AT_ONCE]
        )
        gone: int = Review.objects.filter(pk__in=some).delete()[0]
        removed += gone
        if len(some) < REVIEWS_AT_ONCE:
            return removed


def _write_down(done: Purge, user_id: int) -> None:
    LogEntry.objects.create(
        user_id=user_id,
        content_type=ContentType.objects.get_for_model(Prediction),
        object_repr=f"Answers before {done.before:%Y-%m}",
        action_flag=DELETION,
        change_message=f"Purged {done.answers} answers and {done.reviews} reviews of them.",
    )


def _begin() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_ONE_AT_A_TIME])
        return bool(cursor.fetchone()[0])


def _end() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [_ONE_AT_A_TIME])
