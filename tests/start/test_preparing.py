"""A start waits for the database and static files only where something changed since the last one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy_site import preparing
from deploy_site.preparing import Preparation, fingerprint
from tests.support.servers import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "predictions" / "migrations").mkdir(parents=True)
    (tmp_path / "static" / "css").mkdir(parents=True)
    (tmp_path / "requirements.txt").write_text("django\n")
    (tmp_path / "static" / "css" / "tokens.css").write_text("a {}")
    (tmp_path / "predictions" / "migrations" / "0001_initial.py").write_text("pass")
    return tmp_path


@pytest.mark.parametrize(
    "changed",
    [
        "requirements.txt",
        "static/css/tokens.css",
        "static/new.js",
        "predictions/migrations/0001_initial.py",
        "predictions/migrations/0002_more.py",
        "var/postgres/data/PG_VERSION",
    ],
)
def test_whatever_a_start_prepares_changes_the_fingerprint(checkout: Path, changed: str) -> None:
    before = fingerprint(checkout, checkout / "var")
    assert fingerprint(checkout, checkout / "var") == before
    file = checkout / changed
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("something else")
    assert fingerprint(checkout, checkout / "var") != before


def test_a_cluster_made_anew_is_another_one(checkout: Path) -> None:
    version = checkout / "var" / "postgres" / "data" / "PG_VERSION"
    version.parent.mkdir(parents=True)
    version.write_text("18\n")
    before = fingerprint(checkout, checkout / "var")
    os.utime(version, ns=(1, 1))
    assert fingerprint(checkout, checkout / "var") != before


def run(preparation: Preparation, afterwards: list[list[str]]) -> int:
    with preparation.running(afterwards):
        until = time.monotonic() + 60
        while (result := preparation.result()) is None:
            assert time.monotonic() < until
            time.sleep(0.02)
    return result


@pytest.fixture
def harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that change nothing, in the place of those that do."""
    monkeypatch.setattr(preparing, "DATABASE", [["findstatic", "css/base.css"]])
    monkeypatch.setattr(preparing, "STATIC", [["findstatic", "css/tokens.css"]])


@pytest.mark.usefixtures("harmless")
def test_the_second_start_has_nothing_to_wait_for(tmp_path: Path) -> None:
    first = Preparation(tmp_path)
    assert (first.settled, first.prepared) == (False, False)
    assert run(first, [["findstatic", "css/base.css"]]) == 0
    assert (first.settled, first.prepared) == (False, True)
    assert Preparation(tmp_path).settled


@pytest.mark.usefixtures("harmless")
def test_what_fails_afterwards_leaves_the_site_prepared(tmp_path: Path) -> None:
    first = Preparation(tmp_path)
    assert run(first, [["no_such_command"]]) == 1
    assert first.prepared


@pytest.mark.usefixtures("harmless")
def test_a_start_that_could_not_prepare_is_not_taken_for_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(Preparation(tmp_path), [])
    monkeypatch.setattr(preparing, "DATABASE", [["no_such_command"]])
    failing = Preparation(tmp_path)
    assert failing.settled
    assert run(failing, []) == 1
    assert not failing.prepared
    assert not Preparation(tmp_path).settled


def test_loading_the_site_before_the_fork_starts_no_thread_and_opens_no_connection() -> None:
    code = """
import sys, threading
from deploy_site import web
web.load()
from django.db import connections
print(threading.active_count(), [c.connection for c in connections.all()], "predictions.api.lane" in sys.modules)
print([name for name in ("numpy", "sklearn", "onnxruntime", "deploy_site.wsgi") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["1 [None] True", "[]"], done.stderr
