"""How many answers a second one PostgreSQL takes: ``python -m benchmarks.ceiling --help``.

Writers store answers as workers do (``services.storing``, one commit a group, fsync and synchronous commit on), nothing else
runs: no web, no queue, no inference. Beside rows a second stands what a row costs PostgreSQL in processor time, log and
disk, because writers and server share this machine: a server with cores of its own takes about cores / that time.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from sklearn.datasets import load_breast_cancer

from benchmarks.folders import BENCH, ROOT
from benchmarks.overload import save
from benchmarks.processes import cpu_seconds
from deploy_site import embedded
from deploy_site.embedded.process import processes_in

FOLDER = BENCH / "ceiling"
DATABASE = "ceiling"
SHAPES = {
    "1 caller, 1 row": (1, 1),
    "16 callers, 1 row each": (16, 1),
    "64 callers, 1 row each": (64, 1),
    "1 caller, 1,000 rows": (1, 1_000),
}
WRITERS = (1, 2, 4, 8)
PATIENCE_SECONDS = 60.0
"""For writers to begin and to end; one that failed must not keep the others waiting for good."""
OUTPUTS = {"label": 0, "probabilities": {"0": 0.9873421907424927, "1": 0.012657809257507324}}
_CHILD = "import sys, django; django.setup(); from benchmarks.ceiling import inside; inside(sys.argv[1:])"


@dataclass(frozen=True)
class Row:
    """One shape of group with so many writers. Bytes and microseconds are for one stored case."""

    shape: str
    writers: int
    rows_per_second: float
    commits_per_second: float
    postgres_us: float
    log_bytes: float
    disk_bytes: float


def write(shape: tuple[int, int], seconds: float, begin: Barrier, end: Barrier, told: Any) -> None:
    """One writer in a process of its own, until the time is over; tells how many groups it stored."""
    from benchmarks.history import people  # noqa: PLC0415 - Django is set up in the child only
    from benchmarks.history.databases import Database  # noqa: PLC0415
    from predictions.services.storing import Answered, store  # noqa: PLC0415

    with Database(DATABASE).used():
        columns = people.known().columns
        values = load_breast_cancer().data.tolist()
        made = group_of(columns, shape, values)
        store(
            group=made,
            answered=[Answered(ask, [OUTPUTS] * len(ask.rows)) for ask in made.asks],
            now=time.time(),
        )
        begin.wait(PATIENCE_SECONDS)
        groups, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            made = group_of(columns, shape, values)
            answered = [Answered(ask, [OUTPUTS] * len(ask.rows)) for ask in made.asks]
            store(group=made, answered=answered, now=time.time())
            groups += 1
        told.put(groups)
        # The server's processes are asked for their time before they end with their writers.
        end.wait(PATIENCE_SECONDS)
        end.wait(PATIENCE_SECONDS)


def group_of(columns: dict[str, Any], shape: tuple[int, int], values: Sequence[list[float]]) -> Any:
    """A group as the gateway sends it: so many callers with so many rows each."""
    from predictions.models.ids import first_id  # noqa: PLC0415
    from predictions.values import Ask, Group  # noqa: PLC0415

    callers, cases = shape
    now = time.time()
    asks = [
        Ask(
            number=number,
            first_id=first_id(cases),
            rows=[values[(number + place) % len(values)] for place in range(cases)],
            warnings=[[]] * cases,
            face="api",
            deadline=now + 10,
            api_key_id=columns["other_key"],
        )
        for number in range(callers)
    ]
    return Group(
        id=1,
        reply_to="",
        ml_model_id=columns["ml_models"][0],
        version_id=columns["versions"][0],
        revision_id=columns["revisions"][0],
        sent_at=now,
        asks=asks,
    )


def measured(name: str, writers: int, seconds: float) -> Row:
    """So many writers at once."""
    from benchmarks.history.databases import Database  # noqa: PLC0415

    shape = SHAPES[name]
    forked = multiprocessing.get_context("fork")
    begin, end, told = forked.Barrier(writers + 1), forked.Barrier(writers + 1), forked.Queue()
    children = [forked.Process(target=write, args=(shape, seconds, begin, end, told)) for _ in range(writers)]
    for child in children:
        child.start()
    begin.wait(PATIENCE_SECONDS)
    database = Database(DATABASE)
    before = used(database)
    end.wait(seconds + PATIENCE_SECONDS)
    after = used(database)
    groups = sum(told.get(timeout=PATIENCE_SECONDS) for _ in children)
    end.wait(PATIENCE_SECONDS)
    for child in children:
        child.join()
    database.close()
    rows = groups * shape[0] * shape[1]
    cost = [(late - early) / rows for late, early in zip(after, before, strict=True)]
    return Row(name, writers, rows / seconds, groups / seconds, cost[0] * 1e6, cost[1], cost[2])


def used(database: Any) -> tuple[float, float, float]:
    """Processor seconds of PostgreSQL, bytes of its log and of the database, up to now."""
    with database.used() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn, pg_database_size(current_database())")
        log, disk = cursor.fetchone()
    return cpu_seconds(processes_in(FOLDER / "postgres" / "data")), float(log), float(disk)


def inside(arguments: Sequence[str]) -> None:
    """``SECONDS``, in a process whose settings name the servers."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from benchmarks.history import databases, people  # noqa: PLC0415

    seconds = float(arguments[0])
    database = databases.make(DATABASE)
    databases.migrate(database)
    with database.used():
        people.make(datetime.now(UTC))
    database.close()
    rows = [measured(name, writers, seconds) for name in SHAPES for writers in WRITERS]
    print("\n".join(["", *table(rows)]))
    save("ceiling", [asdict(row) for row in rows])


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown."""
    head = "| a group | writers | rows/s | commits/s | PostgreSQL's processor µs a row | log bytes a row | disk bytes a row |"
    lines = [head, "|---" * head.count(" |") + "|"]
    for row in rows:
        lines.append(
            f"| {row.shape} | {row.writers} | {row.rows_per_second:,.0f} | {row.commits_per_second:,.0f} "
            f"| {row.postgres_us:,.1f} | {row.log_bytes:,.0f} | {row.disk_bytes:,.0f} |"
        )
    return lines


def environment(servers: embedded.Servers, folder: Path) -> dict[str, str]:
    """Settings of the child."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "deploy_site.settings",
        "DATABASE_URL": servers.database_url or "",
        "REDIS_URL": servers.redis_url or "",
        "DEBUG": "0",
        "HTTPS": "0",
        "SECRET_KEY": "only for a benchmark, and long enough for the checks that look at its length",
        "ALLOWED_HOSTS": "localhost",
        "ARTIFACTS_DIR": str(folder / "artifacts"),
        "METRICS_DIR": str(folder / "metrics"),
        "PYTHONPATH": str(ROOT),
    }


def main(arguments: Sequence[str]) -> int:
    """Prints a table and leaves it as JSON in the folder of results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ceiling", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement (default 10)")
    options = parser.parse_args(arguments)
    with embedded.hold(FOLDER) as servers:
        command = [sys.executable, "-c", _CHILD, str(options.seconds)]
        return subprocess.run(command, env=environment(servers, FOLDER), cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
