"""What code that a file brings along can use up, and the words for each end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from predictions.errors import BadModelFile
from predictions.sandbox import Stopped, children, process
from predictions.sandbox.results import SandboxUnavailable
from tests.sandbox.conftest import HERE, SMALL, RunsHostile, sandboxed_processes

ROOT = HERE.parents[1]


def refused(runs_hostile: RunsHostile, code: str, **more: Any) -> BadModelFile:
    with pytest.raises(BadModelFile) as caught:
        runs_hostile(code, **more)
    assert sandboxed_processes() == []
    return caught.value


def test_a_hundred_gigabytes_are_too_much_memory(runs_hostile: RunsHostile) -> None:
    error = refused(runs_hostile, "held = bytearray(100 << 30)")
    assert error.code == "too_much_memory"
    assert "more than 1 GB" in error.message


def test_memory_that_a_library_reports_with_words_is_still_too_much_memory(runs_hostile: RunsHostile) -> None:
    code = """
        try:
            held = bytearray(100 << 30)
        except MemoryError as error:
            raise ValueError("array is too big") from error
    """
    assert refused(runs_hostile, code).code == "too_much_memory"


def test_many_processes_share_one_bound_on_memory(runs_hostile: RunsHostile) -> None:
    code = """
        import os, time
        for _ in range(6):
            if os.fork() == 0:
                break
        held = bytearray(b"x") * (60 << 20)
        time.sleep(30)
    """
    limits = replace(SMALL, memory_bytes=200 << 20)
    assert refused(runs_hostile, code, limits=limits).code == "too_much_memory"


def test_computing_without_end_is_too_slow(runs_hostile: RunsHostile) -> None:
    error = refused(runs_hostile, "while True: pass", limits=replace(SMALL, cpu_seconds=1))
    assert error.code == "too_slow"


def test_waiting_without_end_is_too_slow(runs_hostile: RunsHostile) -> None:
    error = refused(runs_hostile, "import time; time.sleep(60)", limits=replace(SMALL, wall_seconds=0.7))
    assert error.code == "too_slow"


def test_ignoring_every_signal_does_not_help(runs_hostile: RunsHostile) -> None:
    code = """
        import signal
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        while True: pass
    """
    assert refused(runs_hostile, code, limits=replace(SMALL, cpu_seconds=1)).code == "too_slow"


def test_a_fork_bomb_is_stopped_and_leaves_nothing(runs_hostile: RunsHostile) -> None:
    code = """
        import os
        while True:
            try:
                os.fork()
            except OSError:
                pass
    """
    error = refused(runs_hostile, code, limits=replace(SMALL, processes=20, wall_seconds=3))
    assert error.code in ("too_many_processes", "too_slow", "too_much_memory")


def test_processes_beyond_the_limit_cannot_be_started(runs_hostile: RunsHostile) -> None:
    code = """
        import os, time
        started = 0
        try:
            for _ in range(100):
                if os.fork() == 0:
                    time.sleep(30)
                started += 1
        except BlockingIOError:
            pass
        found["started"] = started
    """
    with runs_hostile(code, limits=replace(SMALL, processes=8)) as result:
        assert result.value["started"] < 8
    assert sandboxed_processes() == []


def test_one_huge_file_is_too_much_disk(runs_hostile: RunsHostile) -> None:
    code = """
        with open("out/huge", "wb") as file:
            for _ in range(10_000):
                file.write(bytes(1 << 20))
    """
    assert refused(runs_hostile, code).code == "too_much_disk"


def test_many_files_are_too_much_disk(runs_hostile: RunsHostile) -> None:
    code = """
        import time
        for number in range(8):
            with open(f"tmp/{number}", "wb") as file:
                file.write(bytes(8 << 20))
        time.sleep(10)
    """
    assert refused(runs_hostile, code).code == "too_much_disk"


def test_a_process_left_in_the_background_ends_with_the_run(runs_hostile: RunsHostile) -> None:
    code = """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(60)
            os._exit(0)
        found["left"] = True
    """
    with runs_hostile(code) as result:
        assert result.value == {"left": True}
    assert sandboxed_processes() == []


def test_the_caller_can_stop_it_at_any_time(runs_hostile: RunsHostile) -> None:
    started = time.monotonic()
    with pytest.raises(Stopped):
        runs_hostile("import time; time.sleep(60)", should_stop=lambda: time.monotonic() - started > 0.5)
    assert time.monotonic() - started < 5
    assert sandboxed_processes() == []


def test_it_ends_when_the_caller_is_killed(
    hostile_launcher: Path, code_file: Callable[[str], Path], tmp_path: Path
) -> None:
    source = code_file("import time; time.sleep(60)")
    program = f"""
from pathlib import Path
from predictions.sandbox import children, process
from predictions.sandbox.limits import Limits
children.LAUNCHER = Path({str(hostile_launcher)!r})
limits = Limits(memory_bytes=1 << 30, cpu_seconds=20, wall_seconds=60, file_bytes=1 << 20, processes=8)
process.run("build", {{}}, files={{"source": Path({str(source)!r})}}, limits=limits)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    caller = subprocess.Popen([sys.executable, "-c", program], env=environment)
    try:
        _wait_until(lambda: len(sandboxed_processes()) >= 3)
    finally:
        caller.send_signal(signal.SIGKILL)
        caller.wait()
    _wait_until(lambda: sandboxed_processes() == [])
    assert list(tmp_path.glob("modeldesk-run-*")) == []


def test_a_sandbox_that_does_not_start_is_not_the_files_fault(
    code_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "launcher.py"
    broken.write_text("raise SystemExit('no such thing')")
    monkeypatch.setattr(children, "LAUNCHER", broken)
    with pytest.raises(SandboxUnavailable):
        process.run("build", {}, files={"source": code_file("")}, limits=SMALL)


def test_killing_its_own_guard_does_not_set_it_free(runs_hostile: RunsHostile) -> None:
    code = """
        import os, signal
        for process in (os.getppid(), 1, -1, 0):
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                pass
        found["alive"] = True
    """
    # Its last signal reaches its own group, and so itself.
    assert refused(runs_hostile, code).code in ("unreadable", "too_much_memory")


def test_a_crash_of_the_interpreter_is_a_plain_message(runs_hostile: RunsHostile) -> None:
    error = refused(runs_hostile, "import ctypes; ctypes.string_at(0)")
    assert error.code == "unreadable"
    assert error.message.startswith("This file cannot be read;")


def test_an_unexpected_error_names_no_data_and_no_trace(
    runs_hostile: RunsHostile, caplog: pytest.LogCaptureFixture
) -> None:
    error = refused(runs_hostile, "raise RuntimeError('patient Müller')")
    assert error.code == "unreadable"
    assert "RuntimeError" in caplog.text
    assert "Müller" not in caplog.text + error.message


def _wait_until(true: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)
