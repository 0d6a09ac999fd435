"""What storing answers costs one worker, by shape of group: ``python -m benchmarks.storing --help``.

One writer, each group its own commit, fsync and synchronous commit on. Beside the site's own way stand the same rows
without the check that what they refer to exists, and with a foreign key for each reference instead. How many answers
several writers store at once is measured by ``benchmarks.ceiling``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from sklearn.datasets import load_breast_cancer

from benchmarks.ceiling import OUTPUTS, environment, group_of
from benchmarks.folders import BENCH, ROOT
from benchmarks.overload import save
from benchmarks.processes import cpu_seconds
from deploy_site import embedded
from deploy_site.embedded.process import processes_in

FOLDER = BENCH / "storing"
DATABASE = "storing"
SHAPES = {
    "1 caller, 1 row": (1, 1),
    "8 callers, 1 row each": (8, 1),
    "32 callers, 1 row each": (32, 1),
    "64 callers, 1 row each": (64, 1),
    "1 caller, 1,000 rows": (1, 1_000),
    "1 caller, 5,000 rows": (1, 5_000),
    "a file's 5,000 rows, encoded": (0, 5_000),
}
CHECKS = ("trigger", "none", "foreign keys")
_CHILD = "import sys, django; django.setup(); from benchmarks.storing import inside; inside(sys.argv[1:])"
_KEYS = {
    "ml_model_id": "predictions_mlmodel",
    "version_id": "predictions_modelversion",
    "revision_id": "predictions_signaturerevision",
    "user_id": "auth_user",
    "api_key_id": "predictions_apikey",
}


@dataclass(frozen=True)
class Row:
    """One shape of group with one kind of check. Processor time is that of the writer and of PostgreSQL, a commit."""

    shape: str
    checks: str
    milliseconds: float
    slowest_tenth_ms: float
    python_ms: float
    postgres_ms: float
    rows: int


@dataclass(slots=True)
class Taken:
    """Seconds by commit, by the clock and of the writer's processor; PostgreSQL's processor for all of them."""

    walls: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    postgres: float = 0.0


def inside(arguments: Sequence[str]) -> None:
    """``SECONDS``, in a process whose settings name the servers."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from benchmarks.history import databases, people  # noqa: PLC0415

    seconds = float(arguments[0])
    database = databases.make(DATABASE)
    databases.migrate(database)
    with database.used():
        columns = people.make(datetime.now(UTC)).columns
        # In turns, so that what else the machine does meets all of them.
        taken = {(name, checks): Taken() for name in SHAPES for checks in CHECKS}
        for _turn in range(3):
            for checks in CHECKS:
                with checked_by(checks):
                    for name in SHAPES:
                        _measure(taken[name, checks], _writer(SHAPES[name], columns), seconds / 3)
        rows = [_summed(name, checks, found) for (name, checks), found in taken.items()]
    database.close()
    print("\n".join(["", *table(rows)]))
    save("storing", [asdict(row) for row in rows])


def _summed(name: str, checks: str, taken: Taken) -> Row:
    ordered = sorted(taken.walls)
    return Row(
        name,
        checks,
        statistics.median(ordered) * 1e3,
        ordered[len(ordered) * 9 // 10] * 1e3,
        statistics.median(taken.own) * 1e3,
        taken.postgres * 1e3 / len(ordered),
        max(SHAPES[name][0], 1) * SHAPES[name][1],
    )


@contextmanager
def checked_by(checks: str) -> Any:
    """The history with another kind of check for the length of a block."""
    from django.db import connection  # noqa: PLC0415

    from predictions.selectors.history_parts import HISTORY  # noqa: PLC0415

    keys = [f"{HISTORY}_to_{column}" for column in _KEYS]
    before, after = [], []
    if checks != "trigger":
        before.append(f"ALTER TABLE {HISTORY} DISABLE TRIGGER check_references")
        after.append(f"ALTER TABLE {HISTORY} ENABLE TRIGGER check_references")
    if checks == "foreign keys":
        for key, (column, other) in zip(keys, _KEYS.items(), strict=True):
            before.append(
                f"ALTER TABLE {HISTORY} ADD CONSTRAINT {key} FOREIGN KEY ({column}) REFERENCES {other}"
            )
            after.append(f"ALTER TABLE {HISTORY} DROP CONSTRAINT {key}")
    for statements in (before, after):
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        if statements is before:
            yield


def _writer(shape: tuple[int, int], columns: dict[str, Any]) -> Callable[[], Callable[[], None]]:
    """A function that makes the next group and gives the function that stores it."""
    from predictions.models.ids import first_id  # noqa: PLC0415
    from predictions.services.score_storing import Origin, block_of, write  # noqa: PLC0415
    from predictions.services.storing import Answered, Summaries, store  # noqa: PLC0415

    values = load_breast_cancer().data.tolist()
    if shape[0]:

        def of_callers() -> Callable[[], None]:
            made = group_of(columns, shape, values)
            answered = [Answered(ask, [OUTPUTS] * len(ask.rows)) for ask in made.asks]
            return lambda: store(group=made, answered=answered, now=time.time())

        return of_callers

    origin = Origin(
        columns["ml_models"][0], columns["versions"][0], columns["revisions"][0], columns["bulk"], None
    )
    inputs = [values[place % len(values)] for place in range(shape[1])]
    outputs = [OUTPUTS] * shape[1]

    def of_a_file() -> Callable[[], None]:
        summary, begin = Summaries(), first_id(shape[1])
        block = block_of(begin, inputs, outputs, list(map(summary.of, outputs)), {})
        return lambda: write(origin, [block], now=time.time(), milliseconds=0.01)

    return of_a_file


def _measure(taken: Taken, writer: Callable[[], Callable[[], None]], seconds: float) -> None:
    writer()()
    server = processes_in(FOLDER / "postgres" / "data")
    before = cpu_seconds(server)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        write = writer()
        wall, cpu = time.perf_counter(), time.process_time()
        write()
        taken.walls.append(time.perf_counter() - wall)
        taken.own.append(time.process_time() - cpu)
    taken.postgres += cpu_seconds(server) - before


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown."""
    head = "| a group | checked by | ms a commit | 90th percentile | Python's processor ms | PostgreSQL's | commits/s | rows/s | µs a row |"
    lines = [head, "|---" * head.count(" |") + "|"]
    for row in rows:
        lines.append(
            f"| {row.shape} | {row.checks} | {row.milliseconds:.2f} | {row.slowest_tenth_ms:.2f} | {row.python_ms:.2f} | {row.postgres_ms:.2f} "
            f"| {1e3 / row.milliseconds:,.0f} | {row.rows * 1e3 / row.milliseconds:,.0f} "
            f"| {row.milliseconds * 1e3 / row.rows:.1f} |"
        )
    return lines


def main(arguments: Sequence[str]) -> int:
    """Prints a table and leaves it as JSON in the folder of results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storing", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement (default 3)")
    options = parser.parse_args(arguments)
    with embedded.hold(FOLDER) as servers:
        command = [sys.executable, "-c", _CHILD, str(options.seconds)]
        return subprocess.run(command, env=environment(servers, FOLDER), cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
