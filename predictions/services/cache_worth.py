"""Whether looking answers up pays, decided from what was measured. Pure arithmetic; every number comes in."""

from __future__ import annotations

from collections import deque
from enum import Enum
from statistics import median

LEAST_SAVING = 50e-6
"""Seconds per row. A stored answer costs some 400 µs over the whole site: less than an eighth is noticed by nobody."""
MARGIN = 10.0
"""How many look-ups have to be saved before they begin to be worth it: a busy machine makes both slower, so that the
ratio tells a cheap graph (2 to 5 look-ups a row) from a costly one where seconds alone do not."""
STAYS = 0.5
"""Once it pays, it may fall to this part of what it took to begin: a decision on the edge does not flutter."""
SHARE = 16
"""One of so many inputs is a sample: always looked up while any is, and what the hit rate is counted on."""
MEMORY = 256
"""Sampled rows after which an observation weighs 1/e of a new one."""
CALLS = 9
"""So many measurements of a cost are remembered; the middle one counts, so that a slow start is not the rule."""
FIRST_PATIENCE, LAST_PATIENCE = 8, 512
"""Rows the cache may answer before the runtime is measured again: few after one call, many after four."""


class Look(Enum):
    """Which rows of a group are looked up."""

    NONE = "none"
    SAMPLE = "sample"
    ALL = "all"


class Cost:
    """Seconds a row takes, from the latest measurements."""

    def __init__(self) -> None:
        self._latest: deque[float] = deque(maxlen=CALLS)
        self.seconds: float | None = None

    def measured(self, seconds: float) -> None:
        """One more measurement."""
        self._latest.append(seconds)
        # Nothing makes a call faster than it is; a first one that loads or starts something is slower.
        self.seconds = min(self._latest) if len(self._latest) < 3 else median(self._latest)


class Worth:
    """What one version's inference and look-ups cost, and how often the same input came again. Not thread safe.

    Its rule: ``hit rate × seconds of inference per row`` must be ``LEAST_SAVING`` and ``MARGIN`` look-ups at least.
    Where not even a hit rate of 1 would be enough, nothing is looked up; where only the hits are lacking, the sample
    is, so that a load that begins to repeat itself is noticed. A version begins as if every second input came again.
    """

    def __init__(self) -> None:
        self._infer = Cost()
        self._lookup = Cost()
        self._patience = FIRST_PATIENCE
        self._unmeasured = 0
        self._hits, self._seen = 1.0, 2.0
        self._on = False

    @property
    def hit_rate(self) -> float:
        """The share of sampled rows that were there, 0 to 1, the latest counting most."""
        return self._hits / self._seen

    @property
    def infer_seconds(self) -> float | None:
        """What one row costs the runtime in groups of the size it meets; None before the first call."""
        return self._infer.seconds

    @property
    def lookup_seconds(self) -> float:
        """What looking up and keeping one row costs; 0 before the first."""
        return self._lookup.seconds or 0.0

    def look(self) -> Look:
        """What to do with the next group."""
        if self._unmeasured >= self._patience:
            # Only hits since then: whether they still save anything is known when the runtime is asked again.
            return Look.NONE
        infer = self._infer.seconds
        if infer is None:
            return Look.ALL
        needed = max(LEAST_SAVING, MARGIN * self.lookup_seconds) * (STAYS if self._on else 1.0)
        self._on = self.hit_rate * infer >= needed
        if self._on:
            return Look.ALL
        return Look.SAMPLE if infer >= needed else Look.NONE

    def inferred(self, rows: int, seconds: float) -> None:
        """The runtime answered ``rows`` rows in one call of ``seconds``."""
        if self._infer.seconds is not None:
            self._patience = min(self._patience * 4, LAST_PATIENCE)
        self._infer.measured(seconds / rows)
        self._unmeasured = 0

    def looked_up(self, rows: int, hits: int, seconds: float) -> None:
        """``rows`` rows were looked up (and kept where they were new) in ``seconds``; ``hits`` were there."""
        self._lookup.measured(seconds / rows)
        self._unmeasured += hits

    def sampled(self, rows: int, hits: int) -> None:
        """Of the sample's rows in this group, ``hits`` were there."""
        kept = 0.5 if rows >= MEMORY else 1.0 - rows / MEMORY
        self._hits = self._hits * kept + hits
        self._seen = self._seen * kept + rows
