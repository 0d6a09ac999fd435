"""Artifact bytes: stored once under keys of our own making, checked against their SHA-256 whenever they are read.

The bytes lie in the storage Django is set to (a folder by default, an object store by setting).
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, default_storage

from predictions.errors import DeskError, TooLarge

Kind = Literal["sources", "samples", "code", "artifacts", "cases", "parts", "results"]

_CHUNK = 1 << 20
_KEY = re.compile(r"(?:sources|samples|code|artifacts|cases|parts|results)/[0-9a-f]{2}/[0-9a-f]{32}")


class DamagedArtifact(DeskError):
    """Stored bytes are missing or not those that were stored."""

    code = "artifact_damaged"


@dataclass(frozen=True, slots=True)
class Stored:
    """Where bytes went. ``sha256`` in lower-case hexadecimal."""

    key: str
    sha256: str
    size: int


def new_key(kind: Kind) -> str:
    """A key that nothing is stored under."""
    name = secrets.token_hex(16)
    return f"{kind}/{name[:2]}/{name}"


def store(stream: BinaryIO, *, kind: Kind, max_bytes: int | None, key: str = "") -> Stored:
    """Store what ``stream`` holds, under ``key`` when one was made before; nothing of it stays when that fails.

    Raises TooLarge (``file_too_large``) above ``max_bytes``.
    """
    storage = _storage()
    key = _checked(key) if key else new_key(kind)
    temporary = _temporary_file(storage)
    try:
        with temporary.open("r+b") as file:
            sha256, size = _copy(stream, file, max_bytes)
            file.flush()
            os.fsync(file.fileno())
        _publish(storage, temporary, key)
    finally:
        temporary.unlink(missing_ok=True)
    return Stored(key, sha256, size)


def read_verified(key: str, sha256: str) -> bytes:
    """The bytes under ``key``. Raises DamagedArtifact when they are gone or changed."""
    with _reading(key) as stream:
        data: bytes = stream.read()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise _damaged()
    return data


def opened(key: str) -> BinaryIO:
    """The bytes under ``key`` as a file to read and to seek in; the caller closes it. Raises DamagedArtifact."""
    try:
        return _storage().open(_checked(key), "rb")  # type: ignore[return-value]
    except FileNotFoundError:
        raise _damaged() from None


@contextmanager
def local_copy(key: str, sha256: str | None) -> Iterator[Path]:
    """A private file with the bytes under ``key`` for as long as the block runs. Raises DamagedArtifact.

    ``sha256`` None is for bytes that are only ever read as text.
    """
    descriptor, name = tempfile.mkstemp(prefix="modeldesk-copy-")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file, _reading(key) as stream:
            found, _size = _copy(stream, file, None)
        if sha256 is not None and found != sha256:
            raise _damaged()
        yield path
    finally:
        path.unlink(missing_ok=True)


def delete(key: str) -> None:
    """Forget the bytes under ``key``; nothing happens when there are none."""
    if key:
        _storage().delete(_checked(key))


def _storage() -> Storage:
    return default_storage


def _temporary_file(storage: Storage) -> Path:
    folder = None
    if isinstance(storage, FileSystemStorage):
        # On the same file system as its final place, so that renaming it is atomic.
        folder = Path(storage.path("incoming"))
        _make_private(folder, Path(storage.location))
    descriptor, name = tempfile.mkstemp(dir=folder)
    os.close(descriptor)
    return Path(name)


def _make_private(folder: Path, top: Path) -> None:
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in (*reversed(folder.relative_to(top).parents), folder.relative_to(top)):
        with suppress(FileExistsError):
            (top / part).mkdir(mode=0o700)


def _publish(storage: Storage, temporary: Path, key: str) -> None:
    if isinstance(storage, FileSystemStorage):
        target = Path(storage.path(key))
        _make_private(target.parent, Path(storage.location))
        temporary.replace(target)
        return
    with temporary.open("rb") as file:
        stored = storage.save(key, File(file))
    if stored != key:
        storage.delete(stored)
        raise FileExistsError(key)


def _copy(stream: BinaryIO, file: BinaryIO, limit: int | None) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if limit is not None and size > limit:
            raise TooLarge(
                f"The file is larger than the {limit / 1e6:,.0f} MB this site accepts; bring a smaller one.",
                code="file_too_large",
            )
        digest.update(chunk)
        file.write(chunk)
    return digest.hexdigest(), size


@contextmanager
def _reading(key: str) -> Iterator[BinaryIO]:
    with opened(key) as stream:
        yield stream


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise _damaged()
    return key


def _damaged() -> DamagedArtifact:
    return DamagedArtifact("The stored file is damaged or missing; build this version again from its file.")
