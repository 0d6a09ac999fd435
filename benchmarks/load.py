"""One window of load: wrk with different bodies over kept-alive connections, for a fixed time."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contestants import Contestant
from benchmarks.folders import HERE

MARK = "RESULT "
TIMEOUT_SECONDS = 10
GRACE_SECONDS = 30.0


class LoadError(Exception):
    """The load generator did not do its work; the text says what it said."""


@dataclass(frozen=True)
class Load:
    """What wrk saw in one window. ``refused`` are answers of 400 and above; latencies in milliseconds."""

    seconds: float
    answered: int
    refused: int
    broken: int
    p50: float
    p90: float
    p99: float
    longest: float

    @property
    def rate(self) -> float:
        """Answers of status 2xx (and 3xx, which no contestant gives) per second."""
        return self.answered / self.seconds

    @property
    def errors(self) -> int:
        """Everything that was asked and not answered well."""
        return self.refused + self.broken


def write_bodies(bodies: Sequence[bytes], file: Path) -> Path:
    """One body a line; JSON as we write it has no line ends of its own."""
    file.write_bytes(b"\n".join(bodies) + b"\n")
    return file


def require_wrk() -> None:
    """Say before anything is started that the load generator is not there. Raises LoadError."""
    if shutil.which("wrk") is None:
        raise LoadError("the load generator wrk is missing. On Debian and Ubuntu: apt-get install wrk")


def command(contestant: Contestant, bodies: Path, *, connections: int, seconds: float) -> list[str]:
    """The wrk command of a window. One thread: more would only take from the servers."""
    headers = [part for name, value in contestant.headers.items() for part in ("-H", f"{name}: {value}")]
    return [
        *("wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:g}s"),
        *("--timeout", f"{TIMEOUT_SECONDS}s", "--script", str(HERE / "window.lua")),
        *(*headers, contestant.url, "--", str(bodies)),
    ]


def drive(contestant: Contestant, bodies: Path, *, connections: int, seconds: float) -> Load:
    """Run one window. Raises LoadError."""
    try:
        done = subprocess.run(
            command(contestant, bodies, connections=connections, seconds=seconds),
            capture_output=True,
            text=True,
            timeout=seconds + GRACE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise LoadError("wrk did not stop in time.") from None
    if done.returncode:
        raise LoadError(f"wrk failed: {done.stderr.strip() or done.stdout.strip()}")
    return parse(done.stdout)


def parse(output: str) -> Load:
    """Read the line that window.lua printed. Raises LoadError."""
    line = next((line for line in output.splitlines() if line.startswith(MARK)), None)
    if line is None:
        raise LoadError(f"wrk said nothing that can be read: {output.strip()[:300]}")
    said = json.loads(line.removeprefix(MARK))
    return Load(
        seconds=said["microseconds"] / 1e6,
        answered=said["requests"] - said["status"],
        refused=said["status"],
        broken=said["connect"] + said["read"] + said["write"] + said["timeout"],
        p50=said["p50"] / 1e3,
        p90=said["p90"] / 1e3,
        p99=said["p99"] / 1e3,
        longest=said["max"] / 1e3,
    )
