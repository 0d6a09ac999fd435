"""A confined process that lives long and answers with the original library, for versions that stay native."""

from __future__ import annotations

import json
import logging
import os
import select
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from predictions import repository
from predictions.errors import ModelFailed, TryLater
from predictions.sandbox import configured, frames, usage
from predictions.sandbox.children import Child
from predictions.sandbox.growth import Growth
from predictions.sandbox.limits import Limits
from predictions.sandbox.listening import plain
from predictions.sandbox.results import SandboxReport
from predictions.sandbox.stored import StoredFile, in_sandbox, listed
from predictions.values import RawAnswer, Value

logger = logging.getLogger(__name__)

Copies = Callable[[], AbstractContextManager[Mapping[str, Path]]]
"""Makes the files of a unit available for a moment, by their names in the sandbox."""

_START_SECONDS = 60.0
_READ = 1 << 20


class _Gone(Exception):
    """The process ended, or said something that is not a message."""


class _Late(Exception):
    """The process did not answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCode:
    """Own code that a version needs: where its package is stored, and how it is activated (``ml.code_package``)."""

    key: str
    sha256: str
    documents: Sequence[Mapping[str, Any]]


class NativeServer:
    """Answers rows in signature order; starts at the first call and again after a crash. Safe between threads.

    ``limits.wall_seconds`` bounds one call of ``predict``; no bound on CPU seconds, because it lives long. A process that
    died or was ended is started again at once, beside whoever comes next; one that has grown by more than
    ``growth_bytes`` (and to more than twice its size) is exchanged for a fresh one while it goes on answering.
    """

    def __init__(
        self,
        source: Path | Copies,
        file_format: str,
        signature_document: Mapping[str, Any],
        limits: Limits,
        *,
        files: Sequence[Mapping[str, str]] = (),
        order: Sequence[str] = (),
        python: Callable[[], Path] | None = None,
        growth_bytes: int = 512 << 20,
        code: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """``source`` is needed at every start: a file that stays, or what makes copies by name for a moment.

        ``files`` and ``order`` tell of several files as the sandbox's operations take them; ``file_format`` of the one
        "source" without them. ``python`` gives the interpreter of the version's own environment at every start; the
        site's without it. ``code`` says how the own code "code" among the copies is activated, if there is such.
        """
        self._copies: Copies = (
            (lambda: nullcontext({"source": source})) if isinstance(source, Path) else source
        )
        self._payload: dict[str, Any] = {"signature": dict(signature_document), "order": list(order)}
        if files:
            self._payload["files"] = [dict(file) for file in files]
        else:
            self._payload["file_format"] = file_format
        if code:
            self._payload["code"] = [dict(document) for document in code]
        self._limits = limits
        self._python = python
        self._growth_bytes = growth_bytes
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._growth = Growth(growth_bytes)
        # Counts the times somebody closed it: what was begun before must not start it again.
        self._closed = 0
        self._is_renewing = False
        self.report = SandboxReport()

    @classmethod
    def of_files(
        cls,
        stored: Sequence[StoredFile],
        signature_document: Mapping[str, Any],
        *,
        order: Sequence[str] = (),
        python: Callable[[], Path] | None = None,
        code: StoredCode | None = None,
    ) -> NativeServer:
        """A server for stored files, with the site's limits. Each start checks their checksums."""

        @contextmanager
        def copies() -> Iterator[Mapping[str, Path]]:
            with ExitStack() as held:
                found = {
                    in_sandbox(place): held.enter_context(repository.local_copy(file.key, file.sha256))
                    for place, file in enumerate(stored)
                }
                if code is not None:
                    found["code"] = held.enter_context(repository.local_copy(code.key, code.sha256))
                yield found

        return cls(
            copies,
            stored[0].format,
            signature_document,
            configured.serving_limits(),
            files=listed([(file.name, file.format) for file in stored]),
            order=order,
            python=python,
            growth_bytes=configured.growth_bytes(),
            code=() if code is None else code.documents,
        )

    def start(self) -> None:
        """Start now instead of at the first call. Raises ModelFailed, TryLater."""
        with self._lock:
            self._running()

    def predict(self, rows: Sequence[Sequence[Value]], *, seconds: float | None = None) -> list[RawAnswer]:
        """One answer per row, in order. ``seconds``: for how long somebody waits, where that is less than the limit.

        Raises ModelFailed when the estimator raised or its process died, TryLater when it took too long.
        """
        if not rows:
            return []
        message = frames.pack(frames.Request([list(row) for row in rows]))
        with self._lock:
            response = self._asked(message, seconds)
            if self._growth.is_too_much(self.memory_bytes):
                self._beside(self._exchange)
        if response.answers is None:
            raise ModelFailed(plain(response.message, 500) or "This version could not answer these values.")
        if len(response.answers) != len(rows):
            self.close()
            raise ModelFailed("This version gave another number of answers than it was asked for.")
        return [answer.to_raw() for answer in response.answers]

    def close(self) -> None:
        """End the process; a later call starts it again."""
        with self._lock:
            self._closed += 1
            self._end()

    def memory_bytes(self) -> int:
        """What its processes hold in RAM now, shared pages counted for each; 0 while none runs."""
        child = self._child
        if child is None or child.process.poll() is not None:
            return 0
        return usage.resident_bytes([child.process.pid, *usage.descendants(child.process.pid)])

    def _asked(self, message: bytes, seconds: float | None) -> frames.Response:
        child = self._running()
        longest = self._limits.wall_seconds
        deadline = time.monotonic() + (longest if seconds is None else min(longest, seconds))
        try:
            _write(child, message, deadline)
            return _read(child, deadline, frames.MAX_RESPONSE)
        except _Late:
            self._end()
            self._beside(self._start_again)
            raise TryLater("This version took too long to answer; send fewer rows at once.") from None
        except _Gone:
            self._end()
            self._beside(self._start_again)
            raise ModelFailed(
                "This version stopped while it was answering; try again or ask its owner."
            ) from None

    def _running(self) -> Child:
        if self._child is not None and self._child.process.poll() is None:
            return self._child
        self._end()
        self._child, self.report = self._started()
        self._growth = Growth(self._growth_bytes)
        return self._child

    def _started(self) -> tuple[Child, SandboxReport]:
        """A process that is ready. Raises ModelFailed, and then it is gone."""
        limits = replace(self._limits, cpu_seconds=None)
        python = self._python() if self._python else None
        with self._copies() as files:
            child = Child("serve", self._payload, files=files, limits=limits, talk=True, python=python)
        try:
            _require_ready(_read(child, time.monotonic() + _START_SECONDS, frames.MAX_READY))
            return child, SandboxReport(guards=_guards(child))
        except (_Gone, _Late):
            child.close()
            raise ModelFailed("This version could not be started; ask its owner to build it again.") from None
        except BaseException:
            child.close()
            raise

    def _beside(self, work: Callable[[int], None]) -> None:
        """Do ``work`` on a thread of its own, one at a time. Its failure is told to whoever calls next."""
        if self._is_renewing:
            return
        self._is_renewing = True
        closed = self._closed

        def run() -> None:
            try:
                work(closed)
            except Exception:
                logger.warning("A native runtime could not be started again beside its callers.")
            finally:
                self._is_renewing = False

        threading.Thread(target=run, name="native-runtime", daemon=True).start()

    def _start_again(self, closed: int) -> None:
        """So that not the next caller waits for the libraries to load."""
        with self._lock:
            if self._closed == closed:
                self._running()

    def _exchange(self, closed: int) -> None:
        """A fresh process takes the place of one that has grown, which answers until then."""
        child, report = self._started()
        with self._lock:
            old: Child | None = child
            if self._closed == closed:
                old, self._child = self._child, child
                self.report, self._growth = report, Growth(self._growth_bytes)
        # Outside of the lock: nobody has to wait until the old one is gone.
        if old is not None:
            old.close()

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


