"""Does an ml_model that takes two seconds a row slow down another one? ``python -m benchmarks.slow_neighbor --help``.

A logistic regression is asked by 16 callers: alone, beside 8 and 64 callers of the slow one who wait as long as their
refusals say, and beside 64 who ask again at once, in turn. The slow one burns a core of the machine while it infers,
whoever asks it; those who ask again at once cost processor time besides, for reading and refusing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

import psutil

from benchmarks import cases, crowd, http_calls, slow_subjects
from benchmarks.contestants import Contestant
from benchmarks.crowd import Stream, Told
from benchmarks.folders import MODELS
from benchmarks.overload import check_rows, save
from benchmarks.rounds import settle
from benchmarks.site import Site, opened

FAST_CALLERS = 16
NEIGHBORS = ((0, True), (8, True), (64, True), (64, False))
"""Callers of the slow one, and whether they heed ``Retry-After``."""
BAR = 1.5
"""How much longer the fast one's callers may wait beside a slow one."""


@dataclass(frozen=True)
class Row:
    """One window. Latencies of the fast one's 2xx in milliseconds; ``busy_cores``: of the whole machine."""

    slow_callers: int
    heeds: bool
    rate: float
    p50: float
    p99: float
    refused: int
    slow_answered: int
    slow_refused: int
    busy_cores: float


def stream_of(
    name: str, contestant: Contestant, rows: Sequence[cases.Row], connections: int, *, heeds: bool = False
) -> Stream:
    """Callers of one ml_model, each with a row of its own."""
    bodies = [contestant.body_of([row]) for row in rows]
    return Stream(name, [contestant.url], bodies, contestant.headers, connections=connections, heeds=heeds)


def window(fast: Stream, slow: Stream | None, seconds: float) -> tuple[Row, list[Told]]:
    """The fast one asked for so long, beside the slow one or alone."""
    psutil.cpu_percent()
    busy: list[float] = []

    def note(now: float) -> None:
        # What is under way after the last question belongs to the window no more.
        if now >= seconds and not busy:
            busy.append(psutil.cpu_percent() / 100 * psutil.cpu_count())

    told = crowd.drive([fast] if slow is None else [fast, slow], seconds, note)
    quick, other = told[fast.name], told.get("slow", Told())
    row = Row(
        slow_callers=slow.connections if slow else 0,
        heeds=slow.heeds if slow else True,
        rate=quick.rate(seconds),
        p50=quick.milliseconds(0.5),
        p99=quick.milliseconds(0.99),
        refused=len(quick.seen) - quick.answered,
        slow_answered=other.answered,
        slow_refused=len(other.seen) - other.answered,
        busy_cores=busy[0] if busy else psutil.cpu_percent() / 100 * psutil.cpu_count(),
    )
    return row, list(told.values())


def measure(site: Site, fast: cases.Subject, slow: cases.Subject, seconds: float, rounds: int) -> list[Row]:
    """All windows in turn. Raises LostRowsError."""
    quick, late = site.contestant(fast), site.contestant(slow)
    asked = stream_of("fast", quick, fast.rows, FAST_CALLERS)
    window(asked, None, min(seconds, 3.0))  # warm-up
    found = []
    for _ in range(rounds):
        for callers, heeds in NEIGHBORS:
            before = settle(quick) or 0
            beside = stream_of("slow", late, slow.rows, callers, heeds=heeds) if callers else None
            row, told = window(asked, beside, seconds)
            both = Told(seen=[one for part in told for one in part.seen])
            check_rows(both, (settle(quick) or 0) - before)
            site.check_alive()
            print(f"  beside {callers} slow callers{_manner(heeds)}: p99 {row.p99:.1f} ms", flush=True)
            found.append(row)
    return found


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown: medians of the windows, and the ratio to the fast one alone."""
    head = (
        "| callers of the slow one | fast: 2xx/s | p50 ms | p99 ms | p50 ratio | p99 ratio "
        "| fast refused | slow: 2xx | slow refused | cores busy |"
    )
    lines = [head, "|---" * head.count(" |") + "|"]
    alone = [row for row in rows if row.slow_callers == 0]
    base50, base99 = median(row.p50 for row in alone), median(row.p99 for row in alone)
    for callers, heeds in NEIGHBORS:
        these = [row for row in rows if (row.slow_callers, row.heeds) == (callers, heeds)]
        p50, p99 = median(row.p50 for row in these), median(row.p99 for row in these)
        lines.append(
            f"| {callers}{_manner(heeds)} | {median(row.rate for row in these):,.0f} | {p50:.1f} | {p99:.1f} "
            f"| {p50 / base50:.2f} | {p99 / base99:.2f}{' (over the bar)' if p99 > BAR * base99 else ''} "
            f"| {sum(row.refused for row in these)} | {sum(row.slow_answered for row in these)} "
            f"| {sum(row.slow_refused for row in these)} | {median(row.busy_cores for row in these):.2f} |"
        )
    return lines


def _manner(heeds: bool) -> str:
    return "" if heeds else " that ask again at once"


def main(arguments: Sequence[str]) -> None:
    """Prints a table and leaves it as JSON in the folder of results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow_neighbor", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each window (default 15)")
    parser.add_argument("--rounds", type=int, default=3, help="windows of each kind (default 3)")
    parser.add_argument("--row-seconds", type=float, default=2.0, help="of the slow one (default 2)")
    options = parser.parse_args(arguments)
    slow = slow_subjects.train(MODELS, name="slow", seconds=options.row_seconds)
    print(f"The slow one takes {slow.seconds:.2f} s a row.", flush=True)
    fast = cases.train(MODELS)["logistic"]
    with opened({fast.name: fast, slow.subject.name: slow.subject}) as (site, _):
        late = site.contestant(slow.subject)
        http_calls.first_answer(late, slow.subject.rows[0], site.check_alive)
        rows = measure(site, fast, slow.subject, options.seconds, options.rounds)
    save("slow_neighbor", [asdict(row) for row in rows])
    print("\n".join(["", *table(rows)]))


if __name__ == "__main__":
    main(sys.argv[1:])
