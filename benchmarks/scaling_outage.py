"""A worker host is killed under load and comes back: what callers see of it, and whether every answer is a row."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks import crowd, hosts
from benchmarks.crowd import Seen, Stream, Told
from benchmarks.overload import check_rows
from benchmarks.rounds import settle
from benchmarks.scaling_site import Fleet

WARM_UP, KILLED_AT, BACK_AT, SECONDS = 15.0, 10.0, 30.0, 60.0
"""What the killed one had taken up is refused at its callers' deadline of 10 seconds, so the outage is longer than that."""


@dataclass(frozen=True)
class Phase:
    """A part of the run. ``rate``: 2xx a second."""

    name: str
    rate: float
    refused: int
    broken: int
    slowest: float


@dataclass(frozen=True)
class Outage:
    """The phases, every answer against every row, and 2xx second by second."""

    phases: Sequence[Phase]
    answered: int
    rows: int
    without_retry_after: int
    by_second: Sequence[int]

    def lines(self) -> list[str]:
        """Markdown."""
        lines = [
            "| | answers/s | refused (503, with Retry-After) | broken off | slowest answer, s |",
            "|---|---|---|---|---|",
        ]
        for phase in self.phases:
            lines.append(
                f"| {phase.name} | {phase.rate:,.1f} | {phase.refused} | {phase.broken} | {phase.slowest:.1f} |"
            )
        lines += ["", f"{self.answered:,} answers, {self.rows:,} rows; answers in each second: "]
        lines.append(" ".join(str(count) for count in self.by_second))
        return lines

    def document(self) -> dict[str, Any]:
        """For the JSON file."""
        return {**vars(self), "phases": [vars(phase) for phase in self.phases]}


def run_outage(fleet: Fleet, connections: int) -> Outage:
    """Two and two hosts; the second worker host's processes are killed and started again. Raises LostRowsError."""
    with ExitStack() as stack, fleet.running(2, 1) as contestants:
        victim = [fleet.start(stack, fleet.workers[1], "interactive")]
        first = contestants[0]
        stream = Stream(
            "all",
            [one.url for one in contestants],
            [first.body_of([row]) for row in fleet.subject.rows],
            first.headers,
            connections=connections,
        )
        crowd.drive([stream], WARM_UP)
        before = settle(first) or 0

        def meanwhile(now: float) -> None:
            if now >= KILLED_AT and len(victim) == 1:
                hosts.kill(victim[0])
                victim.append(victim[0])
            if now >= BACK_AT and len(victim) == 2:
                victim.append(fleet.start(stack, fleet.workers[1], "interactive"))

        told = crowd.drive([stream], SECONDS, meanwhile)["all"]
        rows = (settle(first) or 0) - before
        check_rows(told, rows)
        hosts.kill(victim[-1])
    return outage_of(told, rows)


def outage_of(told: Told, rows: int) -> Outage:
    """The run in numbers."""
    phases = [
        phase_of("both worker hosts", told.seen, 0.0, KILLED_AT),
        phase_of("one of them killed", told.seen, KILLED_AT, BACK_AT),
        phase_of("started again", told.seen, BACK_AT, SECONDS),
    ]
    by_second = [0] * int(SECONDS)
    for one in told.seen:
        if 200 <= one.status < 300 and one.at < SECONDS:
            by_second[int(one.at)] += 1
    return Outage(
        phases=phases,
        answered=told.answered,
        rows=rows,
        without_retry_after=told.without_retry_after,
        by_second=by_second,
    )


def phase_of(name: str, seen: Sequence[Seen], begin: float, end: float) -> Phase:
    """What ended between two moments (seconds from the start)."""
    these = [one for one in seen if begin <= one.at < end]
    answered = [one for one in these if 200 <= one.status < 300]
    return Phase(
        name=name,
        rate=len(answered) / (end - begin),
        refused=sum(one.status in (429, 503) for one in these),
        broken=sum(one.status not in (429, 503) and not 200 <= one.status < 300 for one in these),
        slowest=max((one.seconds for one in answered), default=0.0),
    )
