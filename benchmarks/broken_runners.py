"""A native runner that is killed or hangs under load: ``python -m benchmarks.broken_runners --help``.

Two ml_models are asked at once: a logistic regression (ONNX, 16 callers) and one that its own library answers in a confined
process (8 callers). In turn nothing happens, that process is killed every three seconds, and it is stopped once so that
it never answers. What the callers of each notice: answers a second, latencies, errors with a ``Retry-After`` and without,
the longest silence of the broken one. Rows in PostgreSQL must equal the 2xx.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise

import psutil

from benchmarks import cases, crowd, http_calls, slow_subjects
from benchmarks.crowd import Stream, Told
from benchmarks.folders import MODELS
from benchmarks.overload import check_rows, save
from benchmarks.rounds import settle
from benchmarks.site import Site, opened
from benchmarks.slow_neighbor import stream_of

OWN_CALLERS, OTHER_CALLERS = 8, 16
EVERY_SECONDS = 3.0
FIRST_SECONDS = 3.0


@dataclass(frozen=True)
class Row:
    """What the callers of one ml_model noticed in one window. Latencies of the 2xx in milliseconds."""

    what: str
    who: str
    rate: float
    p50: float
    p99: float
    errors: int
    without_retry_after: int
    longest: float
    silence: float


def runner_of(site: Site) -> psutil.Process | None:
    """The confined process itself: the one that holds the library and the estimator."""
    found = [one for one in site.processes()["interactive"] if "launcher.py" in " ".join(_words(one))]
    return max(found, key=_resident, default=None)


def _words(process: psutil.Process) -> list[str]:
    try:
        words: list[str] = process.cmdline()
    except psutil.Error:
        return []
    return words


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


class Breaker:
    """Does what breaks the runner at the times for it."""

    def __init__(self, site: Site, number: signal.Signals | None, *, once: bool) -> None:
        self._site = site
        self._number = number
        self._once = once
        self._next = FIRST_SECONDS
        self.times = 0

    def __call__(self, now: float) -> None:
        if self._number is None or now < self._next:
            return
        self._next = float("inf") if self._once else now + EVERY_SECONDS
        runner = runner_of(self._site)
        if runner is not None:
            with suppress(psutil.Error):
                runner.send_signal(self._number)
                self.times += 1


def silence(told: Told, seconds: float) -> float:
    """The longest time without a 2xx."""
    moments = sorted([0.0, seconds, *(one.at for one in told.seen if 200 <= one.status < 300)])
    return max(after - before for before, after in pairwise(moments))


def row_of(what: str, who: str, told: Told, seconds: float) -> Row:
    """The line of one stream."""
    bad = [one for one in told.seen if not 200 <= one.status < 300]
    return Row(
        what=what,
        who=who,
        rate=told.rate(seconds),
        p50=told.milliseconds(0.5),
        p99=told.milliseconds(0.99),
        errors=len(bad),
        without_retry_after=sum(not one.says_when for one in bad),
        longest=told.longest,
        silence=silence(told, seconds),
    )


def measure(site: Site, streams: Sequence[Stream], seconds: float, count: Callable[[], int]) -> list[Row]:
    """Every kind of trouble in turn. Raises LostRowsError."""
    found = []
    troubles: list[tuple[str, signal.Signals | None, bool]] = [
        ("nothing", None, True),
        ("killed every 3 s", signal.SIGKILL, False),
        ("nothing", None, True),
        ("stopped once, never answers", signal.SIGSTOP, True),
    ]
    for what, number, once in troubles:
        before = count()
        breaker = Breaker(site, number, once=once)
        told = crowd.drive(streams, seconds, breaker)
        check_rows(Told(seen=[one for part in told.values() for one in part.seen]), count() - before)
        site.check_alive()
        if number is not None and not breaker.times:
            sys.exit("No runner was found to break; nothing was measured.")
        words = f"{what} ({breaker.times} times)" if number is not None and not once else what
        found += [row_of(words, name, one, seconds) for name, one in told.items()]
        print(f"  {words} ...", flush=True)
    return found


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown."""
    lines = [
        "| what happens | callers of | 2xx/s | p50 ms | p99 ms | errors | of them without Retry-After | longest wait, s | longest without an answer, s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {one.what} | {one.who} | {one.rate:,.0f} | {one.p50:.1f} | {one.p99:.1f} | {one.errors} | {one.without_retry_after} "
        f"| {one.longest:.1f} | {one.silence:.1f} |"
        for one in rows
    ]


def main(arguments: Sequence[str]) -> None:
    """Prints a table and leaves it as JSON in the folder of results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.broken_runners", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each window (default 30)")
    parser.add_argument("--row-seconds", type=float, default=0.005, help="of a row of the native one (0.005)")
    options = parser.parse_args(arguments)
    own = slow_subjects.train(MODELS, name="native", seconds=options.row_seconds).subject
    other = cases.train(MODELS)["logistic"]
    with opened({other.name: other, own.name: own}) as (site, _):
        contestants = {"the broken one": site.contestant(own), "the other": site.contestant(other)}
        http_calls.first_answer(contestants["the broken one"], own.rows[0], site.check_alive)
        streams = [
            stream_of("the broken one", contestants["the broken one"], own.rows, OWN_CALLERS, heeds=True),
            stream_of("the other", contestants["the other"], other.rows, OTHER_CALLERS, heeds=True),
        ]
        crowd.drive(streams, 3.0)  # warm-up
        rows = measure(site, streams, options.seconds, lambda: settle(contestants["the other"]) or 0)
    save("broken_runners", [asdict(row) for row in rows])
    print("\n".join(["", *table(rows)]))


if __name__ == "__main__":
    main(sys.argv[1:])
