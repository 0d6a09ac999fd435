"""What becomes of a site that is asked for more than it can give: ``python -m benchmarks.overload --help``.

First its capacity is measured with 64 callers; then 64, 640, 1,000 and 5,000 callers ask without a pause, refused or not;
then requests arrive at one, two and ten times the capacity whether or not answers come (an open loop). A site behaves
when it goes on giving what it can, refuses the rest at once with the time to come back, and is well a moment later.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import cases, crowd, http_calls, slow_subjects
from benchmarks.cases import Subject
from benchmarks.contestants import Contestant
from benchmarks.crowd import Stream, Told
from benchmarks.folders import MODELS, RESULTS
from benchmarks.http_calls import Caller
from benchmarks.rounds import LostRowsError, settle
from benchmarks.site import Site, opened
from benchmarks.watching import Watch

CONNECTIONS = (64, 640, 1_000, 5_000)
TIMES = (1, 2, 10)
CAPACITY_CONNECTIONS = 64
MOST_CONNECTIONS = 5_000
AFTERWARDS = 20


@dataclass(frozen=True)
class Row:
    """One line of the table. ``p50`` and ``p99`` are those of the 2xx, in milliseconds; ``rate`` are 2xx a second.

    ``longest`` are the seconds that the one who waited longest waited, for whatever, and ``web_bytes`` is the most of one process.
    """

    load: str
    rate: float
    asked: int
    answered: int
    refused: int
    without_retry_after: int
    other: int
    held_back: int
    p50: float
    p99: float
    refused_p50: float
    refused_p99: float
    longest: float
    web_bytes: int
    longest_queue: int
    left_in_queue: int
    rows: int
    afterwards_ms: float


class Overload:
    """The runs on one site and subject."""

    def __init__(self, site: Site, subject: Subject, seconds: float) -> None:
        self._site = site
        self._contestant = site.contestant(subject)
        self._bodies = [self._contestant.body_of([row]) for row in subject.rows]
        self._seconds = seconds

    def closed(self, connections: int) -> Row:
        """So many callers who ask again at once."""
        return self._row(f"{connections} callers", connections=connections)

    def open(self, times: int, capacity: float) -> Row:
        """Arrivals at so many times the capacity."""
        rate = times * capacity
        most = min(MOST_CONNECTIONS, max(int(rate * 12), 64))
        return self._row(f"{times} × capacity: {rate:,.0f} a second arrive", connections=most, rate=rate)

    def _row(self, load: str, *, connections: int, rate: float | None = None) -> Row:
        print(f"  {load} ...", flush=True)
        before = settle(self._contestant) or 0
        stream = Stream(
            "all",
            [self._contestant.url],
            self._bodies,
            self._contestant.headers,
            connections=connections,
            rate=rate,
        )
        watch = Watch(self._site.environment["REDIS_URL"], lambda: self._site.processes()["web"])
        with closing(watch):
            told = crowd.drive([stream], self._seconds, watch)["all"]
            afterwards = answers_at_once(self._contestant, self._bodies)
            left = watch.queued()
        self._site.check_alive()
        rows = (settle(self._contestant) or 0) - before
        check_rows(told, rows - AFTERWARDS)
        return row_of(load, told, watch, self._seconds, rows=rows - AFTERWARDS, left=left, after=afterwards)


def row_of(load: str, told: Told, watch: Watch, seconds: float, *, rows: int, left: int, after: float) -> Row:
    """The line of one run."""
    refused = told.statuses[429] + told.statuses[503]
    return Row(
        load=load,
        rate=told.rate(seconds),
        asked=len(told.seen),
        answered=told.answered,
        refused=refused,
        without_retry_after=told.without_retry_after,
        other=len(told.seen) - told.answered - refused,
        held_back=told.held_back,
        p50=told.milliseconds(0.5),
        p99=told.milliseconds(0.99),
        refused_p50=told.refused_milliseconds(0.5),
        refused_p99=told.refused_milliseconds(0.99),
        longest=told.longest,
        web_bytes=watch.most_memory,
        longest_queue=watch.longest_queue,
        left_in_queue=left,
        rows=rows,
        afterwards_ms=after,
    )


def check_rows(told: Told, rows: int) -> None:
    """As many rows as answers; beyond those only what broke off on the way. Raises LostRowsError."""
    broken = told.statuses[crowd.BROKEN]
    if not 0 <= rows - told.answered <= broken:
        raise LostRowsError(
            f"{told.answered} answers were given and {rows} rows stored; {broken} requests broke off on the way."
        )


def answers_at_once(contestant: Contestant, bodies: Sequence[bytes]) -> float:
    """The median of a few requests one after the other, in milliseconds. Raises RefusedError, OSError."""
    caller = Caller(contestant)
    taken = []
    with closing(caller):
        for body in bodies[:AFTERWARDS]:
            begun = time.perf_counter()
            caller.post(body)
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1000


HEAD = (
    "| load | 2xx/s | asked | 429 and 503 | of them without Retry-After | other | held back | p50 ms | p99 ms "
    "| refused p50 ms | refused p99 ms | longest, s | largest web process, MB | most in Redis | left in Redis | rows − 2xx | afterwards, ms |"
)


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown."""
    lines = [HEAD, "|---" * HEAD.count(" |") + "|"]
    for row in rows:
        share = row.refused / max(row.asked, 1)
        lines.append(
            f"| {row.load} | {row.rate:,.0f} | {row.asked:,} | {share:.0%} | {row.without_retry_after} | {row.other} "
            f"| {row.held_back:,} | {row.p50:,.1f} | {row.p99:,.1f} "
            f"| {row.refused_p50:,.1f} | {row.refused_p99:,.1f} | {row.longest:.1f} | {row.web_bytes / 1e6:,.0f} | {row.longest_queue:,} "
            f"| {row.left_in_queue} | {row.rows - row.answered} | {row.afterwards_ms:.1f} |"
        )
    return lines


def measure(site: Site, subject: Subject, seconds: float) -> list[Row]:
    """Everything for one subject."""
    runs = Overload(site, subject, seconds)
    runs.closed(CAPACITY_CONNECTIONS)  # warm-up
    found = [runs.closed(connections) for connections in CONNECTIONS]
    capacity = found[0].rate
    return found + [runs.open(times, capacity) for times in TIMES]


def subjects_of(wanted: str, row_seconds: float) -> Subject:
    """The subject by name."""
    if wanted == "topics":
        return slow_subjects.train(MODELS, name="topics", seconds=row_seconds).subject
    return cases.train(MODELS)[wanted]


def main(arguments: Sequence[str], write: Callable[[str], Any] = print) -> None:
    """Prints a table and leaves it as JSON in the folder of results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overload", description=__doc__)
    parser.add_argument("--subject", choices=[*cases.TITLES, "topics"], default="logistic")
    parser.add_argument(
        "--row-seconds", type=float, default=0.02, help="what a row of topics takes (default 0.02)"
    )
    parser.add_argument("--seconds", type=float, default=15.0, help="of each load (default 15)")
    options = parser.parse_args(arguments)
    subject = subjects_of(options.subject, options.row_seconds)
    with opened({subject.name: subject}) as (site, _):
        http_calls.first_answer(site.contestant(subject), subject.rows[0], site.check_alive)
        rows = measure(site, subject, options.seconds)
    save("overload", [asdict(row) for row in rows])
    write("\n".join(["", *table(rows)]))


def save(name: str, found: Any) -> Path:
    """Keep what was found; the file."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"{name}.json"
    file.write_text(json.dumps(found, indent=1) + "\n")
    return file


if __name__ == "__main__":
    main(sys.argv[1:])
