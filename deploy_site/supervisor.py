"""Keeps a set of processes running: starts, watches, restarts and stops them together."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from deploy_site import procfile

_STOP_SECONDS = 10.0
_GONE_SECONDS = 5.0
_LARGEST_LOG = 10_000_000
_PR_SET_PDEATHSIG = 1

# A process that ends this often, each time this soon after its start, is not going to recover.
_QUICK_DEATHS = 3
_QUICK_SECONDS = 20.0


class ProcessDiedError(Exception):
    """A process ends again and again."""


class Process:
    """One command, its log file and how often it ended early."""

    def __init__(self, name: str, command: str, log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environment = dict(environment)
        self._quick_deaths = 0
        self._shown = 0
        self._started = 0.0
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the command in a process group of its own, writing to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > _LARGEST_LOG:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as output:
            self._shown = output.tell()
            self._started = time.monotonic()
            self._child = subprocess.Popen(
                procfile.shell(self._command),
                cwd=procfile.ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for us, who then stop everything in order
                preexec_fn=end_with_parent(),
            )

    @property
    def started(self) -> bool:
        """Say whether the command was ever started."""
        return self._child is not None

    @property
    def group(self) -> int:
        """The process group of the running command. Raises ProcessDiedError when it is not running."""
        if self._child is None:
            raise ProcessDiedError(self.name)
        return self._child.pid

    def ended(self) -> bool:
        """Say whether the command is not running."""
        return self._child is None or self._child.poll() is not None

    def restart(self) -> None:
        """Start the command again, unless it keeps ending."""
        quick = time.monotonic() - self._started < _QUICK_SECONDS
        self._quick_deaths = self._quick_deaths + 1 if quick else 1
        if self._quick_deaths >= _QUICK_DEATHS:
            raise ProcessDiedError(
                f"{self.name} ends again and again; the end of {self.log} says:\n{self.tail()}"
            )
        self.stop()
        self.start()

    def ask_to_stop(self) -> None:
        """Send the command the signal to finish what it does and end."""
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()

    def stop(self) -> None:
        """End whatever is left of the command's process group and wait for it."""
        if self._child is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        # The others of its group are nobody's children here; killed, they may still take a moment to go.
        until = time.monotonic() + _GONE_SECONDS
        while _lives_on(self._child.pid) and time.monotonic() < until:
            time.sleep(0.01)

    def errors(self) -> list[str]:
        """Return the errors logged since this was last asked."""
        with self.log.open("rb") as lines:
            lines.seek(self._shown)
            new = lines.read()
        # A line still being written is left for the next time.
        complete = new[: new.rfind(b"\n") + 1]
        self._shown += len(complete)
        text = complete.decode(errors="replace").splitlines()
        return [line for line in text if " ERROR " in line or " CRITICAL " in line]

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


class Supervisor:
    """Processes that live and end together."""

    def __init__(self, names: list[str], log_dir: Path, environment: Mapping[str, str]) -> None:
        known = procfile.commands()
        self.processes = [Process(name, known[name], log_dir / f"{name}.log", environment) for name in names]

    def start(self, *, later: Collection[str] = ()) -> None:
        """Start every process that is not running, but for those named to be started later."""
        for process in self.processes:
            if process.ended() and process.name not in later:
                process.start()

    def watch_once(self, terminal: IO[str] = sys.stderr) -> None:
        """Show new errors and restart what ended; raise ProcessDiedError for what cannot stay up."""
        for process in (process for process in self.processes if process.started):
            for line in process.errors():
                print(f"{process.name}: {line}", file=terminal)
            if process.ended():
                print(f"{process.name} ended and is started again; see {process.log}", file=terminal)
                process.restart()

    def stop(self) -> None:
        """Stop every process: first by asking, then, for those that take too long, by force."""
        for process in self.processes:
            process.ask_to_stop()
        until = time.monotonic() + _STOP_SECONDS
        try:
            while time.monotonic() < until and not all(process.ended() for process in self.processes):
                time.sleep(0.05)
        finally:
            for process in self.processes:
                process.stop()


def _lives_on(group: int) -> bool:
    """Say whether a process group has members that are more than a name waiting to be collected."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def end_with_parent() -> Callable[[], None] | None:
    """Return what a new child must call so that it is told to end when its parent is killed outright.

    Linux only; elsewhere a killed supervisor leaves its processes to be stopped by hand.
    """
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)  # loaded here, because little may be done between fork and exec
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # killed before the line above
            os.kill(os.getpid(), signal.SIGTERM)

    return ask
