"""Runtimes loaded in this worker: bounded in number and memory, least recently used leave first."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from predictions.values import RawAnswer, Value

logger = logging.getLogger(__name__)

WEIGH_SECONDS = 5.0
"""A runtime that is a process of its own grows while it answers: its weight is looked at again after so long."""


class Runtime(Protocol):
    """Whatever executes an artifact."""

    def predict(self, rows: Sequence[Sequence[Value]]) -> list[RawAnswer]:
        """Rows in signature order in, one answer per row out. Raises ModelFailed, TryLater."""

    def close(self) -> None:
        """Free what it holds."""


@runtime_checkable
class Weighable(Protocol):
    """A runtime that knows what it takes; one that does not counts as nothing."""

    def memory_bytes(self) -> int:
        """Bytes in RAM now, in this process and in those it started."""


@dataclass(slots=True, eq=False)
class _Held:
    loading: threading.Lock = field(default_factory=threading.Lock)
    runtime: Runtime | None = None
    users: int = 0
    evicted: bool = False
    weight: int = 0
    weighed_at: float | None = None


class Registry:
    """Loaded runtimes by version id. A runtime in use is never closed under its user.

    At most ``limit`` of them, and together at most ``max_bytes`` of memory, as far as they say; one that is larger
    by itself stays until another is asked for, or nobody could ever use it. A runtime is weighed after it was used.
    """

    def __init__(
        self,
        *,
        load: Callable[[int], Runtime],
        limit: int,
        max_bytes: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._limit = limit
        self._max_bytes = max_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._held: OrderedDict[int, _Held] = OrderedDict()
        self._bytes = 0

    @contextmanager
    def lease(self, version_id: int) -> Iterator[Runtime]:
        """The runtime of a version for as long as the block runs; loaded when it is not there yet.

        Raises whatever loading raises, and forgets the attempt, so that the next caller tries again.
        """
        held = self._enter(version_id)
        try:
            yield self._loaded(version_id, held)
        finally:
            self._leave(held)

    def close(self) -> None:
        """Drop everything."""
        with self._lock:
            leaving = list(self._held.values())
            self._held.clear()
            self._bytes = 0
            for held in leaving:
                held.evicted = True
            idle = [held for held in leaving if held.users == 0]
        _close_all(idle)

    def loaded(self) -> list[int]:
        """Version ids held now, the least recently used first."""
        with self._lock:
            return list(self._held)

    def holds(self, version_id: int) -> bool:
        """Whether a version is loaded and not only being loaded."""
        with self._lock:
            held = self._held.get(version_id)
            return held is not None and held.runtime is not None

    def memory_bytes(self) -> int:
        """What the runtimes held now took when they were last weighed."""
        with self._lock:
            return self._bytes

    def _enter(self, version_id: int) -> _Held:
        with self._lock:
            held = self._held.setdefault(version_id, _Held())
            self._held.move_to_end(version_id)
            held.users += 1
            idle = self._evict()
        _close_all(idle)
        return held

    def _evict(self) -> list[_Held]:
        idle = []
        while self._is_too_much():
            _, oldest = self._held.popitem(last=False)
            oldest.evicted = True
            self._bytes -= oldest.weight
            if oldest.users == 0:
                idle.append(oldest)
        return idle

    def _is_too_much(self) -> bool:
        if len(self._held) > self._limit:
            return True
        if self._max_bytes is None or len(self._held) < 2:
            return False
        return self._bytes > self._max_bytes

    def _loaded(self, version_id: int, held: _Held) -> Runtime:
        with held.loading:
            if held.runtime is None:
                try:
                    held.runtime = self._load(version_id)
                except BaseException:
                    with self._lock:
                        if self._held.get(version_id) is held:
                            del self._held[version_id]
                            self._bytes -= held.weight
                        # Whoever waited for this load may load it now; nobody else will find it to close it.
                        held.evicted = True
                    raise
            return held.runtime

    def _leave(self, held: _Held) -> None:
        self._weigh(held)
        with self._lock:
            held.users -= 1
            idle = self._evict()
            if held.evicted and held.users == 0 and held not in idle:
                idle.append(held)
        _close_all(idle)

    def _weigh(self, held: _Held) -> None:
        """Note what a runtime takes, while its user still keeps it open."""
        now = self._clock()
        if self._max_bytes is None or (held.weighed_at is not None and now - held.weighed_at < WEIGH_SECONDS):
            return
        runtime: object = held.runtime
        if isinstance(runtime, Weighable):
            weight = runtime.memory_bytes()
            with self._lock:
                if not held.evicted:
                    self._bytes += weight - held.weight
                held.weight, held.weighed_at = weight, now


def _close_all(idle: list[_Held]) -> None:
    for held in idle:
        runtime, held.runtime = held.runtime, None
        if runtime is None:
            continue
        try:
            runtime.close()
        except Exception:
            # Whoever asks for another version has nothing to do with this one.
            logger.exception("A runtime could not be closed.")
