"""Starts a sandboxed run and reads what comes out of its pipes, with bounds on everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from predictions.sandbox import folders
from predictions.sandbox.limits import Limits
from predictions.sandbox.orders import PACKAGE, Orders
from predictions.sandbox.runner import PAYLOAD

LAUNCHER = PACKAGE / "sandbox" / "launcher.py"
_END_SECONDS = 8.0
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    # One process per run: worker processes of joblib would need what the locks deny.
    "JOBLIB_MULTIPROCESSING": "0",
    "LOKY_MAX_CPU_COUNT": "1",
    # Threads of the allocator would each reserve 64 MB of the address space that is limited.
    "MALLOC_ARENA_MAX": "2",
    # ONNX Runtime reports how it is used to its maker otherwise, and leaves files for that.
    "ORT_DISABLE_TELEMETRY": "1",
}


class Child:
    """One sandboxed run: its folder, its pipes, its end. ``close`` always, from any state."""

    def __init__(
        self,
        operation: str,
        payload: Mapping[str, Any],
        *,
        files: Mapping[str, Path],
        limits: Limits,
        talk: bool = False,
        python: Path | None = None,
    ) -> None:
        """``talk``: standard input is a pipe to write to and output is thrown away, for servers.

        ``python``: the interpreter of another environment; the site's own without it.
        """
        self.folder = folders.prepare(files)
        self._open: list[int] = []
        try:
            (self.folder / PAYLOAD).write_text(json.dumps(payload), encoding="utf-8")
            self._start(operation, limits, talk=talk, python=python)
        except BaseException:
            self._close_pipes()
            folders.remove(self.folder)
            raise

    def _start(self, operation: str, limits: Limits, *, talk: bool, python: Path | None) -> None:
        lifeline_read, self._lifeline = self._pipe()
        self.control, control_write = self._pipe()
        self.events, events_write = self._pipe()
        theirs = (lifeline_read, control_write, events_write)
        orders = Orders(
            operation=operation,
            folder=str(self.folder),
            memory_bytes=limits.memory_bytes,
            cpu_seconds=limits.cpu_seconds,
            file_bytes=limits.file_bytes,
            processes=limits.processes,
            lifeline=lifeline_read,
            control=control_write,
            events=events_write,
        )
        scratch = str(self.folder / "tmp")
        self.process = subprocess.Popen(
            [str(python or sys.executable), "-I", "-B", str(LAUNCHER), orders.to_argument()],
            env={**_ENVIRONMENT, "HOME": scratch, "TMPDIR": scratch},
            cwd=self.folder,
            stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if talk else subprocess.PIPE,
            stderr=subprocess.DEVNULL if talk else subprocess.STDOUT,
            pass_fds=theirs,
            start_new_session=True,
            umask=0o077,
            bufsize=0,
        )
        for descriptor in theirs:
            self._close(descriptor)

    def _pipe(self) -> tuple[int, int]:
        pair = os.pipe()
        self._open += pair
        return pair

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.remove(descriptor)
            os.close(descriptor)

    def _close_pipes(self) -> None:
        for descriptor in list(self._open):
            self._close(descriptor)

    def hang_up(self) -> None:
        """Tell the launcher to end the run and everything it started."""
        self._close(self._lifeline)

    def wait(self) -> None:
        """Wait until the launcher has ended; it is ended by force when it does not by itself."""
        try:
            self.process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        """End the run and remove its folder."""
        self.hang_up()
        self.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self._close_pipes()
        folders.remove(self.folder)
