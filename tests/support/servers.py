"""The servers of one test run, and the environment that points the site at them."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from django.core.exceptions import ImproperlyConfigured

from deploy_site import embedded

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def environment_of_a_run() -> Iterator[Path]:
    """Start servers in a folder no other run is using, set the environment, and give the folder."""
    with _free_folder(ROOT / "var" / "test") as folder, embedded.hold(folder) as servers:
        if servers.database_url is None or servers.redis_url is None:
            raise ImproperlyConfigured("Tests need both servers.")
        redis.Redis.from_url(servers.redis_url).flushall()
        for name in ("artifacts", "metrics", "static"):
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).mkdir()
        os.environ.update(
            DJANGO_SETTINGS_MODULE="deploy_site.settings",
            DEBUG="0",
            HTTPS="0",
            STATIC_MANIFEST="0",
            SECRET_KEY="only for tests, and long enough for the checks that look at its length",
            ALLOWED_HOSTS="localhost,127.0.0.1,[::1],testserver",
            DATABASE_URL=servers.database_url,
            REDIS_URL=servers.redis_url,
            ARTIFACTS_DIR=str(folder / "artifacts"),
            METRICS_DIR=str(folder / "metrics"),
            STATIC_ROOT=str(folder / "static"),
            EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend",
            # Playwright keeps an event loop in the test's thread, which Django would refuse queries for.
            DJANGO_ALLOW_ASYNC_UNSAFE="1",
        )
        yield folder


@contextmanager
def _free_folder(parent: Path) -> Iterator[Path]:
    for number in itertools.count():
        folder = parent / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "run.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield folder
            return
