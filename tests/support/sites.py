"""A whole site of a test's own: both servers, a web server and workers, in one folder, stopped and broken at will."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psutil
import psycopg2
import requests

from deploy_site.embedded import postgres, valkey
from deploy_site.supervisor import Process, Supervisor
from tests.support.servers import ROOT

PASSWORD = "correct horse 7"
_READY_SECONDS = 90.0
_SET_UP = f"""
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from predictions.services import api_keys
call_command("migrate", verbosity=0)
admin = User.objects.create_superuser("owner", password={PASSWORD!r})
print(api_keys.create(name="tests", user=admin)[1])
"""


class Site:
    """A running site. ``key`` is an admin's; ``owner`` with PASSWORD signs in."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.artifacts = folder / "artifacts"
        self.temporary = folder / "tmp"
        for part in (self.artifacts, self.temporary, folder / "static"):
            part.mkdir(parents=True)
        self.database_url = postgres.ensure(folder / "postgres")
        self.port = _free_port()
        self.url = f"http://localhost:{self.port}"
        self.environment = {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "REDIS_URL": valkey.ensure(folder / "redis"),
            "PORT": str(self.port),
            "WEB_CONCURRENCY": "1",
            "WEB_THREADS": "16",
            "ARTIFACTS_DIR": str(self.artifacts),
            "METRICS_DIR": str(folder / "metrics"),
            "STATIC_ROOT": str(folder / "static"),
            "TMPDIR": str(self.temporary),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            **settings,
        }
        # It is for this process alone: a site refuses queries on its event loop.
        self.environment.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
        self.key = self.run("-c", _SET_UP).stdout.strip()
        names = ["web", "interactive", "background", "maintenance"]
        self.supervisor = Supervisor(names, folder / "log", self.environment)
        self.supervisor.start()
        self.wait_until_ready()

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Python in the site's environment."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert not check or done.returncode == 0, done.stderr[-3000:]
        return done

    def process(self, name: str) -> Process:
        """One of the site's processes."""
        return next(process for process in self.supervisor.processes if process.name == name)

    def log(self, name: str) -> str:
        """What a process wrote."""
        return self.process(name).log.read_text(encoding="utf-8", errors="replace")

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database says."""
        found = urlsplit(self.database_url)
        address: dict[str, Any] = {
            "dbname": found.path.lstrip("/"),
            "user": found.username,
            **dict(parse_qsl(found.query)),
        }
        with closing(psycopg2.connect(**address)) as connection, connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """An API call with the admin's key."""
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        return requests.request(method, self.url + path, headers=headers, timeout=90, **more)

    def browser(self) -> requests.Session:
        """A signed-in session, as a browser without JavaScript has one."""
        session = requests.Session()
        response = self.submit(session, "/accounts/login/", {"username": "owner", "password": PASSWORD})
        assert "Sign out" in response.text
        return session

    def submit(
        self, session: requests.Session, path: str, fields: dict[str, str], **more: Any
    ) -> requests.Response:
        """Open a page for its token and send its form."""
        session.get(self.url + path, timeout=30)
        token = next(cookie.value for cookie in session.cookies if cookie.name.endswith("csrf"))
        return session.post(
            self.url + path, data={**fields, "csrfmiddlewaretoken": token or ""}, timeout=90, **more
        )

    def wait_until_ready(self) -> None:
        """Wait until the site can answer a real question again."""
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until:
            for process in self.supervisor.processes:
                assert not process.ended(), process.tail()
            try:
                if requests.get(f"{self.url}/health/ready", timeout=10).status_code == 200:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.2)
        raise AssertionError("The site does not get ready.")

    def leftovers(self) -> list[str]:
        """Temporary files, and processes of sandboxes, that are there now."""
        # A worker's own folder for its pool lives as long as the worker.
        files = [str(path) for path in self.temporary.rglob("*") if not path.name.startswith("pymp-")]
        mark = str(self.temporary)
        alive = [
            f"process {' '.join(process.info['cmdline'])[:200]}"
            for process in psutil.process_iter(["cmdline", "status"])
            if process.info["status"] != psutil.STATUS_ZOMBIE
            and any(mark in part for part in process.info["cmdline"] or ())
        ]
        return files + alive

    def close(self) -> None:
        """Stop everything."""
        self.supervisor.stop()
        valkey.stop(self.folder / "redis")
        postgres.stop(self.folder / "postgres")


@contextmanager
def running_site(folder: Path, **settings: str) -> Iterator[Site]:
    """A site in an emptied folder, which sandboxes can reach (not below pytest's own closed ones)."""
    valkey.stop(folder / "redis")
    postgres.stop(folder / "postgres")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    site = Site(folder, **settings)
    try:
        yield site
    finally:
        site.close()


def wait_for(look: Any, seconds: float = 60.0) -> Any:
    """Look again and again until something is found; that is returned."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, "This did not happen in time."
        time.sleep(0.1)
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
