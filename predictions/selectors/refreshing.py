"""Looking again, on another thread, at what a coroutine goes on with meanwhile.

What selectors hold is good for a moment, and for as long again while somebody looks anew. A thread that finds it too old
looks by itself; a coroutine may not query, so it hands that over and goes on.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from django.core.exceptions import SynchronousOnlyOperation

logger = logging.getLogger(__name__)

Name = TypeVar("Name", bound=Hashable)
Found = TypeVar("Found")
Work = Callable[[], object]
_submit: Callable[[Work], Any] | None = None


def hand_to(submit: Callable[[Work], Any]) -> None:
    """From now on ``submit`` has this process's work done on threads that may query."""
    global _submit
    _submit = submit


def is_on_loop() -> bool:
    """Whether the calling thread runs coroutines, and may not query."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def later(work: Work) -> None:
    """Have it done soon. Raises SynchronousOnlyOperation in a process that has no threads for it."""
    if _submit is None:
        raise SynchronousOnlyOperation("This needs a query, and nobody here could make it.")
    _submit(lambda: _do(work))


def _do(work: Work) -> None:
    try:
        work()
    except Exception as error:
        # Whoever needs it next looks again, and hears of what is wrong.
        logger.warning("What was to be looked up anew could not be (%s).", type(error).__name__)


class Held(Generic[Name, Found]):
    """What was looked up, by name. Of many callers who meet something stale one looks again while the others go on."""

    def __init__(self, fresh_seconds: Callable[[], float], clock: Callable[[], float], most: int) -> None:
        """``fresh_seconds`` it is good, and at most as long again while somebody looks anew; ``most`` are held."""
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        # When somebody is to look again, when nobody takes it any more, what was found.
        self._held: dict[Name, tuple[float, float, Found]] = {}

    def get(self, name: Name, look: Work) -> Found | None:
        """What is good of it; None for the caller who is to look and ``put``. A coroutine's ``look`` is handed over.

        Raises SynchronousOnlyOperation where a coroutine needs that and nobody could do it.
        """
        held = self._held.get(name)
        if held is None:
            return None
        now = self._clock()
        stale_at, ends_at, found = held
        if now < stale_at:
            return found
        if now >= ends_at:
            return None
        on_loop = is_on_loop()
        with self._lock:
            now_held = self._held.get(name)
            if now_held is not held and now_held is not None:
                return now_held[2]
            if on_loop:
                later(look)
            # Good for the others until its end at most, or it would be so for ever where nobody gets to look.
            self._held[name] = (ends_at, ends_at, found)
        return found if on_loop else None

    def put(self, name: Name, found: Found) -> None:
        """Hold what was looked up just now."""
        with self._lock:
            if len(self._held) >= self._most and name not in self._held:
                self._held.clear()
            now, good = self._clock(), self._fresh_seconds()
            self._held[name] = (now + good, now + 2 * good, found)

    def drop(self, name: Name) -> None:
        """It is there no more."""
        with self._lock:
            self._held.pop(name, None)

    def clear(self) -> None:
        """Look everything up again."""
        with self._lock:
            self._held.clear()
