"""Which Pythons this machine has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

MINORS = tuple((3, minor) for minor in range(7, 15))
# One that was built without what the sandbox or the libraries stand on is no use.
_ASK = "import ctypes, hashlib, sys, zlib; print(*sys.version_info[:3], sys.implementation.name)"
_SECONDS = 20.0


@dataclass(frozen=True, slots=True, order=True)
class Interpreter:
    """One installed CPython. ``version`` with its patch; ``path`` is what starts it."""

    version: tuple[int, int, int]
    path: Path

    @property
    def minor(self) -> tuple[int, int]:
        return self.version[:2]

    @property
    def named(self) -> str:
        """ "3.11", as people say it."""
        return f"{self.version[0]}.{self.version[1]}"


def own() -> Interpreter:
    """The Python this site runs on, outside of its environment."""
    version = sys.version_info
    base = getattr(sys, "_base_executable", None) or sys.executable
    return Interpreter((version.major, version.minor, version.micro), Path(base))


@lru_cache(maxsize=8)
def installed(more: tuple[str, ...] = ()) -> tuple[Interpreter, ...]:
    """All that were found, the site's own first, then by version; each was started once to hear what it is.

    ``more``: paths of others to look at.
    """
    return found_among([*(Path(path) for path in more), *candidates()])


def candidates() -> list[Path]:
    """Where Pythons usually are: on PATH by their names, and where pyenv and uv keep theirs."""
    # pyenv's shims are scripts that take half a second to find what lies in its folder of versions anyway.
    folders = [part for part in os.get_exec_path() if Path(part).name != "shims"]
    names = [f"python{major}.{minor}" for major, minor in MINORS]
    paths = [Path(found) for name in names if (found := shutil.which(name, path=os.pathsep.join(folders)))]
    homes = [Path.home() / ".pyenv" / "versions", Path.home() / ".local" / "share" / "uv" / "python"]
    for home in homes:
        if home.is_dir():
            paths += sorted(path / "bin" / "python3" for path in home.iterdir())
    return [*paths, *(Path("/usr/bin") / f"python{major}.{minor}" for major, minor in MINORS)]


def found_among(paths: Iterable[Path]) -> tuple[Interpreter, ...]:
    """Those that start and are CPython, one for each minor version (the newest patch); the site's own wins its own."""
    mine = own()
    best: dict[tuple[int, int], Interpreter] = {}
    for path in dict.fromkeys(paths):
        version = _version_of(path)
        if version is None or version[:2] not in MINORS:
            continue
        found = Interpreter(version, path)
        if found.minor not in best or best[found.minor] < found:
            best[found.minor] = found
    best.pop(mine.minor, None)
    return (mine, *(best[minor] for minor in sorted(best)))


@lru_cache(maxsize=64)
def _version_of(path: Path) -> tuple[int, int, int] | None:
    if not os.access(path, os.X_OK):
        return None
    try:
        done = subprocess.run(
            [str(path), "-I", "-c", _ASK], capture_output=True, text=True, timeout=_SECONDS, cwd="/"
        )
    except (OSError, subprocess.SubprocessError):
        return None
    words = done.stdout.split()
    if done.returncode or len(words) != 4 or words[3] != "cpython":
        return None
    return int(words[0]), int(words[1]), int(words[2])
