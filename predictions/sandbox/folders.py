"""A run's private folder: what goes in, and how what comes out is taken without following any trick."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


class RefusedFile(Exception):
    """A file of a run is not an ordinary file of acceptable size."""


def prepare(files: Mapping[str, Path]) -> Path:
    """A new folder (0700) with ``in`` (copies of ``files`` by name), ``out`` and ``tmp``; none when that fails."""
    folder = Path(tempfile.mkdtemp(prefix="modeldesk-run-"))
    try:
        for name in ("in", "out", "tmp"):
            (folder / name).mkdir(mode=0o700)
        for name, path in files.items():
            copy = folder / "in" / name
            shutil.copyfile(path, copy)
            copy.chmod(0o400)
    except BaseException:
        remove(folder)
        raise
    return folder


def remove(folder: Path) -> None:
    """Remove a run's folder whatever modes the run gave its parts; nothing happens when it is gone already.

    Only when no process of the run is left, which could exchange a folder for a link meanwhile.
    """
    for inside, folders, _files in os.walk(folder):
        for path in (Path(inside, name) for name in folders):
            # Folders that were closed to their owner; root needs no permission.
            if not path.is_symlink():
                with suppress(OSError):
                    path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def read_small(folder: Path, name: str, limit: int) -> bytes:
    """The bytes of a file directly in ``folder``. Raises RefusedFile."""
    with _opened(folder, name, limit) as stream:
        found: bytes = stream.read(limit + 1)
    if len(found) > limit:
        raise RefusedFile(name)
    return found


def collect(folder: Path, limit: int) -> tuple[Path, dict[str, Path]]:
    """Copy the ordinary files of ``folder/out`` to a folder of ours. Raises RefusedFile when they are very many.

    Links, pipes, devices, folders, and what does not fit into ``limit`` bytes with those before it are passed over.
    """
    kept = Path(tempfile.mkdtemp(prefix="modeldesk-kept-"))
    found: dict[str, Path] = {}
    left = limit
    try:
        for number, name in enumerate(_names(folder / "out")):
            target = kept / str(number)
            with suppress(RefusedFile), _opened(folder / "out", name, left) as stream, _new(target) as copy:
                left -= _copy(stream, copy, left)
                found[name] = target
    except BaseException:
        shutil.rmtree(kept, ignore_errors=True)
        raise
    return kept, found


def _new(path: Path) -> Any:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _names(folder: Path) -> list[str]:
    if folder.is_symlink() or not folder.is_dir():
        return []
    names = sorted(entry.name for entry in folder.iterdir())
    if len(names) > 100:
        raise RefusedFile(folder.name)
    return names


def _opened(folder: Path, name: str, limit: int) -> Any:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        parent = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            descriptor = os.open(name, flags, dir_fd=parent)
        finally:
            os.close(parent)
    except OSError:
        raise RefusedFile(name) from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size > limit:
        os.close(descriptor)
        raise RefusedFile(name)
    return os.fdopen(descriptor, "rb")


def _copy(source: Any, target: Any, limit: int) -> int:
    copied = 0
    while True:
        chunk = source.read(_CHUNK)
        if not chunk:
            return copied
        copied += len(chunk)
        if copied > limit:
            raise RefusedFile("too large")
        target.write(chunk)
