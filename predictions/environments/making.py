"""Environments on disk: made by uv at first need, shared by what they hold, removed when somebody says so.

``home/locks/KEY.txt`` is the lock (exact pins) of a recipe; ``home/envs/CHECKSUM`` the environment made from a lock. Two
recipes with the same lock share one environment. Nothing of an uploaded file is used in here.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from predictions.environments.interpreters import Interpreter
from predictions.environments.recipes import Recipe
from predictions.errors import BadModelFile, DeskError

logger = logging.getLogger(__name__)

STAMP = "model-desk.json"
OVERRIDES = "nvidia-nccl-cu12; sys_platform == 'never'\nnvidia-nccl-cu13; sys_platform == 'never'\n"
"""xgboost's wheels ask for a library of graphics cards, hundreds of megabytes that nothing here can use."""

_TICK = 0.1

_KEPT = ("HOME", "PATH", "LANG", "LC_ALL", "TMPDIR", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")
_KEPT_PREFIXES = (
    *(
        "UV_INDEX",
        "UV_DEFAULT_INDEX",
        "UV_EXTRA_INDEX",
        "UV_FIND_LINKS",
        "UV_KEYRING",
        "UV_CREDENTIALS",
        "UV_CONFIG_FILE",
    ),
    *(
        "UV_CACHE",
        "UV_NO_CACHE",
        "UV_LINK_MODE",
        "UV_HTTP",
        "UV_CONCURRENT",
        "UV_REQUEST",
        "UV_INSECURE_HOST",
    ),
    *("UV_NATIVE_TLS", "UV_SYSTEM_CERTS", "UV_OFFLINE", "NETRC"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "XDG_", "http_proxy", "https_proxy", "all_proxy"),
)
"""How to reach the package index, and where to keep what came from it: nothing else of this process is uv's business."""


class EnvironmentFailed(DeskError):
    """The environment could not be made: the index is away, or it has no such release for this machine."""

    code = "environment_failed"


class MakingStopped(Exception):
    """Whoever wanted the environment does not any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One that is there. ``checksum`` is that of its lock; ``made`` whether it was made just now."""

    checksum: str
    folder: Path
    python_version: str
    sklearn: str
    lock: str
    seconds: float = 0.0
    made: bool = False

    @property
    def python(self) -> Path:
        """What starts its Python."""
        return self.folder / "bin" / "python"


def _never() -> bool:
    return False


class Maker:
    """Makes environments below ``home``. Safe between processes and threads: a file lock for each.

    ``seconds`` bounds the making of one; ``is_offline`` says that the package index is not to be asked.
    """

    def __init__(self, home: Path, *, uv: str, seconds: float = 600.0, is_offline: bool = False) -> None:
        self._home = home
        self._uv = uv
        self._seconds = seconds
        self._is_offline = is_offline
        self._variables = {
            name: value
            for name, value in os.environ.items()
            if name in _KEPT or name.startswith(_KEPT_PREFIXES)
        }

    def ensure(
        self,
        recipe: Recipe,
        *,
        say: Callable[[str], None] = lambda words: None,
        should_stop: Callable[[], bool] = _never,
    ) -> Environment:
        """The environment of ``recipe``, made when it is not there. ``say`` gets sentences for people.

        Raises EnvironmentFailed, MakingStopped.
        """
        lock_file = self._home / "locks" / f"{recipe.key}.txt"
        known = self._known(recipe, lock_file)
        if known is not None:
            return known
        begun = time.monotonic()
        with self._held(recipe.key, should_stop):
            known = self._known(recipe, lock_file)
            if known is not None:
                return known
            say(f"Making an environment with scikit-learn {recipe.sklearn} on Python {recipe.python}.")
            if not lock_file.exists():
                lock = self._lock_of(recipe, begun + self._seconds, should_stop)
                _write(lock_file, lock)
            made = self.from_lock(
                lock_file.read_text(), recipe.interpreter, recipe.sklearn, should_stop=should_stop
            )
            seconds = time.monotonic() - begun
        return Environment(
            checksum=made.checksum,
            folder=made.folder,
            python_version=made.python_version,
            sklearn=made.sklearn,
            lock=made.lock,
            seconds=round(seconds, 2),
            made=True,
        )

    def from_lock(
        self,
        lock: str,
        interpreter: Interpreter,
        sklearn: str,
        *,
        should_stop: Callable[[], bool] = _never,
    ) -> Environment:
        """The environment of a lock, made again when it was removed. Raises EnvironmentFailed, MakingStopped."""
        checksum = checksum_of(lock, interpreter.named)
        folder = self._home / "envs" / checksum
        with self._held(checksum, should_stop):
            if not (folder / STAMP).exists():
                facts = {"python": interpreter.named, "sklearn": sklearn}
                self._make(folder, lock, interpreter.path, facts, should_stop)
        return _environment(folder, lock)

    def find(self, checksum: str) -> Path | None:
        """The Python of an environment that is there, None when it is not."""
        folder = self._home / "envs" / checksum
        return folder / "bin" / "python" if (folder / STAMP).exists() else None

    def remove(self, checksum: str) -> None:
        """Delete an environment; its lock stays, so that it comes back as it was. Processes that run in it go on."""
        folder = self._home / "envs" / checksum
        with self._held(checksum, _never):
            with suppress(FileNotFoundError):
                (folder / STAMP).unlink()
            shutil.rmtree(folder, ignore_errors=True)

    def size_of(self, checksum: str) -> int:
        """Bytes on disk; files shared with uv's cache count whole."""
        folder = self._home / "envs" / checksum
        return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())

    def _known(self, recipe: Recipe, lock_file: Path) -> Environment | None:
        try:
            lock = lock_file.read_text()
        except FileNotFoundError:
            return None
        folder = self._home / "envs" / checksum_of(lock, recipe.python)
        return _environment(folder, lock) if (folder / STAMP).exists() else None

    def _lock_of(self, recipe: Recipe, until: float, should_stop: Callable[[], bool]) -> str:
        with tempfile.TemporaryDirectory() as scratch:
            wanted, overrides, found = (
                Path(scratch) / name for name in ("wanted.in", "overrides.txt", "lock.txt")
            )
            wanted.write_text("\n".join(recipe.requirements) + "\n")
            overrides.write_text(OVERRIDES)
            self._run(
                [
                    *("pip", "compile", "--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:"),
                    *("--python", str(recipe.interpreter.path), "--override", str(overrides)),
                    *(str(wanted), "--output-file", str(found)),
                ],
                until - time.monotonic(),
                should_stop,
            )
            return found.read_text()

    def _make(
        self,
        folder: Path,
        lock: str,
        interpreter: Path,
        facts: Mapping[str, str],
        should_stop: Callable[[], bool],
    ) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock_file = folder.parent / f"{folder.name}.txt"
        _write(lock_file, lock)
        until = time.monotonic() + self._seconds
        try:
            self._run(
                ["venv", "--quiet", "--no-project", "--python", str(interpreter), str(folder)],
                until - time.monotonic(),
                should_stop,
            )
            self._run(
                [
                    *(
                        "pip",
                        "install",
                        "--quiet",
                        "--only-binary",
                        ":all:",
                        "--no-deps",
                        "--compile-bytecode",
                    ),
                    *("--python", str(folder / "bin" / "python"), "-r", str(lock_file)),
                ],
                until - time.monotonic(),
                should_stop,
            )
            (folder / STAMP).write_text(json.dumps(dict(facts)))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            lock_file.unlink(missing_ok=True)

    def _run(self, arguments: Sequence[str], seconds: float, should_stop: Callable[[], bool]) -> None:
        offline = ["--offline"] if self._is_offline else []
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                [self._uv, *offline, *arguments],
                env={**self._variables, "UV_PYTHON_DOWNLOADS": "never"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._home,
                start_new_session=True,
                umask=0o022,
            )
            code = _ended(process, seconds, should_stop)
            output.seek(0)
            said = output.read().decode(errors="replace")
        if code is None:
            raise EnvironmentFailed(
                "Making the environment for this file took too long; try again, or ask the operator to prepare it: "
                "manage prepare_environments."
            )
        if code:
            logger.error("uv %s failed: %s", arguments[0], said[-2000:])
            raise _explained(said)

    @contextmanager
    def _held(self, name: str, should_stop: Callable[[], bool]) -> Iterator[None]:
        folder = self._home / "held"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{name}.lock").open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if should_stop():
                        raise MakingStopped from None
                    time.sleep(_TICK)
            yield


