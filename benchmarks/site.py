"""Model Desk itself, whole and as shipped, on a port and with data of its own below ``var/bench/site``."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any
from uuid import UUID

import psutil
import psycopg2
import psycopg2.extensions

from benchmarks import environments, http_calls
from benchmarks.cases import Row, Subject
from benchmarks.contestants import Answer, Contestant
from benchmarks.folders import ROOT, SITE
from benchmarks.peer_servers import free_port
from benchmarks.processes import check_alive, family_of
from deploy_site import embedded
from deploy_site.embedded.process import processes_in
from deploy_site.supervisor import Supervisor

NAME = "Model Desk"
PROCESSES = ["web", "interactive", "background", "maintenance"]
"""All but beat, which only sends a sweep of jobs every 15 seconds and keeps its schedule in the checkout."""

KEY_LIMIT = "1000000/min"


class Site:
    """Commands and servers of one scratch site; ``opened`` makes one."""

    def __init__(self, servers: embedded.Servers) -> None:
        self.port = free_port()
        self.database_url = servers.database_url or ""
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "deploy_site.settings",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": servers.redis_url or "",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
            "HTTPS": "0",
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "ARTIFACTS_DIR": str(SITE / "artifacts"),
            "STATIC_ROOT": str(SITE / "static"),
            # The load is one partner's, who would rightly be slowed down at the default of 100,000 a minute.
            "THROTTLE_KEY": KEY_LIMIT,
            # The load sends the same cases again and again; as every peer, we infer each of them.
            "ANSWER_CACHE_MB": "0",
            "PATH": f"{ROOT / 'var' / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        self.key = ""
        self._supervisor: Supervisor | None = None

    def manage(self, *arguments: str) -> str:
        """Run a management command; what it printed to standard output. Raises SetupError."""
        return environments.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments], environment=self.environment
        )

    def prepare(self) -> None:
        """Bring the database and static files up to date and make the owner of what is deployed."""
        self.manage("migrate", "--verbosity", "0")
        self.manage("make_roles", "--verbosity", "0")
        self.manage("collectstatic", "--no-input", "--clear", "--verbosity", "0")
        self.manage("first_run", "--base-url", f"http://127.0.0.1:{self.port}")
        self.key = self.manage("create_api_key", "benchmark").strip()

    def deploy(self, subject: Subject) -> None:
        """Bring the estimator the way an owner does. Raises SetupError."""
        self.manage(
            *("deploy", str(subject.file), "--name", subject.name, "--sample", str(subject.sample)),
            *("--visibility", "members", "--live"),
        )

    def start(self) -> None:
        """Start the web server and the workers."""
        if self._supervisor is None:
            self._supervisor = Supervisor(PROCESSES, SITE / "log", self.environment)
        self._supervisor.start()

    def stop(self) -> None:
        """Stop what ``start`` started."""
        if self._supervisor is not None:
            self._supervisor.stop()

    def check_alive(self) -> None:
        """Raises ProgramEndedError when one of the processes is gone."""
        for process in self._supervisor.processes if self._supervisor else ():
            check_alive(psutil.Process(process.group), process.log)

    def processes(self) -> dict[str, list[psutil.Process]]:
        """What runs now, by part."""
        parts = {
            process.name: family_of(psutil.Process(process.group))
            for process in (self._supervisor.processes if self._supervisor else ())
            if not process.ended()
        }
        parts["postgres"] = processes_in(SITE / "postgres" / "data")
        parts["redis"] = processes_in(SITE / "redis")
        return parts

    def count_rows(self) -> int:
        """How many predictions PostgreSQL holds."""
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM predictions_prediction")
            return int(cursor.fetchone()[0])  # type: ignore[index]

    def stored(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What PostgreSQL holds of these predictions: ``inputs`` and ``outputs`` by id."""
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT id::text, own FROM predictions_prediction WHERE id = ANY(%s::uuid[])",
                [list(ids)],
            )
            return {row: {"inputs": own[0], "outputs": own[1]} for row, own in cursor.fetchall()}

    def database_version(self) -> str:
        """PostgreSQL's own word."""
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            return str(cursor.fetchone()[0])  # type: ignore[index]

    def contestant(self, subject: Subject, start_seconds: float = 0.0) -> Contestant:
        """How the load reaches it."""

        def body_of(rows: Sequence[Row]) -> bytes:
            cases = [dict(zip(subject.features, row, strict=True)) for row in rows]
            return json.dumps({"inputs": cases}).encode()

        return Contestant(
            name=NAME,
            url=f"http://127.0.0.1:{self.port}/api/v1/models/{subject.name}/predict",
            settings="as shipped: 2 web processes × 32 threads, 1 interactive worker; "
            "but the cache of answers is off, and a key may ask 1,000,000 times a minute",
            body_of=body_of,
            answers_in=answers_in,
            processes=self.processes,
            start_seconds=start_seconds,
            headers={"Authorization": f"Bearer {self.key}"},
            count_rows=self.count_rows,
        )

    def _connect(self) -> psycopg2.extensions.connection:
        return psycopg2.connect(self.database_url)


def answers_in(said: Mapping[str, Any]) -> list[Answer]:
    """Answers of our API; labels here are the numbers 0 and 1."""
    return [
        Answer(
            label=int(one["label"]),
            probabilities=tuple(one["probabilities"].values()),
            id=str(UUID(one["id"])),
        )
        for one in said["predictions"]
    ]


@contextmanager
def opened(subjects: Mapping[str, Subject]) -> Iterator[tuple[Site, float]]:
    """A site with every subject live, restarted once so that its start can be timed.

    Gives the site and the seconds from the start of its servers, web and workers to the first stored answer.
    """
    embedded.stop(SITE)
    shutil.rmtree(SITE, ignore_errors=True)
    with _started() as site:
        site.prepare()
        site.start()
        for subject in subjects.values():
            site.deploy(subject)
        key = site.key
    begun = time.monotonic()
    first = next(iter(subjects.values()))
    with _started(key) as site:
        site.start()
        http_calls.first_answer(site.contestant(first), first.rows[0], site.check_alive)
        yield site, time.monotonic() - begun


@contextmanager
def _started(key: str = "") -> Iterator[Site]:
    with embedded.hold(SITE) as servers:
        site = Site(servers)
        site.key = key
        try:
            yield site
        finally:
            site.stop()
