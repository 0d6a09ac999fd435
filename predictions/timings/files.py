"""One file per process in one folder, which any process of the machine reads together.

A process holds a lock for as long as it lives, so one that died is told from one that is quiet, whatever its number
and whichever container it was in. What a dead process counted stays, in ``ended``; what it had at the moment goes.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import msgspec

from predictions.timings.sums import Sums

ENDED = "ended"
READING = "reading.lock"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Sums).decode


class Ended(msgspec.Struct):
    """What processes recorded that are no more. ``names``: those whose files are in here, and may still be there."""

    names: list[str] = []
    sums: Sums = msgspec.field(default_factory=Sums)


_decode_ended = msgspec.msgpack.Decoder(Ended).decode


class OwnFile:
    """What this process recorded, replaced as a whole with each write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._name = f"{os.getpid()}-{uuid4().hex}"
        self._lock_path = folder / f"{self._name}.lock"
        self._lock: int | None = None

    def write(self, sums: Sums) -> None:
        """Show ``sums`` to whoever reads. Raises OSError."""
        if self._lock is None or not self._lock_path.exists():
            self.close()
            self._lock = self._locked()
        draft = self._folder / f"{self._name}.draft"
        draft.write_bytes(_encode(sums))
        draft.replace(self._folder / f"{self._name}.sums")

    def close(self) -> None:
        """Let go of the lock, unless the process that this one was forked from holds it as well."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _locked(self) -> int:
        # Nobody looks at a lock that is there but not taken yet.
        with _alone(self._folder):
            lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(lock, fcntl.LOCK_EX)
        return lock


def read(folder: Path) -> Sums:
    """What all processes of ``folder`` recorded, up to a second ago. Raises OSError."""
    with _alone(folder):
        ended = _ended(folder)
        together = Sums()
        gone = []
        for file in sorted(folder.glob("*.sums")):
            if file.stem in ended.names:
                gone.append(file.stem)
                continue
            alive = _is_alive(folder / f"{file.stem}.lock")
            # Read after that look: what it wrote last before it died is in there.
            sums = _sums(file)
            if alive:
                together.merge(sums)
            else:
                sums.gauges = {}
                ended.sums.merge(sums)
                gone.append(file.stem)
        _remove(folder, ended, gone)
        together.merge(ended.sums)
        return together


def clear(folder: Path) -> None:
    """Forget what processes recorded that are no more, as at the start of the site. Raises OSError."""
    with _alone(folder):
        for lock in folder.glob("*-*.lock"):
            if not _is_alive(lock):
                for suffix in (".sums", ".draft", ".lock"):
                    lock.with_suffix(suffix).unlink(missing_ok=True)
        (folder / ENDED).unlink(missing_ok=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / READING).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sums(file: Path) -> Sums:
    try:
        return _decode(file.read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):  # of another version of the site
        return Sums()


def _ended(folder: Path) -> Ended:
    try:
        return _decode_ended((folder / ENDED).read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return Ended()


def _remove(folder: Path, ended: Ended, gone: list[str]) -> None:
    """Write down what the dead left, and only then remove their files: none is lost or counted twice."""
    if not gone:
        return
    ended.names = gone
    draft = folder / f"{ENDED}.draft"
    draft.write_bytes(_encode(ended))
    draft.replace(folder / ENDED)
    for name in gone:
        for suffix in (".sums", ".draft", ".lock"):
            (folder / f"{name}{suffix}").unlink(missing_ok=True)


def _is_alive(lock: Path) -> bool:
    try:
        with lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