def _require_ready(response: frames.Response) -> None:
    if response.answers is None:
        raise ModelFailed(plain(response.message, 500) or "This version could not be started.")


def _guards(child: Child) -> dict[str, bool]:
    """What the launcher said before anything untrusted ran."""
    if not select.select([child.control], [], [], 0)[0]:
        return {}
    line = os.read(child.control, 1 << 16).split(b"\n")[0]
    found: dict[str, bool] = json.loads(line).get("guards", {})
    return found


def _write(child: Child, message: bytes, deadline: float) -> None:
    stream = child.process.stdin
    if stream is None:
        raise _Gone
    descriptor = stream.fileno()
    os.set_blocking(descriptor, False)
    left = memoryview(message)
    while left:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise _Late
        try:
            if select.select([], [descriptor], [], min(remaining, 1.0))[1]:
                left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            continue
        except OSError:
            raise _Gone from None


def _read(child: Child, deadline: float, limit: int) -> frames.Response:
    size = int.from_bytes(_exactly(child.events, frames.LENGTH, deadline), "big")
    if size > limit:
        raise _Gone
    try:
        return frames.responses.decode(_exactly(child.events, size, deadline))
    except (msgspec.MsgspecError, RecursionError):
        raise _Gone from None


def _exactly(descriptor: int, size: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    while size > 0:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise _Late
        if not select.select([descriptor], [], [], remaining)[0]:
            continue
        part = os.read(descriptor, min(size, _READ))
        if not part:
            raise _Gone
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
