"""Processes live and end together."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from deploy_site import procfile
from deploy_site.supervisor import ProcessDiedError, Supervisor
from tests.support.servers import ROOT


@pytest.fixture(autouse=True)
def commands(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    known = {
        "sleeper": "sleep 600",
        "stubborn": "sh -c 'trap \"\" TERM; sleep 600 & wait; sleep 600'",
        "broken": "sh -c 'echo no reason given; exit 1'",
        "noisy": 'sh -c \'echo "2026 INFO quiet"; echo "2026 ERROR loud"; sleep 600\'',
    }
    monkeypatch.setattr(procfile, "commands", lambda: known)
    return known


def _children() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if child.name() in {"sleep", "sh"}]


def test_stop_ends_the_willing_and_the_unwilling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy_site.supervisor._STOP_SECONDS", 0.5)
    supervisor = Supervisor(["sleeper", "stubborn"], tmp_path, os.environ)
    supervisor.start()
    time.sleep(0.2)
    assert _children()
    supervisor.stop()
    assert [child for child in _children() if child.status() != psutil.STATUS_ZOMBIE] == []


def test_what_ends_is_started_again(tmp_path: Path) -> None:
    supervisor = Supervisor(["sleeper"], tmp_path, os.environ)
    supervisor.start()
    try:
        [before] = _children()
        before.kill()
        before.wait()
        terminal = io.StringIO()
        supervisor.watch_once(terminal)
        [after] = _children()
        assert after.pid != before.pid
        assert "sleeper ended" in terminal.getvalue()
    finally:
        supervisor.stop()


def test_what_keeps_ending_is_given_up_with_its_own_words(tmp_path: Path) -> None:
    supervisor = Supervisor(["broken"], tmp_path, os.environ)
    supervisor.start()
    with pytest.raises(ProcessDiedError, match=r"(?s)broken ends again and again.*no reason given"):
        _watch(supervisor, io.StringIO())
    supervisor.stop()


def _watch(supervisor: Supervisor, terminal: io.StringIO, until: str = "") -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end and not (until and until in terminal.getvalue()):
        supervisor.watch_once(terminal)
        time.sleep(0.02)


def test_only_errors_reach_the_terminal(tmp_path: Path) -> None:
    supervisor = Supervisor(["noisy"], tmp_path, os.environ)
    supervisor.start()
    terminal = io.StringIO()
    try:
        _watch(supervisor, terminal, until="loud")
    finally:
        supervisor.stop()
    assert terminal.getvalue() == "noisy: 2026 ERROR loud\n"
    assert "quiet" in (tmp_path / "noisy.log").read_text()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's help is Linux only")
def test_processes_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    code = (
        "import os, sys, time, pathlib\n"
        "from deploy_site import procfile, supervisor\n"
        "procfile.commands = lambda: {'sleeper': 'sleep 600'}\n"
        "s = supervisor.Supervisor(['sleeper'], pathlib.Path(sys.argv[1]), os.environ)\n"
        "s.start(); print(s.processes[0]._child.pid, flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    until = time.monotonic() + 10
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
        time.sleep(0.02)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_what_a_killed_command_had_started_is_gone_when_stopping_is_over(
    tmp_path: Path, commands: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine a killed process takes its time to go; here the leader's child takes half a second."""
    commands["parent"] = "sh -c 'sleep 600 & wait'"
    supervisor = Supervisor(["parent"], tmp_path, os.environ)
    supervisor.start()
    group = supervisor.processes[0].group
    until = time.monotonic() + 20
    while not (started := psutil.Process(group).children()) and time.monotonic() < until:
        time.sleep(0.01)
    (child,) = started
    kill_group = os.killpg

    def kill_late(number: int, signal_number: int) -> None:
        if signal_number == signal.SIGKILL:
            os.kill(number, signal_number)
            threading.Timer(0.5, kill_group, (number, signal_number)).start()
        else:
            kill_group(number, signal_number)

    monkeypatch.setattr(os, "killpg", kill_late)
    supervisor.processes[0].stop()
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
