"""Grouping: who goes in the next message of one version. No network in here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from predictions.errors import DeskError, TooManyRequests
from predictions.gateway.tiers import COLD, FAST, HEAVY, Cost, Pace, Tier
from predictions.values import Ask, AskReply

MAX_IN_FLIGHT = 4
"""Groups of one version that one web process has under way at most, also when their replies do not come."""

PATIENCE_SECONDS = 0.1
"""How long a caller waits for the groups under way before its own is sent beside them.

While it waits others join it: a message costs more than an answer, so under load fewer and larger messages serve
everybody sooner. The time is far above what a group of the fast queue takes; it matters when a worker hangs.
"""

SURE_SHARE = 0.6
"""Whoever the lane's pace would answer in this share of its time is let in: a pace is a mean, and may drop."""

NEW_SECONDS = 1.0
"""How long the callers of an ml_model nobody has measured yet are not counted among those of slow ones."""


@dataclass(slots=True, eq=False)
class Waiter:
    """One caller until its rows are answered; ``waiters`` has those of threads and those of an event loop."""

    ask: Ask
    rows: int
    deadline: float
    reply: AskReply | None = None
    answered_at: float = 0.0
    error: DeskError | None = None
    group_id: int | None = None
    times: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """As ``timings.answered`` takes them."""

    def wake(self) -> None:
        """Let the caller go on, from whatever thread; only the first time counts."""
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class Batch:
    """A message about to be sent, or under way."""

    id: int
    lane: Lane
    tier: Tier
    rows: int
    sent_at: float
    waiters: dict[int, Waiter] = field(default_factory=dict)

    @property
    def deadline(self) -> float:
        """When its last caller stops waiting."""
        return max(waiter.deadline for waiter in self.waiters.values())

    def is_awaited_besides(self, waiter: Waiter) -> bool:
        """Whether callers who came later than ``waiter`` still wait for the reply."""
        # Clocks are not exact: the last caller must not take itself for an earlier one.
        soon = time.time() + 0.05
        return any(other.deadline > soon for other in self.waiters.values() if other is not waiter)

    def fail(self, error: DeskError) -> None:
        """Give every caller the same error."""
        for waiter in self.waiters.values():
            waiter.error = error
            waiter.wake()


@dataclass(frozen=True, slots=True)
class Key:
    """What callers must share to go in one message."""

    ml_model_id: int
    version_id: int
    revision_id: int


class Lane:
    """The callers of one version and revision in one web process."""

    def __init__(self, key: Key, *, next_id: Callable[[], int], max_rows: int, max_waiting: int) -> None:
        self.key = key
        self._next_id = next_id
        self._max_rows = max_rows
        self._max_waiting = max_waiting
        self._lock = threading.Lock()
        self._pending: list[Waiter] = []
        self._pending_rows = 0
        self._in_flight: dict[int, Batch] = {}
        self._cost = Cost()
        self._pace = Pace()
        self._has_refused = False
        self._made_at = time.monotonic()
        self.last_used = time.monotonic()

    def join(self, waiter: Waiter) -> Batch | None:
        """Queue a caller. Returns the batch to send now when few enough are under way, else None.

        Raises TooManyRequests when too many rows wait already, or more than can be answered before the deadline.
        """
        with self._lock:
            self.last_used = time.monotonic()
            self._require_room(waiter)
            self._pending.append(waiter)
            self._pending_rows += waiter.rows
            return self._take() if len(self._in_flight) < self.tier.at_once else None

    def push(self, waiter: Waiter) -> Batch | None:
        """The caller waited long enough for company: the next batch to send, unless it is sent or too many are.

        It goes where slow ones go: what does not come back in time must not take the fast ones' threads one by one.
        """
        with self._lock:
            if (
                waiter.group_id is not None
                or not self.tier.is_pushed
                or len(self._in_flight) >= MAX_IN_FLIGHT
            ):
                return None
            return self._take(HEAVY)

    def finish(self, batch_id: int, inferred: float | None = None) -> tuple[Batch | None, Batch | None]:
        """A reply came (or is given up): the batch it is for, and the next one to send, where there are such.

        ``inferred``: seconds the runtime took for it; None when that is not known.
        """
        with self._lock:
            done = self._in_flight.pop(batch_id, None)
            if done is not None and inferred is not None:
                self._cost.note(inferred, done.rows)
                self._note_pace(done)
            may_send = done is not None and self._pending and len(self._in_flight) < self.tier.at_once
            return done, self._take() if may_send else None

    def _note_pace(self, done: Batch) -> None:
        # Where callers were refused nobody waits behind a group, and the lane would be held for slow for ever.
        is_followed = bool(self._pending) or self._has_refused
        self._has_refused = False
        if done.tier is not COLD:
            # What that took was loading.
            self._pace.note(
                now=time.monotonic(),
                sent_at=done.sent_at,
                groups=self._groups(done.rows),
                is_followed=is_followed,
            )

    def leave(self, waiter: Waiter) -> None:
        """A caller gives up before being sent."""
        with self._lock:
            if waiter in self._pending:
                self._pending.remove(waiter)
                self._pending_rows -= waiter.rows

    @property
    def waiting_rows(self) -> int:
        """Rows of callers that are not sent yet."""
        return self._pending_rows

    @property
    def tier(self) -> Tier:
        """Where a group of what waits now would go."""
        return self._cost.tier(min(self._pending_rows, self._max_rows))

    @property
    def is_fast(self) -> bool:
        """Whether its callers are gone in no time."""
        return self._cost.tier(1) is FAST

    @property
    def is_new(self) -> bool:
        """Not measured yet, and asked for the first time a moment ago."""
        return not self._cost.is_known and time.monotonic() - self._made_at < NEW_SECONDS

    @property
    def is_idle(self) -> bool:
        return not self._pending and not self._in_flight

    def _require_room(self, waiter: Waiter) -> None:
        waiting = self._pending_rows + waiter.rows
        if self._pending_rows and waiting > self._max_waiting:
            raise TooManyRequests(
                "More cases are waiting for this ML model than the site holds. Try again in a moment.",
                code="queue_full",
                retry_after=2,
            )
        before = sum(batch.rows for batch in self._in_flight.values())
        # With nobody before it a caller is let in whatever it costs: its deadline decides.
        seconds = self._expected(waiting + before) if self._pending_rows + before else 0.0
        if seconds > waiter.deadline - time.time():
            self._has_refused = True
            raise TooManyRequests(
                "More cases are waiting for this ML model than it can answer in time. Try again in a moment.",
                code="queue_full",
                retry_after=max(1, min(60, round(seconds / 2))),
            )

    def _expected(self, rows: int) -> float:
        seconds = self._pace.of(self._groups(rows))
        return self._cost.of(rows) if seconds is None else seconds / SURE_SHARE

    def _groups(self, rows: int) -> float:
        """How many full groups so many rows are, 1 at least."""
        return max(1.0, rows / self._cost.most_rows(self._max_rows))

    def _take(self, tier: Tier | None = None) -> Batch | None:
        if not self._pending:
            return None
        limit = self._cost.most_rows(self._max_rows)
        rows, count = 0, 0
        for waiter in self._pending:
            if count and rows + waiter.rows > limit:
                break
            rows += waiter.rows
            count += 1
        taken, self._pending = self._pending[:count], self._pending[count:]
        self._pending_rows -= rows
        batch = Batch(self._next_id(), self, tier or self._cost.tier(rows), rows, time.monotonic())
        for waiter in taken:
            waiter.group_id = batch.id
            batch.waiters[waiter.ask.number] = waiter
        self._in_flight[batch.id] = batch
        return batch
