"""Runtimes loaded in this worker: bounded, least recently used leave first."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from predictions.values import RawAnswer, Value

logger = logging.getLogger(__name__)


class Runtime(Protocol):
    """Whatever executes an artifact."""

    def predict(self, rows: Sequence[Sequence[Value]]) -> list[RawAnswer]:
        """Rows in signature order in, one answer per row out. Raises ModelFailed, TryLater."""

    def close(self) -> None:
        """Free what it holds."""


@dataclass(slots=True, eq=False)
class _Held:
    loading: threading.Lock = field(default_factory=threading.Lock)
    runtime: Runtime | None = None
    users: int = 0
    evicted: bool = False


class Registry:
    """Loaded runtimes by version id. A runtime in use is never closed under its user."""

    def __init__(self, *, load: Callable[[int], Runtime], limit: int) -> None:
        self._load = load
        self._limit = limit
        self._lock = threading.Lock()
        self._held: OrderedDict[int, _Held] = OrderedDict()

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
            for held in leaving:
                held.evicted = True
            idle = [held for held in leaving if held.users == 0]
        _close_all(idle)

    def loaded(self) -> list[int]:
        """Version ids held now, the least recently used first."""
        with self._lock:
            return list(self._held)

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
        while len(self._held) > self._limit:
            _, oldest = self._held.popitem(last=False)
            oldest.evicted = True
            if oldest.users == 0:
                idle.append(oldest)
        return idle

    def _loaded(self, version_id: int, held: _Held) -> Runtime:
        with held.loading:
            if held.runtime is None:
                try:
                    held.runtime = self._load(version_id)
                except BaseException:
                    with self._lock:
                        if self._held.get(version_id) is held:
                            del self._held[version_id]
                        # Whoever waited for this load may load it now; nobody else will find it to close it.
                        held.evicted = True
                    raise
            return held.runtime

    def _leave(self, held: _Held) -> None:
        with self._lock:
            held.users -= 1
            last = held.evicted and held.users == 0
        if last:
            _close_all([held])


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
