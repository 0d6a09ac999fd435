"""Which queue a group goes to, by how long its runtime is measured to take: slow ml_models never stand before fast ones.

Task assignment by size interval (SITA; Harchol-Balter, Crovella, Murta 1999): short work waits only behind short work.
Workers keep threads of their own for each queue. What was not measured yet goes to a queue of its own as well, and so
does what a worker has to load first.
"""

from __future__ import annotations

from dataclasses import dataclass

LEARNING = 0.1
"""How much the newest group counts in the averages."""

KEPT = 0.9
"""How much what was known before counts beside the newest group, in what a lane gives; less after a long group.

Where a group takes a second, ten of them would be as long as a caller waits.
"""

GROUP_SECONDS = 1.0
"""A group holds no more rows than take about this long: its first caller waits for its last row."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One queue. ``below``: seconds that a group in it takes at most. ``at_once``: groups under way per web process.

    One at a time gives the largest groups, and a message costs more than an answer; where the runtime takes the time,
    several workers are to work. ``is_pushed``: further groups go beside one whose reply is late.
    """

    queue: str
    below: float
    at_once: int
    is_pushed: bool = False


FAST = Tier("interactive", 0.02, 1, is_pushed=True)
SLOW = Tier("interactive-slow", 0.25, 2)
HEAVY = Tier("interactive-heavy", float("inf"), 2)
COLD = Tier("interactive-cold", float("inf"), 1)
TIERS = (FAST, SLOW, HEAVY)


class Cost:
    """What the groups of one version took so far."""

    def __init__(self) -> None:
        self._seconds: float | None = None
        self._rows = 1.0

    def note(self, seconds: float, rows: int) -> None:
        """A group of ``rows`` took its runtime ``seconds``."""
        if self._seconds is None:
            self._seconds, self._rows = seconds, float(rows)
            return
        self._seconds += LEARNING * (seconds - self._seconds)
        self._rows += LEARNING * (rows - self._rows)

    @property
    def is_known(self) -> bool:
        return self._seconds is not None

    def of(self, rows: int) -> float:
        """Seconds that ``rows`` rows are expected to take: as long as the groups so far, longer only for more rows."""
        return (self._seconds or 0.0) * max(1.0, rows / self._rows)

    def tier(self, rows: int) -> Tier:
        """Where a group of ``rows`` rows belongs."""
        if self._seconds is None:
            return COLD
        expected = self.of(rows)
        return next(tier for tier in TIERS if expected < tier.below)

    def most_rows(self, limit: int) -> int:
        """How many rows a group may hold, ``limit`` at most."""
        if not self._seconds:
            return limit
        return max(1, min(limit, int(self._rows * GROUP_SECONDS / self._seconds)))


class Pace:
    """How fast the groups of one lane really come back while callers wait for the next: queue, worker, storing and all.

    What the runtime takes is little of that where it is fast. Counted in groups and not in rows: two rows take no longer
    than one where nobody asks for more, and a few callers with one row each must not make five thousand rows of another
    look like minutes. A long wait is one of full groups, and by then those are what was measured.
    """

    __slots__ = ("_groups", "_last", "_seconds")

    def __init__(self) -> None:
        self._last = 0.0
        self._seconds = 0.0
        self._groups = 0.0

    def note(self, *, now: float, sent_at: float, groups: float, is_followed: bool) -> None:
        """A message came back with as much as so many full groups, 1 at least.

        ``is_followed``: others wait, so the lane gave what it can.
        """
        seconds = now - max(self._last, sent_at)
        self._last = now
        if is_followed:
            kept = KEPT / (1.0 + seconds)
            self._seconds = self._seconds * kept + seconds
            self._groups = self._groups * kept + groups

    def of(self, groups: float) -> float | None:
        """Seconds until so many groups are answered; None when it was never seen at work."""
        return self._seconds * groups / self._groups if self._groups else None
