"""Environments on disk: made by uv at first need, shared by what they hold, removed when somebody says so.

``home/locks/KEY.txt`` is the lock (exact pins) of a recipe; ``home/envs/CHECKSUM`` the environment made from a lock. Two
recipes with the same lock share one environment. Nothing of an uploaded file is used in here.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from predictions.environments.interpreters import Interpreter
from predictions.environments.recipes import Recipe
from predictions.environments.tools import TICK, MakingStopped, Uv

STAMP = "model-desk.json"
LEFT_OUT = (
    *("nvidia-nccl-cu12", "nvidia-nccl-cu13"),
    *("sympy", "mpmath", "coloredlogs", "humanfriendly"),
    *("matplotlib", "plotly", "graphviz"),
)
"""What packages ask for and answering never uses: xgboost's graphics cards (hundreds of megabytes), tools that come with
ONNX Runtime, catboost's drawings."""

_MODULES = {
    "numpy": "numpy",
    "scipy": "scipy",
    "pandas": "pandas",
    "scikit-learn": "sklearn",
    "joblib": "joblib",
    "threadpoolctl": "threadpoolctl",
    "msgpack": "msgpack",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "imbalanced-learn": "imblearn",
    "category-encoders": "category_encoders",
}

Asks = Callable[[], bool]


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
        self._seconds = seconds
        self._uv = Uv(uv, spare_cache=home / "cache", is_offline=is_offline)

    def ensure(
        self,
        recipe: Recipe,
        *,
        say: Callable[[str], None] = lambda words: None,
        should_stop: Asks = _never,
    ) -> Environment:
        """The environment of ``recipe``, made when it is not there. ``say`` gets sentences for people.

        Raises EnvironmentFailed, BadModelFile (``environment_impossible``), MakingStopped.
        """
        known = self._known(recipe)
        if known is not None:
            return known
        begun = time.monotonic()
        with self._held(recipe.key, should_stop):
            known = self._known(recipe)
            if known is not None:
                return known
            say(f"Making an environment with scikit-learn {recipe.sklearn} on Python {recipe.python} …")
            lock = self._lock_of(recipe, begun + self._seconds, should_stop)
            made = self.from_lock(lock, recipe.interpreter, recipe.sklearn, should_stop=should_stop)
        return replace(made, seconds=round(time.monotonic() - begun, 2), made=True)

    def from_lock(
        self, lock: str, interpreter: Interpreter, sklearn: str, *, should_stop: Asks = _never
    ) -> Environment:
        """The environment of a lock, made again when it was removed. Raises as ``ensure``."""
        folder = self._folder(checksum_of(lock, interpreter.named))
        with self._held(folder.name, should_stop):
            if not (folder / STAMP).exists():
                facts = {"python": interpreter.named, "sklearn": sklearn}
                self._make(folder, lock, interpreter.path, facts, should_stop)
        return _environment(folder, lock)

    def find(self, checksum: str) -> Path | None:
        """The Python of an environment that is there, None when it is not."""
        folder = self._folder(checksum)
        python = folder / "bin" / "python"
        # Python itself lies elsewhere and may have been removed or renewed since.
        return python if (folder / STAMP).exists() and python.exists() else None

    def remove(self, checksum: str) -> None:
        """Delete an environment; its lock stays, so that it comes back as it was. Processes that run in it go on."""
        folder = self._folder(checksum)
        with self._held(checksum, _never):
            with suppress(FileNotFoundError):
                (folder / STAMP).unlink()
            shutil.rmtree(folder, ignore_errors=True)

    def size_of(self, checksum: str) -> int:
        """Bytes on disk; files shared with uv's cache count whole."""
        total = 0
        for inside, _folders, files in os.walk(self._folder(checksum)):
            for name in files:
                with suppress(OSError):
                    total += Path(inside, name).lstat().st_size
        return total

    def _folder(self, checksum: str) -> Path:
        return self._home / "envs" / checksum

    def _lock_file(self, recipe: Recipe) -> Path:
        return self._home / "locks" / f"{recipe.key}.txt"

    def _known(self, recipe: Recipe) -> Environment | None:
        try:
            lock = self._lock_file(recipe).read_text()
        except FileNotFoundError:
            return None
        checksum = checksum_of(lock, recipe.python)
        return None if self.find(checksum) is None else _environment(self._folder(checksum), lock)

    def _lock_of(self, recipe: Recipe, until: float, should_stop: Asks) -> str:
        """The pins of a recipe: those of the first time, so that what was removed comes back the same."""
        kept = self._lock_file(recipe)
        if kept.exists():
            return kept.read_text()
        with tempfile.TemporaryDirectory() as scratch:
            wanted, overrides, found = (Path(scratch) / name for name in ("in.txt", "over.txt", "out.txt"))
            wanted.write_text("\n".join(recipe.requirements) + "\n")
            overrides.write_text("".join(f"{name}; sys_platform == 'never'\n" for name in LEFT_OUT))
            self._uv.until(until, should_stop)(
                *("pip", "compile", "--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:"),
                *("--python", str(recipe.interpreter.path), "--override", str(overrides)),
                *(str(wanted), "--output-file", str(found)),
            )
            lock = found.read_text()
        _write(kept, lock)
        return lock

    def _make(
        self, folder: Path, lock: str, interpreter: Path, facts: Mapping[str, str], should_stop: Asks
    ) -> None:
        """Fill the folder; the stamp comes last, and what has none is made anew."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        run = self._uv.until(time.monotonic() + self._seconds, should_stop)
        python = folder / "bin" / "python"
        try:
            run("venv", "--quiet", "--no-project", "--python", str(interpreter), str(folder))
            (folder / "lock.txt").write_text(lock)
            packages = ("--only-binary", ":all:", "--no-deps", "-r", str(folder / "lock.txt"))
            run("pip", "install", "--quiet", "--python", str(python), *packages)
            # What runs in it later may not write there, and would compile the same modules at every start.
            self._uv.compile(python, folder, should_stop)
            self._uv.start(python, modules_of(lock), should_stop)
            _open_to_all(folder)
            (folder / STAMP).write_text(json.dumps(dict(facts)))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @contextmanager
    def _held(self, name: str, should_stop: Asks) -> Iterator[None]:
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
                    time.sleep(TICK)
            yield


def checksum_of(lock: str, python: str) -> str:
    """Names an environment: the same pins on the same minor version of Python are the same environment."""
    return hashlib.sha256(f"python {python}\n{lock}".encode()).hexdigest()[:20]


def modules_of(lock: str) -> list[str]:
    """What is loaded to see whether an environment works: all that the confined process loads of it by name."""
    names = {line.partition("==")[0].strip() for line in lock.splitlines()}
    return ["sys", *(module for name, module in _MODULES.items() if name in names)]


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


def _open_to_all(folder: Path) -> None:
    """Let strangers read it: what uv links from its cache may have been put there by somebody careful."""
    for inside, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(inside, name)
            mode = path.lstat().st_mode
            wanted = 0o555 if stat.S_ISDIR(mode) or mode & stat.S_IXUSR else 0o444
            if not stat.S_ISLNK(mode) and mode & wanted != wanted:
                path.chmod(stat.S_IMODE(mode) | wanted)
