"""The scripts, from another folder than the checkout's."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from deploy_site import local
from tests.support.servers import ROOT


def test_manage_runs_on_the_servers_it_is_given(tmp_path: Path) -> None:
    command = [str(ROOT / "script" / "manage"), "shell", "--no-imports", "-c"]
    command += ["from django.db import connection; connection.ensure_connection(); print(connection.vendor)"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("postgresql", 0), done.stderr


def test_the_secret_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = local.secret_key_file(tmp_path)
    key = file.read_text()
    assert len(key) >= 50
    assert file.stat().st_mode & 0o777 == 0o600
    assert local.secret_key_file(tmp_path).read_text() == key
    assert list(tmp_path.iterdir()) == [file]


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code = f"from deploy_site import server; server._check_port_is_free('127.0.0.1', {port})"
        done = subprocess.run(
            [str(ROOT / "var/venv/bin/python"), "-c", code], cwd=ROOT, capture_output=True, text=True
        )
    assert done.returncode == 1
    assert f"Port {port} is taken" in done.stderr
    assert "PORT=" in done.stderr


@pytest.mark.parametrize("name", ["server", "manage", "setup", "test", "check"])
def test_scripts_are_executable_and_well_formed(name: str) -> None:
    script = ROOT / "script" / name
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _left_in(folder: Path) -> list[str]:
    left = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and str(folder) in " ".join(process.cmdline()):
                left.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return left


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_a_clean_checkout_starts_answers_stops_and_starts_again(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns("var", ".git", "__pycache__", ".*_cache"))
    port = _free_port()
    kept = ("PATH", "HOME", "LANG", "SSL_CERT_FILE", "PIP_CERT", "PIP_INDEX_URL", "UV_INDEX_URL")
    environment = {name: os.environ[name] for name in kept if name in os.environ} | {"PORT": str(port)}
    for limit in (600, 60):  # the second start installs nothing and trains nothing
        log = tmp_path / f"server-{limit}.log"
        with log.open("w") as output:
            server = subprocess.Popen(
                [str(checkout / "script/server")], cwd="/", env=environment, stdout=output, stderr=output
            )
        try:
            until = time.monotonic() + limit
            while "Ctrl-C stops everything" not in log.read_text() and time.monotonic() < until:
                assert server.poll() is None, log.read_text()
                time.sleep(0.2)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                assert answer.status == 200, log.read_text()
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=60)
        assert _left_in(checkout) == []
