"""Adding up what was noted: counters, and histograms whose buckets are counted one by one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from predictions.timings.definitions import METRICS, MOST_NAMES, OTHERS, STAGES, Metric

Labels = tuple[str, ...]


@dataclass(slots=True, eq=False)
class Laps:
    """One request. ``stages`` in seconds, in the order of ``STAGES``; ``begun`` and ``last`` by ``time.monotonic``."""

    begun: float
    last: float
    stages: list[float] = field(default_factory=lambda: [0.0] * len(STAGES))
    ml_model: str = ""
    face: str = ""
    rows: int = 0


class Grouped(NamedTuple):
    """A message to a worker."""

    requests: int
    rows: int


class Counted(NamedTuple):
    """Something that happened."""

    metric: Metric
    labels: Labels
    by: float


Event = Laps | Grouped | Counted


class Histogram(msgspec.Struct):
    """``counts[n]`` values were at most ``bounds[n]`` and above the one before; the last were above all bounds."""

    bounds: tuple[float, ...]
    counts: list[int]
    sum: float = 0.0

    @classmethod
    def empty(cls, bounds: tuple[float, ...]) -> Histogram:
        return cls(bounds, [0] * (len(bounds) + 1))

    @property
    def count(self) -> int:
        """How many values."""
        return sum(self.counts)

    def add(self, value: float) -> None:
        """Count one value in."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def merge(self, other: Histogram, sign: int = 1) -> None:
        """Add another one's values (``sign`` -1: take them out again). One with other bounds is left out."""
        if other.bounds != self.bounds:
            return
        self.counts = [mine + sign * its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.sum += sign * other.sum

    def quantile(self, share: float) -> float:
        """The value that ``share`` (0 to 1) of all values stay below, as if each bucket were filled evenly.

        0 when there is no value; the highest bound when it lies above that.
        """
        wanted = share * self.count
        below = 0
        for index, count in enumerate(self.counts[:-1]):
            if count and below + count >= wanted:
                lower = self.bounds[index - 1] if index else 0.0
                return lower + (self.bounds[index] - lower) * max(wanted - below, 0.0) / count
            below += count
        return self.bounds[-1] if below < self.count else 0.0


class Sums(msgspec.Struct):
    """Everything recorded in one process, or in several together. By name of the metric, then by labels."""

    counters: dict[str, dict[Labels, float]] = {}
    histograms: dict[str, dict[Labels, Histogram]] = {}
    gauges: dict[str, dict[Labels, float]] = {}

    def histogram(self, name: str, labels: Labels = ()) -> Histogram:
        """The histogram of these labels, made when it is not there."""
        kept = self.histograms.setdefault(name, {})
        found = kept.get(labels)
        if found is None:
            found = kept[labels] = Histogram.empty(METRICS[name].bounds)
        return found

    def increase(self, name: str, labels: Labels, by: float) -> None:
        """Add to a counter."""
        kept = self.counters.setdefault(name, {})
        kept[labels] = kept.get(labels, 0.0) + by

    def merge(self, other: Sums) -> None:
        """Add what another one holds; gauges as well, as each process has its own."""
        for name, series in other.counters.items():
            for labels, value in series.items():
                self.increase(name, labels, value)
        for name, histograms in other.histograms.items():
            if name in METRICS:
                for labels, histogram in histograms.items():
                    self.histogram(name, labels).merge(histogram)
        for name, series in other.gauges.items():
            kept = self.gauges.setdefault(name, {})
            for labels, value in series.items():
                kept[labels] = kept.get(labels, 0.0) + value


class Adder:
    """Adds events to ``sums``; what would make the lists of labels endless is counted together."""

    def __init__(self) -> None:
        self.sums = Sums()
        self._names: set[str] = set()
        self._requests: dict[tuple[str, str], Sequence[Histogram]] = {}

    def add(self, events: Iterable[Event]) -> None:
        """Add up."""
        for event in events:
            if isinstance(event, Laps):
                self._request(event)
            elif isinstance(event, Counted):
                labels = tuple(self._known(label) for label in event.labels)
                self.sums.increase(event.metric.name, labels, event.by)
            else:
                self.sums.histogram("group_requests").add(event.requests)
                self.sums.histogram("group_rows").add(event.rows)

    def _request(self, laps: Laps) -> None:
        ml_model = self._known(laps.ml_model)
        key = (ml_model, laps.face)
        histograms = self._requests.get(key)
        if histograms is None:
            histograms = self._requests[key] = [
                *(self.sums.histogram("stage_seconds", (*key, stage)) for stage in STAGES),
                self.sums.histogram("request_seconds", key),
            ]
        for histogram, seconds in zip(histograms, (*laps.stages, laps.last - laps.begun), strict=True):
            histogram.add(seconds)
        self.sums.increase("requests", (*key, "ok"), 1.0)
        self.sums.increase("rows", key, laps.rows)

    def _known(self, name: str) -> str:
        if name in self._names:
            return name
        if len(self._names) >= MOST_NAMES:
            return OTHERS
        self._names.add(name)
        return name
