"""Grouping: who goes in the next message of one version. No network in here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from predictions.errors import DeskError, TooManyRequests
from predictions.values import Ask, AskReply

MAX_IN_FLIGHT = 8
"""Groups of one version that one web process has under way at most; enough to keep several workers busy."""

PATIENCE_SECONDS = 0.1
"""How long a caller waits for the group under way before its own is sent beside it.

While it waits others join it: a message costs more than an answer, so under load fewer and larger messages serve
everybody sooner. The time is far above what a group takes whose runtime is quick; it matters when a worker hangs.
"""

SLOW_SECONDS = 0.02
"""A runtime that takes longer than this for a group gets several groups at once, for several workers to work on."""

LEARNING = 0.1
"""How much the newest group counts in the average."""


@dataclass(slots=True, eq=False)
class Waiter:
    """One caller blocked in the web process until its rows are answered."""

    ask: Ask
    rows: int
    deadline: float
    woken: threading.Lock
    reply: AskReply | None = None
    answered_at: float = 0.0
    error: DeskError | None = None
    group_id: int | None = None
    times: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """As ``timings.answered`` takes them."""

    @classmethod
    def of(cls, ask: Ask, deadline: float) -> Waiter:
        lock = threading.Lock()
        lock.acquire()
        return cls(ask=ask, rows=len(ask.rows), deadline=deadline, woken=lock)

    def wait(self, seconds: float | None = None) -> bool:
        """True once answered or failed; False after ``seconds``, or at the deadline when none are given."""
        left = self.deadline - time.time() if seconds is None else seconds
        return self.woken.acquire(timeout=max(left, 0.0))

    def wake(self) -> None:
        """Let the caller go on; only the first time counts."""
        if self.woken.locked():
            self.woken.release()


@dataclass(slots=True, eq=False)
class Batch:
    """A message about to be sent, or under way."""

    id: int
    lane: Lane
    sent_at: float = 0.0
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
        self._inferring = 0.0
        self.last_used = time.monotonic()

    def join(self, waiter: Waiter) -> Batch | None:
        """Queue a caller. Returns the batch to send now when nothing is under way, else None.

        Raises TooManyRequests when too many rows wait already.
        """
        with self._lock:
            self.last_used = time.monotonic()
            if self._pending_rows and self._pending_rows + waiter.rows > self._max_waiting:
                raise TooManyRequests(
                    "More cases are waiting for this ML model than the site holds. Try again in a moment.",
                    code="queue_full",
                    retry_after=2,
                )
            self._pending.append(waiter)
            self._pending_rows += waiter.rows
            at_once = MAX_IN_FLIGHT if self._inferring > SLOW_SECONDS else 1
            return self._take() if len(self._in_flight) < at_once else None

    def push(self, waiter: Waiter) -> Batch | None:
        """The caller waited long enough for company: the next batch to send, unless it is sent or too many are."""
        with self._lock:
            if waiter.group_id is not None or len(self._in_flight) >= MAX_IN_FLIGHT:
                return None
            return self._take()

    def finish(self, batch_id: int, inferred: float = 0.0) -> tuple[Batch | None, Batch | None]:
        """A reply came (or is given up): the batch it is for, and the next one to send, where there are such.

        ``inferred``: seconds the runtime took for it.
        """
        with self._lock:
            done = self._in_flight.pop(batch_id, None)
            if done is not None:
                self._inferring += LEARNING * (inferred - self._inferring)
            following = self._take() if done is not None and self._pending else None
            return done, following

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
    def is_idle(self) -> bool:
        return not self._pending and not self._in_flight

    def _take(self) -> Batch | None:
        if not self._pending:
            return None
        rows, count = 0, 0
        for waiter in self._pending:
            if count and rows + waiter.rows > self._max_rows:
                break
            rows += waiter.rows
            count += 1
        taken, self._pending = self._pending[:count], self._pending[count:]
        self._pending_rows -= rows
        batch = Batch(self._next_id(), self, time.monotonic())
        for waiter in taken:
            waiter.group_id = batch.id
            batch.waiters[waiter.ask.number] = waiter
        self._in_flight[batch.id] = batch
        return batch
