"""From notes to files: one thread of each process adds up and writes, so that nobody who answers does."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from predictions.timings.definitions import Metric
from predictions.timings.files import OwnFile
from predictions.timings.sums import Adder, Event, Labels

logger = logging.getLogger(__name__)

FOLD_SECONDS = 0.1
WRITE_SECONDS = 1.0
AT_ONCE = 64
"""Events added up before other threads get their turn: about a fifth of a millisecond."""
MOST_WAITING = 100_000

_waiting: deque[Event] = deque(maxlen=MOST_WAITING)
_watched: dict[str, list[Callable[[], float]]] = {}
_folder: Path | None = None
_keeper: Keeper | None = None
_starting = threading.Lock()


def note(event: Event) -> None:
    """Keep an event until it is added up; costs no more than that."""
    _waiting.append(event)
    if _keeper is None:
        _start()


def watch(metric: Metric, look: Callable[[], float]) -> None:
    """Ask ``look`` whenever this process writes its file."""
    _watched.setdefault(metric.name, []).append(look)
    if _keeper is None:
        _start()


def keep_in(folder: Path | None) -> None:
    """Where every process of this machine writes what it recorded; nowhere when None."""
    global _folder
    flush()
    _folder = folder
    _forget()


def flush() -> None:
    """Add up and write what was noted so far in this process, where that is possible."""
    if _keeper is not None:
        with suppress(OSError):
            _keeper.turn(write=True)


class Keeper:
    """Adds up what this process noted and writes it down."""

    def __init__(self, folder: Path | None) -> None:
        self._adder = Adder()
        self._turn = threading.Lock()
        self._file = OwnFile(folder) if folder is not None else None
        self._written = 0.0
        self._changed = False

    def run(self) -> None:
        """Go on for as long as the process lives and this is its keeper."""
        failed = False
        while _keeper is self:
            try:
                self.turn()
                failed = False
            except Exception:
                # Whoever asks for answers has nothing to do with this, and hears of it once.
                if not failed:
                    logger.exception("What was recorded could not be written; it is tried again.")
                failed = True
                time.sleep(WRITE_SECONDS)
            time.sleep(FOLD_SECONDS)

    def turn(self, *, write: bool = False) -> None:
        """Add up; write when it is time, or now."""
        with self._turn:
            while _waiting and _keeper is self:
                self._adder.add(_waiting.popleft() for _ in range(min(AT_ONCE, len(_waiting))))
                self._changed = True
                time.sleep(0)
            now = time.monotonic()
            if self._file is not None and (write or now - self._written >= WRITE_SECONDS):
                self._look()
                if self._changed:
                    self._file.write(self._adder.sums)
                self._written, self._changed = now, False

    def close(self) -> None:
        """Let go of the file without writing."""
        if self._file is not None:
            self._file.close()

    def _look(self) -> None:
        gauges = self._adder.sums.gauges
        for name, looks in list(_watched.items()):
            found: dict[Labels, float] = {(): float(sum(look() for look in looks))}
            if gauges.get(name) != found:
                gauges[name] = found
                self._changed = True


def _start() -> None:
    global _keeper
    with _starting:
        if _keeper is None:
            _keeper = keeper = Keeper(_folder)
            threading.Thread(target=keeper.run, name="timings", daemon=True).start()


def _forget() -> None:
    """Begin anew: a forked child has its parent's notes but not its thread, and a file of its own."""
    global _keeper, _starting
    _starting = threading.Lock()
    keeper, _keeper = _keeper, None
    if keeper is not None:
        keeper.close()
    _waiting.clear()


def _forget_in_child() -> None:
    _watched.clear()
    _forget()


os.register_at_fork(after_in_child=_forget_in_child)
atexit.register(flush)
