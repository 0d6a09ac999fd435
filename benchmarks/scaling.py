"""More hosts, more answers: ``python -m benchmarks.scaling --help``. Linux, root, and a few minutes.

A store host (PostgreSQL, Redis), one or two web hosts and one or two worker hosts, each a network namespace with an address of
its own that finds the others by address alone. Every web and worker host gets a fixed share of a core, so that a second
one is more to work with, as a second machine would be. The artifacts are in a folder that all of them see, as with a
shared volume. One worker host is killed in the middle of the last run and comes back.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks import cases, hosts, load, slow_subjects, store_host
from benchmarks.contestants import Contestant
from benchmarks.environments import SetupError
from benchmarks.folders import BENCH, HERE, MODELS
from benchmarks.hosts import HostsError
from benchmarks.http_calls import RefusedError
from benchmarks.load import Load, LoadError, require_wrk
from benchmarks.overload import save
from benchmarks.processes import ProgramEndedError
from benchmarks.rounds import LostRowsError, check_rows, settle
from benchmarks.scaling_outage import Outage, run_outage
from benchmarks.scaling_site import Fleet
from deploy_site.embedded import EmbeddedServerError

STAGES = ((1, 1), (1, 2), (2, 2))
FOLDER = BENCH / "scaling"
GROUP_SECONDS = 4.0
"""More than a group of all callers takes on one host's share of a core: until then rows of the last window may appear."""

EXPECTED = (
    EmbeddedServerError,
    HostsError,
    LoadError,
    LostRowsError,
    ProgramEndedError,
    RefusedError,
    SetupError,
)


@dataclass(frozen=True)
class Row:
    """One stage: medians of its windows. ``rows`` are what PostgreSQL has more than before."""

    webs: int
    workers: int
    rate: float
    rate_low: float
    rate_high: float
    p50: float
    p99: float
    answered: int
    errors: int
    rows: int


def drive(
    contestant: Contestant, urls: Sequence[str], bodies: Path, *, connections: int, seconds: int
) -> Load:
    """One window of wrk, a thread for each web host. Raises LoadError."""
    places = ",".join(url.split("/")[2] for url in urls)
    command = load.command(contestant, bodies, connections=connections, seconds=seconds)
    command[command.index("--threads") + 1] = str(len(urls))
    command[command.index("--script") + 1] = str(HERE / "spread.lua")
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds + load.GRACE_SECONDS,
        env={**os.environ, "SPREAD_OVER": places},
    )
    if done.returncode:
        raise LoadError(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
    return load.parse(done.stdout)


def stage(fleet: Fleet, webs: int, workers: int, options: argparse.Namespace) -> Row:
    """Throughput and latency with so many hosts. Raises LostRowsError, LoadError, RefusedError."""
    print(f"  {webs} web and {workers} worker hosts ...", flush=True)
    loads, total = [], 0
    with fleet.running(webs, workers) as contestants:
        first, urls = contestants[0], [one.url for one in contestants]
        drive(first, urls, fleet.bodies, connections=options.connections, seconds=options.warm_up)
        for _ in range(options.rounds):
            before = settle(first, GROUP_SECONDS) or 0
            seen = drive(first, urls, fleet.bodies, connections=options.connections, seconds=options.seconds)
            rows = (settle(first, GROUP_SECONDS) or 0) - before
            check_rows(seen.answered, rows, options.connections)
            loads.append(seen)
            total += rows
    rates = [one.rate for one in loads]
    return Row(
        webs=webs,
        workers=workers,
        rate=statistics.median(rates),
        rate_low=min(rates),
        rate_high=max(rates),
        p50=statistics.median(one.p50 for one in loads),
        p99=statistics.median(one.p99 for one in loads),
        answered=sum(one.answered for one in loads),
        errors=sum(one.errors for one in loads),
        rows=total,
    )


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown."""
    head = (
        "| web hosts | worker hosts | answers/s (lowest to highest window) | × the first | p50 ms | p99 ms "
        "| errors | answers | rows − answers |"
    )
    lines = [head, "|---" * head.count(" |") + "|"]
    for row in rows:
        lines.append(
            f"| {row.webs} | {row.workers} | {row.rate:,.1f} ({row.rate_low:,.1f} to {row.rate_high:,.1f}) "
            f"| {row.rate / rows[0].rate:.2f} | {row.p50:,.0f} | {row.p99:,.0f} | {row.errors} "
            f"| {row.answered:,} | {row.rows - row.answered} |"
        )
    return lines


def subject_of(options: argparse.Namespace) -> cases.Subject:
    """The estimator by name."""
    if options.subject != "topics":
        return cases.train(MODELS)[options.subject]
    slow = slow_subjects.train(MODELS, name="topics", seconds=options.row_milliseconds / 1000)
    print(f"A row takes {slow.seconds * 1000:.1f} ms of a core.", flush=True)
    return slow.subject


def measure(options: argparse.Namespace) -> tuple[list[Row], Outage | None]:
    """Everything. Raises one of EXPECTED."""
    require_wrk()
    subject = subject_of(options)
    with ExitStack() as stack:
        net = stack.enter_context(hosts.network())
        store = stack.enter_context(store_host.serving(net.add("store"), FOLDER / "store"))
        fleet = Fleet(
            store,
            subject,
            FOLDER,
            webs=[net.add(f"web{number}", options.web_share) for number in (1, 2)],
            workers=[net.add(f"worker{number}", options.worker_share) for number in (1, 2)],
        )
        print("Bringing the file to the store ...", flush=True)
        fleet.prepare(net.add("builder"))
        rows = [stage(fleet, webs, workers, options) for webs, workers in STAGES]
        outage = None
        if options.outage:
            print("  2 and 2; one worker host is killed and comes back ...", flush=True)
            outage = run_outage(fleet, options.connections)
        return rows, outage


def parser() -> argparse.ArgumentParser:
    """What can be said on the command line."""
    found = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    found.add_argument("--subject", choices=["topics", *cases.TITLES], default="topics")
    found.add_argument(
        "--row-milliseconds", type=float, default=10.0, help="what a row of topics takes (default 10)"
    )
    found.add_argument("--worker-share", type=float, default=0.4, help="of a core, each worker host (0.4)")
    found.add_argument("--web-share", type=float, default=0.3, help="of a core, each web host (0.3)")
    found.add_argument("--connections", type=int, default=32)
    found.add_argument("--seconds", type=int, default=20, help="of each window (20)")
    found.add_argument("--warm-up", type=int, default=5)
    found.add_argument("--rounds", type=int, default=3, help="windows of each stage (3)")
    found.add_argument("--no-outage", dest="outage", action="store_false", help="leave out the kill")
    found.add_argument("--clean", action="store_true", help="only take down what a killed run left")
    return found


def main(arguments: Sequence[str]) -> None:
    """Prints tables and leaves them as JSON in the folder of results."""
    options = parser().parse_args(arguments)
    if options.clean:
        hosts.clean()
        return
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    rows, outage = measure(options)
    print("\n".join(["", *table(rows)]))
    if outage is not None:
        print("\n".join(["", *outage.lines()]))
    save(
        "scaling",
        {
            "options": vars(options),
            "stages": [vars(row) for row in rows],
            "outage": outage.document() if outage else None,
        },
    )


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("Stopped; there is no result.")
    except EXPECTED as error:
        sys.exit(f"No result: {error}")
