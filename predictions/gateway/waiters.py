"""How a caller waits: a thread on a lock, a coroutine on a future."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from predictions.gateway.lanes import PATIENCE_SECONDS, Waiter
from predictions.values import Ask


@dataclass(slots=True, eq=False)
class ThreadWaiter(Waiter):
    """A thread that stands still until its rows are answered."""

    # Never made by default: a lock that nobody holds lets everybody pass.
    woken: threading.Lock = None  # type: ignore[assignment]

    @classmethod
    def of(cls, ask: Ask, deadline: float) -> ThreadWaiter:
        """For the calling thread. ``deadline`` in seconds since the epoch."""
        lock = threading.Lock()
        lock.acquire()
        return cls(ask=ask, rows=len(ask.rows), deadline=deadline, woken=lock)

    def wait(self, seconds: float | None = None) -> bool:
        """True once answered or failed; False after ``seconds``, or at the deadline when none are given."""
        left = self.deadline - time.time() if seconds is None else seconds
        return self.woken.acquire(timeout=max(left, 0.0))

    def wake(self) -> None:
        """Let the thread go on."""
        if self.woken.locked():
            self.woken.release()


@dataclass(slots=True, eq=False)
class LoopWaiter(Waiter):
    """A coroutine of an event loop; the loop's thread goes on with others."""

    future: asyncio.Future[None] = None  # type: ignore[assignment]
    thread: int = 0

    @classmethod
    def of(cls, ask: Ask, deadline: float) -> LoopWaiter:
        """For a coroutine of the running loop. ``deadline`` in seconds since the epoch."""
        return cls(
            ask=ask,
            rows=len(ask.rows),
            deadline=deadline,
            future=asyncio.get_running_loop().create_future(),
            thread=threading.get_ident(),
        )

    def wake(self) -> None:
        """Let the coroutine go on."""
        if threading.get_ident() == self.thread:
            self._settle()
        else:
            self.future.get_loop().call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class Patience:
    """What the clock does to a coroutine that waits: so long for company, and for an answer until the deadline."""

    __slots__ = ("_give_up", "_push", "_timer", "_waiter")

    def __init__(self, waiter: LoopWaiter, *, push: Callable[[], None], give_up: Callable[[], None]) -> None:
        self._waiter = waiter
        self._push = push
        self._give_up = give_up

    def begin(self, *, is_sent: bool) -> None:
        """Start the clock."""
        loop = self._waiter.future.get_loop()
        left = max(self._waiter.deadline - time.time(), 0.0)
        if is_sent or left <= PATIENCE_SECONDS:
            self._timer = loop.call_later(left, self._end_of_all)
        else:
            self._timer = loop.call_later(PATIENCE_SECONDS, self._end_of_company)

    def end(self) -> None:
        """Stop it."""
        self._timer.cancel()

    def _end_of_company(self) -> None:
        self.begin(is_sent=True)
        self._push()

    def _end_of_all(self) -> None:
        # First of all: whatever becomes of the lane, the caller goes on.
        self._waiter.wake()
        self._give_up()
