"""Hostile code in the real sandbox."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from predictions.sandbox import Limits, SandboxResult, children, process

HERE = Path(__file__).resolve().parent
SMALL = Limits(memory_bytes=1 << 30, cpu_seconds=20, wall_seconds=15, file_bytes=32 << 20, processes=32)
# Runs of other test sessions on this machine are none of ours.
MARK = f"hostile_launcher_of_{os.getpid()}"
RunsHostile = Callable[..., SandboxResult]


def sandboxed_processes() -> list[int]:
    """Processes of hostile runs that are alive now, by the command line they inherit from their launcher."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if MARK.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@pytest.fixture
def hostile_launcher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make the sandbox run sources as code. Returns the launcher's path."""
    path = tmp_path / f"{MARK}.py"
    path.write_text(
        f"import runpy\nrunpy.run_path({str(HERE / 'hostile_launcher.py')!r}, run_name='__main__')\n"
    )
    monkeypatch.setattr(children, "LAUNCHER", path)
    return path


@pytest.fixture
def code_file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes code to a file."""

    def write(code: str) -> Path:
        path = tmp_path / "source.py"
        path.write_text(textwrap.dedent(code))
        return path

    return write


@pytest.fixture
def runs_hostile(hostile_launcher: Path, code_file: Callable[[str], Path]) -> RunsHostile:
    """Runs code as if a file's opening ran it; returns what it found out."""

    def run(code: str, limits: Limits = SMALL, **more: Any) -> SandboxResult:
        return process.run("build", {}, files={"source": code_file(code)}, limits=limits, **more)

    return run


@pytest.fixture
def finds(runs_hostile: RunsHostile) -> Callable[..., dict[str, Any]]:
    """Runs code and returns what it left in ``found``."""

    def run(code: str, **more: Any) -> dict[str, Any]:
        with runs_hostile(code, **more) as result:
            return result.value

    return run
