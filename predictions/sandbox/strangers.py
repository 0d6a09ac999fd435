"""Becoming a user who owns nothing: which id to take, and how that user still reaches Python's own files."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from predictions.sandbox import kernel
from predictions.sandbox.orders import PACKAGE, code_paths

_HIGH_FIRST, _HIGH_COUNT = 0x70000000, 0x00FFFFFF
_LOW_FIRST, _LOW_COUNT = 61_200, 3_000


def pick_id(id_map: str) -> int | None:
    """A user id for one run that no account has, inside what ``id_map`` (/proc/self/uid_map) allows."""
    spans = [tuple(int(part) for part in line.split()) for line in id_map.splitlines() if line.strip()]
    for first, count in ((_HIGH_FIRST, _HIGH_COUNT), (_LOW_FIRST, _LOW_COUNT)):
        if any(start <= first and first + count <= start + length for start, _outside, length in spans):
            return first + secrets.randbelow(count)
    return None


def closed_ancestors(paths: list[Path]) -> set[Path]:
    """Folders above ``paths`` that a stranger may not pass through, the outermost of each."""
    found = set()
    for path in paths:
        for parent in reversed(path.parents):
            if not parent.stat().st_mode & stat.S_IXOTH:
                found.add(parent)
                break
    return found


def may_be_read(paths: list[Path]) -> bool:
    """Whether a stranger who reaches ``paths`` may also read what lies there, by a few files of each."""
    samples = [Path(os.__file__), Path(__file__), PACKAGE / "errors.py", *paths]
    return all(_open_to_all(path) for path in samples)


def _open_to_all(path: Path) -> bool:
    mode = path.stat().st_mode
    wanted = stat.S_IROTH | (stat.S_IXOTH if stat.S_ISDIR(mode) else 0)
    return mode & wanted == wanted


def open_the_way(folder: Path) -> None:
    """In this process's own mount namespace, put an empty folder over each closed one with only our paths in it.

    Raises OSError where mounting is not allowed.
    """
    needed = [*code_paths(), folder]
    for closed in closed_ancestors(needed):
        inside = [path for path in needed if path == closed or closed in path.parents]
        held = [os.open(path, os.O_PATH) for path in inside]
        kernel.mount("none", str(closed), "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0755,size=1m")
        for path, descriptor in zip(inside, held):  # noqa: B905 - older Pythons run this too
            path.mkdir(parents=True, exist_ok=True)
            _make_passable(path, closed)
            kernel.mount(f"/proc/self/fd/{descriptor}", str(path), "", kernel.MS_BIND | kernel.MS_REC)
            os.close(descriptor)


def _make_passable(path: Path, top: Path) -> None:
    for parent in path.parents:
        if parent == top:
            return
        parent.chmod(0o755)
