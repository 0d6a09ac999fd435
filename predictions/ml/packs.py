"""Archives of unknown origin (zip, tar and its compressed forms), unpacked without following any trick.

Only ever called inside the sandbox process. Standard library only, and Python 3.7, because a code package is unpacked in
the environment of its model file.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from predictions.errors import BadModelFile

_HEAD = 512
_GROWN_ENOUGH = 64 << 20
_MOST_GROWTH = 250
"""Past ``_GROWN_ENOUGH`` bytes an archive may not grow to more than so many times its size, as any compressed file here."""
_CHUNK = 1 << 20
_END_RECORD = b"PK\x05\x06"
_LONGEST_END = 22 + (1 << 16)
_LONGEST_NAME = 1000
_DAMAGED = "This archive is damaged or was cut. Pack the folder again and bring the new file."


@dataclass(frozen=True)
class Bounds:
    """How much an archive may hold: files and folders, and bytes once unpacked."""

    entries: int = 5_000
    unpacked: int = 1 << 30


BOUNDS = Bounds()


@dataclass(frozen=True)
class _Entry:
    """One ordinary file of an archive; ``handle`` is the library's own record of it."""

    name: str
    size: int
    handle: Any


def kind_of(path: Path) -> str | None:
    """ "zip" or "tar" (compressed or not) by the bytes, None for anything else."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head[:4] in (b"PK\x03\x04", _END_RECORD):
        return "zip"
    return "tar" if _beginning(path, head)[257:262] == b"ustar" else None


def _beginning(path: Path, head: bytes) -> bytes:
    """The first bytes of what is inside a compressed file; ``head`` itself of any other."""
    openers = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))
    opener = next((opener for magic, opener in openers if head.startswith(magic)), None)
    if opener is None:
        return head
    try:
        with opener(str(path), "rb") as file:
            return bytes(file.read(_HEAD))
    except (OSError, EOFError, zlib.error, lzma.LZMAError, MemoryError):
        return b""


def unpack(path: Path, folder: Path, bounds: Bounds = BOUNDS) -> dict[str, Path]:
    """Copy every ordinary file of an archive into ``folder``, which is new and empty; returns name -> copy.

    Names use forward slashes. Raises BadModelFile: ``bad_archive`` (a link, a name that leads out of the folder, a name
    twice, a password, too many entries), ``decompression_bomb``, ``truncated``.
    """
    try:
        if kind_of(path) == "tar":
            return _unpack_tar(path, folder, bounds)
        return _unpack_zip(path, folder, bounds)
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        ValueError,
        RecursionError,
    ) as error:
        raise BadModelFile(_DAMAGED, code="truncated") from error
    except NotImplementedError as error:
        raise _bad(
            "is compressed in a way this site cannot read; pack it again as an ordinary zip"
        ) from error
    except RuntimeError as error:
        raise _bad("is protected by a password; pack it again without one") from error


def _unpack_zip(path: Path, folder: Path, bounds: Bounds) -> dict[str, Path]:
    if _announced_entries(path) > bounds.entries:
        raise _too_many(bounds)
    with zipfile.ZipFile(str(path)) as archive:
        listed = archive.infolist()
        if len(listed) > bounds.entries:
            raise _too_many(bounds)
        files = [_zip_entry(info) for info in listed if not info.filename.endswith("/")]
        copier = _Copier(folder, path.stat().st_size, bounds)
        for entry in files:
            copier.reserve(entry)
        for entry in files:
            with archive.open(entry.handle) as source:
                copier.copy(entry, source)
    return copier.found


def _announced_entries(path: Path) -> int:
    """How many entries the zip says it has, before its list is read; a very long one says 65,535."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LONGEST_END))
        end = file.read()
    place = end.rfind(_END_RECORD)
    return int.from_bytes(end[place + 10 : place + 12], "little") if place >= 0 else 0


def _zip_entry(info: zipfile.ZipInfo) -> _Entry:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind and kind != stat.S_IFREG:
        raise _bad("holds a link or a device; pack the files themselves")
    if info.flag_bits & 1:
        raise _bad("is protected by a password; pack it again without one")
    return _Entry(_safe(info.filename), info.file_size, info)


def _unpack_tar(path: Path, folder: Path, bounds: Bounds) -> dict[str, Path]:
    copier = _Copier(folder, path.stat().st_size, bounds)
    # As a stream: what comes later in the file is not read before what comes first was judged.
    with tarfile.open(str(path), "r|*") as archive:
        for number, info in enumerate(archive, start=1):
            if number > bounds.entries:
                raise _too_many(bounds)
            if info.isdir():
                continue
            if not info.isreg() or info.issparse():
                raise _bad("holds a link or a device; pack the files themselves")
            entry = _Entry(_safe(info.name), info.size, info)
            copier.reserve(entry)
            source = archive.extractfile(info)
            if source is not None:
                copier.copy(entry, source)
    return copier.found


class _Copier:
    """Copies entries below one folder and counts what they take."""

    def __init__(self, folder: Path, packed: int, bounds: Bounds) -> None:
        self._folder = folder
        self._most = bounds.unpacked
        # As for any compressed file: only what is large already can have grown too much.
        self._most_grown = max(_GROWN_ENOUGH, packed * _MOST_GROWTH)
        self._reserved = 0
        self.found: dict[str, Path] = {}
        self._names: dict[str, bool] = {}

    def reserve(self, entry: _Entry) -> None:
        """Refuse an entry that comes twice or does not fit any more, by what the archive says."""
        if entry.name in self._names:
            raise _bad("holds two files of one name; pack the folder again")
        self._names[entry.name] = True
        self._reserved += entry.size
        if self._reserved > min(self._most, self._most_grown):
            raise BadModelFile(
                "This archive expands to far more than its size and was refused. Bring the model file itself.",
                code="decompression_bomb",
            )

    def copy(self, entry: _Entry, source: Any) -> None:
        """Write one file, of no more bytes than its entry said."""
        target = self._folder.joinpath(*entry.name.split("/"))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            opened = os.open(str(target), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except (FileExistsError, NotADirectoryError, UnicodeEncodeError) as error:
            raise _bad("holds a file where it also has a folder; pack the folder again") from error
        with os.fdopen(opened, "wb") as file:
            for chunk in _chunks(source, entry.size):
                file.write(chunk)
        self.found[entry.name] = target


def _chunks(source: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while left:
        chunk = source.read(min(_CHUNK, left))
        if not chunk:
            raise EOFError
        left -= len(chunk)
        yield chunk


def _safe(name: str) -> str:
    """The name with forward slashes. Raises BadModelFile for one that no folder's own file has."""
    parts = [part for part in name.split("/") if part != "."]
    plain = all(part not in ("", "..") and len(part.encode("utf-8", "replace")) <= 255 for part in parts)
    if not parts or not plain or not _is_printable(name):
        raise _bad("holds a name that leads out of its folder or cannot be shown; pack the folder again")
    return "/".join(parts)


def _is_printable(name: str) -> bool:
    return name.isprintable() and not set(name) & {"\\", ":"} and len(name) <= _LONGEST_NAME


def _too_many(bounds: Bounds) -> BadModelFile:
    return _bad(f"holds more than {bounds.entries:,} files; pack only the model's own folder")


def _bad(what: str) -> BadModelFile:
    return BadModelFile(f"This archive {what}.", code="bad_archive")


def visible(files: dict[str, Path]) -> tuple[str, ...]:
    """Names without what operating systems and version control leave in folders, in order."""
    return tuple(
        name
        for name in sorted(files)
        if not any(part.startswith(".") or part in ("__MACOSX", "__pycache__") for part in name.split("/"))
    )