def checksum_of(lock: str, python: str) -> str:
    """Names an environment: the same pins on the same minor version of Python are the same environment."""
    return hashlib.sha256(f"python {python}\n{lock}".encode()).hexdigest()[:20]


def _environment(folder: Path, lock: str) -> Environment:
    facts = json.loads((folder / STAMP).read_text())
    return Environment(
        checksum=folder.name,
        folder=folder,
        python_version=facts["python"],
        sklearn=facts["sklearn"],
        lock=lock,
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text)
    aside.replace(path)


def _ended(process: subprocess.Popen[bytes], seconds: float, should_stop: Callable[[], bool]) -> int | None:
    """The exit code; None when the time is over. Raises MakingStopped. Ends the process and what it started."""
    until = time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(_TICK)
            if should_stop():
                raise MakingStopped
        return None
    finally:
        if process.poll() is None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _explained(said: str) -> DeskError:
    if "No solution found" in said or "no wheels" in said or "not found in the package registry" in said:
        return BadModelFile(
            "The libraries that this file was made with do not exist for this machine's Pythons. Ask the operator to install "
            "another Python, train and save it again with a newer scikit-learn, or bring it as ONNX.",
            code="environment_impossible",
        )
    return EnvironmentFailed(
        "The libraries that this file was made with could not be fetched; the package index may be out of reach. Try again, "
        "or ask the operator to prepare them: manage prepare_environments."
    )
