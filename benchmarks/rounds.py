"""Windows of load in alternation: us, them, us, them; with what each cost and whether every answer was kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import load, machine
from benchmarks.contestants import Contestant
from benchmarks.load import Load
from benchmarks.processes import cpu_by_process, used_between

CONNECTIONS = (1, 16, 64)
QUIET_SECONDS = 0.5
MOST_QUIET_SECONDS = 20.0
NOISY_CORES = 0.15
"""With other programs on more of a core than this, a window shows less than the contestant can do."""


class LostRowsError(Exception):
    """The history does not hold what was answered: the one thing that may never happen."""


@dataclass(frozen=True)
class Plan:
    """How long and how often. Seconds are whole: wrk takes no others."""

    rounds: int
    seconds: int
    warm_up: int

    @property
    def is_quick(self) -> bool:
        """True for a run that only shows that everything works."""
        return self.seconds < 6


@dataclass(frozen=True)
class Window:
    """One window. ``cpu_us`` per answer and ``other_cores`` (used by neither contestant nor wrk) from processor times.

    ``loop_ms`` is what a fixed loop took just before: how fast the machine was.

    ``rows`` are those PostgreSQL has more than before; None for a contestant without a history.
    """

    contestant: str
    connections: int
    load: Load
    rows: int | None
    cpu_us: float
    idle_rival_cores: float
    other_cores: float
    load_average: float
    loop_ms: float

    def document(self) -> dict[str, Any]:
        """For the JSON file."""
        return {**asdict(self), "rate": self.load.rate, "errors": self.load.errors}


def alternate(
    contestants: Sequence[Contestant], bodies: dict[str, Path], connections: int, plan: Plan
) -> Iterator[Window]:
    """Warm each up, then take windows in turn. Raises LostRowsError, LoadError."""
    for contestant in contestants:
        load.drive(contestant, bodies[contestant.name], connections=connections, seconds=plan.warm_up)
        settle(contestant)
    for _ in range(plan.rounds):
        for contestant in contestants:
            rivals = [other for other in contestants if other is not contestant]
            yield one_window(contestant, rivals, bodies[contestant.name], connections, plan.seconds)


def one_window(
    contestant: Contestant, rivals: Sequence[Contestant], bodies: Path, connections: int, seconds: int
) -> Window:
    """One window of one contestant while the rivals idle."""
    before = settle(contestant)
    loop = machine.loop_ms()
    groups = [contestant, *rivals]
    begun, at = machine.moment([_cpu(one) for one in groups]), time.monotonic()
    seen = load.drive(contestant, bodies, connections=connections, seconds=seconds)
    ended, lasted = machine.moment([_cpu(one) for one in groups]), time.monotonic() - at
    used = [used_between(first, after) for first, after in zip(begun.groups, ended.groups, strict=True)]
    known = sum(used) + ended.children - begun.children
    after = settle(contestant)
    rows = None if before is None or after is None else after - before
    check_rows(seen.answered, rows, connections)
    return Window(
        contestant=contestant.name,
        connections=connections,
        load=seen,
        rows=rows,
        cpu_us=used[0] / max(seen.answered, 1) * 1e6,
        idle_rival_cores=sum(used[1:]) / lasted,
        other_cores=max(ended.busy - begun.busy - known, 0.0) / lasted,
        load_average=machine.load_average(),
        loop_ms=loop,
    )


def check_rows(answered: int, rows: int | None, connections: int) -> None:
    """Every answer is a row; beyond those only requests cut off at the end of the window, one per connection at most.

    Raises LostRowsError.
    """
    if rows is not None and not 0 <= rows - answered <= connections:
        raise LostRowsError(
            f"{answered} answers were given and {rows} rows stored; between 0 and {connections} more were allowed."
        )


def settle(contestant: Contestant, quiet: float | None = None) -> int | None:
    """Wait until a history stops growing, and count it; without a history wait as long as that would take.

    ``quiet``: seconds without a new row after which it stands still; more than what a group of a slow one takes.
    """
    quiet = QUIET_SECONDS if quiet is None else quiet
    if contestant.count_rows is None:
        time.sleep(quiet)
        return None
    until = time.monotonic() + MOST_QUIET_SECONDS
    count = contestant.count_rows()
    while time.monotonic() < until:
        time.sleep(quiet)
        now = contestant.count_rows()
        if now == count:
            return count
        count = now
    raise LostRowsError("The history goes on growing although nobody asks.")


def summary(windows: Sequence[Window]) -> dict[str, Any]:
    """Medians of the windows of one contestant and number of connections, and the span of the rates."""
    rates = [window.load.rate for window in windows]
    return {
        "contestant": windows[0].contestant,
        "connections": windows[0].connections,
        "rate": median(rates),
        "rate_low": min(rates),
        "rate_high": max(rates),
        "p50": median(window.load.p50 for window in windows),
        "p99": median(window.load.p99 for window in windows),
        "answered": sum(window.load.answered for window in windows),
        "errors": sum(window.load.errors for window in windows),
        "rows": None if windows[0].rows is None else sum(window.rows or 0 for window in windows),
        "cpu_us": median(window.cpu_us for window in windows),
        "loop_ms": median(window.loop_ms for window in windows),
        "is_noisy": any(window.other_cores > NOISY_CORES for window in windows),
    }


def _cpu(contestant: Contestant) -> dict[int, float]:
    return cpu_by_process(process for part in contestant.processes().values() for process in part)
