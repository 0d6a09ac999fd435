"""Where the time went, as a table: from what was recorded, or from what came between two readings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from predictions.timings.definitions import SECONDS, STAGES
from predictions.timings.sums import Histogram, Labels, Sums

OTHER = "other"
TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Line:
    """One stage of so many requests. Times in seconds; ``share`` of the total, from 0 to 1.

    Quantiles are None for what is only known as the rest of a sum.
    """

    stage: str
    count: int
    mean: float
    p50: float | None
    p99: float | None
    share: float


def lines(now: Sums, *, ml_model: str = "", face: str = "", before: Sums | None = None) -> list[Line]:
    """A line per stage in order, the rest as ``other``, and the total; none when there was no request.

    Of one ml_model (slug) and one face, where given. ``before`` is a reading whose requests do not count.
    """
    wanted = (ml_model, face)
    whole = _between(now, before, "request_seconds", wanted, ())
    if not whole.count:
        return []
    stages = [_between(now, before, "stage_seconds", wanted, (stage,)) for stage in STAGES]
    found = [_line(stage, histogram, whole) for stage, histogram in zip(STAGES, stages, strict=True)]
    rest = (whole.sum - sum(stage.sum for stage in stages)) / whole.count
    mean = whole.sum / whole.count
    other = Line(OTHER, whole.count, rest, None, None, rest / mean if mean else 0.0)
    return [*found, other, _line(TOTAL, whole, whole)]


def requests(sums: Sums, *, ml_model: str = "", face: str = "") -> int:
    """How many requests were answered."""
    return _merged(sums, "request_seconds", (ml_model, face), ()).count


def _line(stage: str, of_stage: Histogram, whole: Histogram) -> Line:
    count = of_stage.count
    return Line(
        stage,
        count,
        of_stage.sum / count if count else 0.0,
        of_stage.quantile(0.5),
        of_stage.quantile(0.99),
        of_stage.sum / whole.sum if whole.sum else 0.0,
    )


def _between(now: Sums, before: Sums | None, name: str, wanted: Iterable[str], rest: Labels) -> Histogram:
    found = _merged(now, name, wanted, rest)
    if before is not None:
        found.merge(_merged(before, name, wanted, rest), -1)
    return found


def _merged(sums: Sums, name: str, wanted: Iterable[str], rest: Labels) -> Histogram:
    """All histograms whose labels begin as wanted (anything where empty) and end with ``rest``."""
    begin = tuple(wanted)
    together = Histogram.empty(SECONDS)
    for labels, histogram in sums.histograms.get(name, {}).items():
        fits = all(not want or want == label for want, label in zip(begin, labels, strict=False))
        if fits and labels[len(begin) :] == rest:
            together.merge(histogram)
    return together
