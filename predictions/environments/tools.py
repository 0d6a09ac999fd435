"""Runs uv, and Python's compiler, with a bound on time and words for what went wrong."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from predictions.errors import BadModelFile, DeskError

logger = logging.getLogger(__name__)

TICK = 0.1
_COMPILE_SECONDS = 120.0
_START_SECONDS = 120.0
_NOT_COMPILED = r"/(tests?|testing|conftest|test_\w+)(/|\.py)"

_KEPT = ("HOME", "PATH", "LANG", "LC_ALL", "TMPDIR", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")
_KEPT_BEGINNINGS = (
    *("UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX", "UV_FIND_LINKS", "UV_KEYRING", "UV_CREDENTIALS"),
    *("UV_CONFIG_FILE", "UV_CACHE", "UV_NO_CACHE", "UV_LINK_MODE", "UV_HTTP", "UV_CONCURRENT", "UV_REQUEST"),
    *("UV_INSECURE_HOST", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_OFFLINE", "NETRC", "XDG_"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
)
"""How to reach the package index, and where to keep what came from it: nothing else of this process is uv's business."""

_NOT_REACHED = (
    "Failed to fetch",
    "error sending request",
    "dns error",
    "network was disabled",
    "not found in the cache",
)
_NOT_THERE = ("No solution found", "no wheels", "not found in the package registry")

Runs = Callable[..., None]


class EnvironmentFailed(DeskError):
    """The environment could not be made: the index is away, the disk is full, or it took too long."""

    code = "environment_failed"


class MakingStopped(Exception):
    """Whoever wanted the environment does not any more."""


def kept(variables: Mapping[str, str]) -> dict[str, str]:
    """What of a process's variables uv is told."""
    names = [name for name in variables if name in _KEPT or name.startswith(_KEPT_BEGINNINGS)]
    return {name: variables[name] for name in names}


def _may_cache(variables: Mapping[str, str]) -> bool:
    """Whether uv can use its usual place below the account's own folder, which a service may not have."""
    home = Path(variables.get("HOME") or "/nonexistent")
    place = Path(variables.get("XDG_CACHE_HOME") or home / ".cache")
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    return there.is_dir() and os.access(there, os.W_OK)


class Uv:
    """The program ``uv`` at ``path``. It never fetches a Python, and where ``is_offline`` nothing else either."""

    def __init__(self, path: str, *, spare_cache: Path, is_offline: bool = False) -> None:
        """``spare_cache``: where to keep what was fetched when this account has no place of its own for that."""
        self._command = [path, *(["--offline"] if is_offline else [])]
        self._variables = {**kept(os.environ), "UV_PYTHON_DOWNLOADS": "never"}
        if "UV_CACHE_DIR" not in self._variables and not _may_cache(self._variables):
            self._variables["UV_CACHE_DIR"] = str(spare_cache)

    def until(self, deadline: float, should_stop: Callable[[], bool]) -> Runs:
        """A function that runs uv with its arguments, done at ``deadline`` (monotonic seconds) at the latest.

        It raises EnvironmentFailed, BadModelFile (``environment_impossible``), MakingStopped.
        """

        def run(*arguments: str) -> None:
            code, said = self._ran([*self._command, *arguments], deadline, should_stop)
            if code is None:
                raise EnvironmentFailed(
                    "Making the environment for this file took too long; try again, or ask the operator to prepare it: "
                    "manage prepare_environments."
                )
            if code:
                logger.error("uv %s failed: %s", arguments[0], said[-2000:])
                raise explained(said)

        return run

    def compile(self, python: Path, folder: Path, should_stop: Callable[[], bool]) -> None:
        """Write the bytecode of what is installed, but for its tests. Failing that costs time later, nothing else."""
        libraries = [str(path) for path in sorted(folder.glob("lib/python*/site-packages"))]
        command = [str(python), "-I", "-m", "compileall", "-q", "-j", "2", "-x", _NOT_COMPILED, *libraries]
        code, _said = self._ran(command, time.monotonic() + _COMPILE_SECONDS, should_stop)
        if code != 0:
            logger.info("Not everything in an environment could be compiled.")

    def start(self, python: Path, modules: Sequence[str], should_stop: Callable[[], bool]) -> None:
        """Load ``modules`` once: what lacks a library of the system is told now and not when a file is opened.

        Raises EnvironmentFailed, MakingStopped.
        """
        command = [str(python), "-I", "-W", "ignore", "-c", f"import {', '.join(modules)}"]
        code, said = self._ran(command, time.monotonic() + _START_SECONDS, should_stop)
        if code != 0:
            logger.error("What was installed does not start: %s", said[-2000:])
            raise EnvironmentFailed(
                "The libraries that this file was made with were installed, but do not start on this machine. Ask the "
                "operator: the log says what they lack."
            )

    def _ran(
        self, command: Sequence[str], deadline: float, should_stop: Callable[[], bool]
    ) -> tuple[int | None, str]:
        with tempfile.TemporaryFile() as output, tempfile.TemporaryDirectory() as nowhere:
            process = subprocess.Popen(
                command,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Apart from the checkout, whose settings for tools are not meant.
                cwd=nowhere,
                start_new_session=True,
                umask=0o022,
            )
            code = _ended(process, deadline, should_stop)
            output.seek(0)
            return code, output.read().decode(errors="replace")


def _ended(process: subprocess.Popen[bytes], deadline: float, should_stop: Callable[[], bool]) -> int | None:
    """The exit code; None when the time is over. Raises MakingStopped. Ends the process and what it started."""
    try:
        while time.monotonic() < deadline:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(TICK)
            if should_stop():
                raise MakingStopped
        return None
    finally:
        if process.poll() is None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def explained(said: str) -> DeskError:
    """The error for what uv said when it failed."""
    if any(words in said for words in _NOT_REACHED):
        return EnvironmentFailed(
            "The libraries that this file was made with could not be fetched: the package index does not answer. Try again "
            "later, or ask the operator to prepare them: manage prepare_environments."
        )
    if any(words in said for words in _NOT_THERE):
        return BadModelFile(
            "The libraries that this file was made with do not exist for this machine's Pythons. Ask the operator to install "
            "another Python, train and save it again with a newer scikit-learn, or bring it as ONNX.",
            code="environment_impossible",
        )
    return EnvironmentFailed(
        "The environment for this file could not be made. Try again, or ask the operator to look into the log and to "
        "prepare it: manage prepare_environments."
    )
