"""Whether a process that lives long has grown so far beyond what it needed at first that a fresh one is better."""

from __future__ import annotations

import time
from collections.abc import Callable

CHECK_SECONDS = 1.0
"""Weighing a process reads some files of the kernel's: a fraction of a millisecond, but not for every answer."""

REST_SECONDS = 30.0
"""How long a fresh process is left alone, whatever it weighs: one that always needs much would never do else."""


class Growth:
    """Watches one process. ``allowed_bytes`` may come on top of what it weighed after its first answer.

    At least as much as that weight may come on top too: a large model may need large tables for a moment.
    """

    def __init__(self, allowed_bytes: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowed = allowed_bytes
        self._clock = clock
        self._begun = clock()
        self._looked: float | None = None
        self._first = 0

    def is_too_much(self, weigh: Callable[[], int]) -> bool:
        """Call it after an answer. ``weigh`` gives the bytes in RAM now, and is asked about once a second."""
        now = self._clock()
        if self._looked is not None and now - self._looked < CHECK_SECONDS:
            return False
        self._looked = now
        weight = weigh()
        if not self._first:
            self._first = weight
            return False
        return weight > self._first + max(self._allowed, self._first) and now - self._begun >= REST_SECONDS
