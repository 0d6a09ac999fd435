"""Real Celery workers beside the tests, started from the Procfile's own commands."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from celery import current_app

from deploy_site.supervisor import Supervisor
from tests.support.servers import ROOT

WORKERS = ["interactive", "background", "maintenance"]
_READY_SECONDS = 90.0


@contextmanager
def running_workers(database_name: str, log_dir: Path) -> Iterator[Supervisor]:
    """Run workers that see the database of this run's tests; ready when every one answers."""
    site_database = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        **os.environ,
        "DATABASE_URL": urlunsplit(site_database._replace(path=f"/{database_name}")).replace(":///", "://@/"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    supervisor = Supervisor(WORKERS, log_dir, environment)
    supervisor.start()
    try:
        _wait_for_answers(supervisor)
        yield supervisor
    finally:
        supervisor.stop()


@contextmanager
def halted(supervisor: Supervisor, *names: str) -> Iterator[None]:
    """Those workers (all when none is named) hang for as long as the block runs."""
    groups = [process.group for process in supervisor.processes if process.name in (names or WORKERS)]
    for group in groups:
        os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        for group in groups:
            os.killpg(group, signal.SIGCONT)


def _wait_for_answers(supervisor: Supervisor) -> None:
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until:
        for process in supervisor.processes:
            if process.ended():
                raise RuntimeError(f"The {process.name} worker ended at its start:\n{process.tail()}")
        answers = current_app.control.ping(timeout=0.5) or []
        if len(answers) >= len(WORKERS):
            return
    raise RuntimeError("The workers do not answer.")
