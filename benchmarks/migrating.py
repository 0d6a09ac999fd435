"""How long anybody waits while a full table of answers becomes one of monthly parts: ``python -m benchmarks.migrating --help``.

A database as the first version of the site left it, with so many answers; beside the migration one program writes answers
as that version did, one reads lists, and one holds a long transaction as a backup does. Nobody may wait for longer than a
moment, and no row may be copied.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from benchmarks.folders import BENCH, ROOT
from deploy_site import embedded

FOLDER = BENCH / "migrating"
DATABASE = "migrating"
HISTORY = "predictions_prediction"
BEFORE = "0001_initial"
OUTPUTS = {"label": "good", "probabilities": {"good": 0.7, "bad": 0.3}}
DAYS = 60
_CHILD = "import sys, django; django.setup(); from benchmarks.migrating import inside; inside(sys.argv[1:])"
_COLUMNS = (
    "id, ml_model_id, version_id, revision_id, user_id, inputs, outputs, warnings, outcome, score, face, created_at, "
    "duration_ms"
)
_FILL = f"""
INSERT INTO {HISTORY} ({_COLUMNS})
SELECT (lpad(to_hex((extract(epoch FROM t) * 1000)::bigint), 12, '0') || '7' || substr(m, 1, 3) || '8' || substr(m, 4, 15))::uuid,
    %(ml_model)s, %(version)s, %(revision)s, %(user)s, jsonb_build_array(n, 1.5, NULL, 'text'), %(outputs)s,
    CASE WHEN n %% 10 = 0 THEN '[{{"field": "x", "code": "note", "message": "Look."}}]'::jsonb ELSE '[]'::jsonb END,
    'good', 0.7, 'api', t, 2.5
FROM (
    SELECT n, md5(n::text) AS m, now() - make_interval(secs => %(days)s * 86400.0 * (1 - n::float8 / %(rows)s)) AS t
    FROM generate_series(1, %(rows)s) AS n
) AS drawn
"""
_WRITE = f"""
INSERT INTO {HISTORY} ({_COLUMNS})
VALUES (%(id)s, %(ml_model)s, %(version)s, %(revision)s, %(user)s, '[1]', %(outputs)s, '[]', 'good', 0.7, 'api', now(), 2.5)
"""
_READ = f"SELECT id, outcome FROM {HISTORY} ORDER BY id DESC LIMIT 50"


@dataclass(slots=True)
class Busy:
    """What one program beside the migration met: how often it asked, and its longest wait in seconds."""

    times: int = 0
    longest: float = 0.0
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    """``rewritten`` when the rows lie in other files than before."""

    seconds: float
    writer: Busy
    reader: Busy
    rewritten: bool


def fill(rows: int) -> dict[str, Any]:
    """Bring the database that is used to the first version, with so many answers; returns what an answer refers to."""
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up in the child only
    from django.db import connection  # noqa: PLC0415
    from django.db.migrations.loader import MigrationLoader  # noqa: PLC0415

    for app in ("contenttypes", "auth"):
        call_command("migrate", app, verbosity=0)
    call_command("migrate", "predictions", BEFORE, verbosity=0)
    apps = MigrationLoader(connection).project_state(("predictions", BEFORE)).apps
    ml_model = apps.get_model("predictions", "MLModel").objects.create(slug="loans", name="Loans")
    source = apps.get_model("predictions", "Source").objects.create(filename="a.onnx", size=1, sha256="0")
    version = apps.get_model("predictions", "ModelVersion").objects.create(
        ml_model=ml_model, number=1, source=source, runtime="onnx", artifact_size=1
    )
    revision = apps.get_model("predictions", "SignatureRevision").objects.create(
        version=version, number=1, document={}
    )
    user = apps.get_model("auth", "User").objects.create(username="heavy")
    known = {
        "ml_model": ml_model.pk,
        "version": version.pk,
        "revision": revision.pk,
        "user": user.pk,
        "outputs": json.dumps(OUTPUTS),
    }
    with connection.cursor() as cursor:
        cursor.execute(_FILL, {**known, "rows": rows, "days": DAYS})
        cursor.execute(f"ANALYZE {HISTORY}")
    return known


def migrate(known: dict[str, Any], *, backup_seconds: float) -> Report:
    """Migrate the database that is used while others use it. A long transaction lasts for the first seconds."""
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    before = _files(connection)
    params = connection.get_connection_params()
    with _beside(lambda: _written(known), params) as writer, _beside(lambda: (_READ, {}), params) as reader:
        backup = threading.Thread(target=_back_up, args=(params, backup_seconds))
        backup.start()
        time.sleep(0.2)
        begun = time.monotonic()
        call_command("migrate", "predictions", verbosity=0)
        seconds = time.monotonic() - begun
        backup.join()
        time.sleep(0.2)
    return Report(seconds, writer, reader, not before <= _files(connection))


def _written(known: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    from predictions.models.ids import new_id  # noqa: PLC0415

    return _WRITE, {**known, "id": str(new_id())}


@contextmanager
def _beside(ask: Callable[[], tuple[str, dict[str, Any]]], params: dict[str, Any]) -> Iterator[Busy]:
    """Somebody who asks the database again and again on a connection of his own."""
    busy, over = Busy(), threading.Event()

    def run() -> None:
        with closing(psycopg2.connect(**params)) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            while not over.wait(0.003):
                begun = time.monotonic()
                try:
                    cursor.execute(*ask())
                except psycopg2.Error as error:
                    busy.errors.append(type(error).__name__)
                busy.times += 1
                busy.longest = max(busy.longest, time.monotonic() - begun)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield busy
    finally:
        over.set()
        thread.join()


def _back_up(params: dict[str, Any], seconds: float) -> None:
    with closing(psycopg2.connect(**params)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM {HISTORY} LIMIT 1")
        time.sleep(seconds)


def _files(connection: Any) -> set[int]:
    """The files that the rows of the table and of its parts lie in."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pg_relation_filenode(relid) FROM pg_partition_tree('{HISTORY}') "
            f"UNION SELECT pg_relation_filenode('{HISTORY}')"
        )
        return {row[0] for row in cursor.fetchall() if row[0] is not None}


def inside(arguments: Sequence[str]) -> None:
    """``ROWS SECONDS``, in a process whose settings name the servers."""
    from benchmarks.history import databases  # noqa: PLC0415

    rows = int(arguments[0])
    database = databases.make(DATABASE)
    with database.used():
        known = fill(rows)
        print(f"{rows:,} answers of the first version; migrating beside a writer, a reader and a backup.")
        report = migrate(known, backup_seconds=float(arguments[1]))
    database.close()
    print(f"It took {report.seconds:.1f} s; rows {'were' if report.rewritten else 'were not'} copied.")
    for name, busy in (("writer", report.writer), ("reader", report.reader)):
        print(
            f"The {name} asked {busy.times:,} times, waited {busy.longest * 1000:.0f} ms at most, "
            f"met {len(busy.errors)} errors."
        )


def main(arguments: Sequence[str]) -> int:
    """Prints a few sentences."""
    from benchmarks.ceiling import environment  # noqa: PLC0415 - it loads scikit-learn

    parser = argparse.ArgumentParser(prog="python -m benchmarks.migrating", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="answers in the old table")
    parser.add_argument("--backup", type=float, default=5.0, help="seconds the long transaction lasts")
    options = parser.parse_args(arguments)
    with embedded.hold(FOLDER) as servers:
        command = [sys.executable, "-c", _CHILD, str(options.rows), str(options.backup)]
        return subprocess.run(command, env=environment(servers, FOLDER), cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
