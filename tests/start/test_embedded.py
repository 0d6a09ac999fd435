"""The embedded servers start once, are found again, end with their last user and survive being killed."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis
from psycopg2.extensions import connection

from deploy_site import embedded, env
from tests.support.servers import ROOT


@pytest.fixture
def var_dir() -> Iterator[Path]:
    # Not tmp_path: every run of pytest closes the folder above it again to other accounts, the servers' too.
    with tempfile.TemporaryDirectory(prefix="desk-") as place:
        folder = Path(place) / "var"
        yield folder
        embedded.stop(folder)


def _connect(servers: embedded.Servers) -> connection:
    os.environ["TEST_EMBEDDED_URL"] = servers.database_url or ""
    try:
        address = env.database_url("TEST_EMBEDDED_URL")
    finally:
        del os.environ["TEST_EMBEDDED_URL"]
    return psycopg2.connect(host=address["HOST"], user=address["USER"], dbname=address["NAME"])


def _ask(servers: embedded.Servers, question: str) -> object:
    with closing(_connect(servers)) as opened, opened, opened.cursor() as cursor:
        cursor.execute(question)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def _processes(var_dir: Path) -> list[psutil.Process]:
    """The servers of a folder: PostgreSQL works in its data folder, Valkey in its own."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and var_dir in Path(process.cwd()).parents:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_started_servers_keep_what_they_are_given(var_dir: Path) -> None:
    servers = embedded.ensure(var_dir)
    _ask(servers, "CREATE TABLE kept AS SELECT 42 AS value")
    redis.Redis.from_url(str(servers.redis_url)).set("kept", "42")
    embedded.stop(var_dir)
    assert _processes(var_dir) == []

    again = embedded.ensure(var_dir)
    assert again == servers
    assert _ask(again, "SELECT value FROM kept") == 42
    assert redis.Redis.from_url(str(again.redis_url)).get("kept") == b"42"


def test_postgresql_is_durable_utf8_and_its_role_is_no_superuser(var_dir: Path) -> None:
    servers = embedded.ensure(var_dir)
    for setting, value in (("fsync", "on"), ("synchronous_commit", "on"), ("server_encoding", "UTF8")):
        assert _ask(servers, f"SHOW {setting}") == value
    assert _ask(servers, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


def test_servers_do_not_listen_on_the_network_and_let_nobody_else_in(var_dir: Path) -> None:
    embedded.ensure(var_dir)
    for process in _processes(var_dir):
        assert [c for c in process.net_connections(kind="inet") if c.status == psutil.CONN_LISTEN] == []
    for folder in (var_dir / "postgres", var_dir / "redis"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_killed_servers_come_back_with_what_was_committed(var_dir: Path) -> None:
    servers = embedded.ensure(var_dir)
    _ask(servers, "CREATE TABLE kept AS SELECT 42 AS value")
    for process in _processes(var_dir):
        process.kill()
    assert _ask(embedded.ensure(var_dir), "SELECT value FROM kept") == 42


def test_killing_only_the_main_process_of_postgresql(var_dir: Path) -> None:
    servers = embedded.ensure(var_dir)
    pid = int((var_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    assert _ask(embedded.ensure(var_dir), "SELECT 1") == 1
    assert embedded.ensure(var_dir) == servers


def test_a_pid_file_with_somebody_elses_number_does_not_matter(var_dir: Path) -> None:
    embedded.ensure(var_dir)
    pid_file = var_dir / "postgres" / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    for process in _processes(var_dir):
        process.kill()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert _ask(embedded.ensure(var_dir), "SELECT 1") == 1


def test_two_who_ask_at_once_get_the_same_servers(var_dir: Path) -> None:
    code = (
        "import sys, pathlib; from deploy_site import embedded;"
        "print(embedded.ensure(pathlib.Path(sys.argv[1])).database_url)"
    )
    command = [sys.executable, "-c", code, str(var_dir)]
    askers = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = {asker.communicate(timeout=120)[0].strip() for asker in askers}
    assert [asker.returncode for asker in askers] == [0, 0, 0]
    assert answers == {embedded.ensure(var_dir).database_url}
    names = [process.name() for process in _processes(var_dir)]
    assert names.count("valkey-server") == 1


def test_the_last_holder_stops_the_servers(var_dir: Path) -> None:
    with embedded.hold(var_dir):
        with embedded.hold(var_dir) as servers:
            assert _ask(servers, "SELECT 1") == 1
        assert _ask(servers, "SELECT 1") == 1
    assert _processes(var_dir) == []


def test_servers_of_a_killed_holder_are_found_and_then_stopped(var_dir: Path) -> None:
    code = (
        "import sys, time, pathlib; from deploy_site import embedded\n"
        "with embedded.hold(pathlib.Path(sys.argv[1])): print('up', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(var_dir)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "up\n"
    holder.kill()
    holder.communicate()
    left = {process.pid for process in _processes(var_dir)}
    assert left
    with embedded.hold(var_dir):
        assert left <= {process.pid for process in _processes(var_dir)}
    assert _processes(var_dir) == []


def test_a_long_path_with_odd_signs(var_dir: Path) -> None:
    folder = var_dir / ("long " * 20).strip() / 'quo"te' / "it's, über"
    try:
        servers = embedded.ensure(folder)
        assert _ask(servers, "SELECT 1") == 1
        assert redis.Redis.from_url(str(servers.redis_url)).ping()
    finally:
        embedded.stop(folder)
