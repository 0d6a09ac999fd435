"""What every test stands on: real servers of its own, real workers, a browser, a place for artifacts.

The servers start before Django reads its settings, so plain `pytest` works as well as `script/test`. Each run
takes the first free folder of `var/test/`, so runs beside one another do not meet.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import django
import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from deploy_site.supervisor import Supervisor
from tests.support.servers import environment_of_a_run
from tests.support.workers import running_workers

_run = ExitStack()
_folder = _run.enter_context(environment_of_a_run())
# Not in a hook: pytest imports the conftest of a room that is named on its command line before any hook runs.
django.setup()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop this run's servers."""
    _run.close()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Playwright keeps an event loop running in the thread of the tests; only those with a browser are to meet it.

    Around everything a test sets up: Django has other connections where a loop runs. The last one ends Playwright.
    """
    loop = asyncio._get_running_loop()
    if loop is None or nextitem is None or "playwright" in getattr(item, "fixturenames", ()):
        return (yield)
    asyncio._set_running_loop(None)
    try:
        return (yield)
    finally:
        asyncio._set_running_loop(loop)


@pytest.fixture(scope="session")
def run_folder() -> Path:
    """The folder with this run's servers, artifacts and logs."""
    return _folder


@pytest.fixture(autouse=True)
def artifacts_dir(
    request: pytest.FixtureRequest, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Keep artifacts out of the site's folder: one of the test's own, or the one the workers see too."""
    if "worker" in request.fixturenames:
        return Path(settings.ARTIFACTS_DIR)
    folder = tmp_path_factory.mktemp("artifacts")
    settings.ARTIFACTS_DIR = folder
    default = {**settings.STORAGES["default"], "OPTIONS": {"location": folder}}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    return folder


@pytest.fixture(scope="session")
def worker(django_db_setup: None, run_folder: Path) -> Iterator[Supervisor]:
    """Real workers for every queue, on this run's database; for tests with `transactional_db` or `live_server`."""
    with running_workers(str(connection.settings_dict["NAME"]), run_folder / "log") as supervisor:
        yield supervisor


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the machine's Chromium; CHROMIUM names another."""
    names = [os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome", "chrome"]
    for name in filter(None, names):
        if found := shutil.which(name):
            return found
    pytest.fail(
        "No Chromium on this machine. On Debian: apt-get install chromium; or set CHROMIUM to its path."
    )


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any], chromium: str) -> dict[str, Any]:
    """Make pytest-playwright use that Chromium, without a sandbox of its own and without calling home."""
    switches = [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    return {**browser_type_launch_args, "executable_path": chromium, "args": switches}
