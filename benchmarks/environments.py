"""A Python environment per program, made on demand with exactly what its requirements file pins."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.folders import BENCH, ROOT


class SetupError(Exception):
    """Something a benchmark needs could not be made; the text says what was said about it."""


def ensure(name: str, requirements: Path) -> Path:
    """The folder of programs (``bin``) of the environment ``name``, made anew when ``requirements`` changed."""
    home = BENCH / name / "venv"
    stamp = home / ".requirements"
    wanted = f"{sys.version}\n{requirements.read_text()}"
    programs = home / "bin"
    if stamp.exists() and stamp.read_text() == wanted:
        return programs
    print(f"Making the environment of {name} (the first time takes a minute) ...", flush=True)
    uv = str(Path(sys.executable).with_name("uv"))
    run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)])
    python = str(programs / "python")
    run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, "-r", str(requirements)])
    stamp.write_text(wanted)
    return programs


def run(command: Sequence[str], *, environment: dict[str, str] | None = None, seconds: float = 900.0) -> str:
    """Run a program to its end and return what it printed. Raises SetupError."""
    done = subprocess.run(
        list(command), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise SetupError(f"{Path(command[0]).name} {' '.join(command[1:4])} … failed:\n{said}")
    return done.stdout
