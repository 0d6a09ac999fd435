"""Reads the pipes of a run: our own words from ``control``, unbelieved ones from ``events`` and output."""

from __future__ import annotations

import json
import os
import selectors
import time
from collections.abc import Callable
from typing import Any

from predictions.sandbox.children import Child
from predictions.sandbox.operations import MAX_EVENT

_READ = 1 << 16
_TAIL = 1 << 16
_MAX_EVENTS = 2_000
_MAX_DRAINED = 64 << 20
_TICK = 0.1


class Listener:
    """Follows one run until its launcher has ended or somebody wants it to stop."""

    def __init__(self, child: Child, on_event: Callable[[dict[str, Any]], None]) -> None:
        self._child = child
        self._on_event = on_event
        self._lines = {child.control: b"", child.events: b""}
        self._drained = 0
        self._events = 0
        self.control: dict[str, Any] = {}
        self.tail = b""

    def follow(self, *, deadline: float, should_stop: Callable[[], bool]) -> str | None:
        """Returns None when the run ended by itself, else "time", "stop" or "flood"."""
        with selectors.DefaultSelector() as pipes:
            output = self._child.process.stdout
            for descriptor in (self._child.control, self._child.events, output.fileno() if output else -1):
                if descriptor >= 0:
                    pipes.register(descriptor, selectors.EVENT_READ)
            why: str | None = None
            while why is None and pipes.get_map():
                for key, _mask in pipes.select(_TICK):
                    if not self._take(key.fd):
                        pipes.unregister(key.fd)
                why = self._interruption(deadline, should_stop)
            return why

    def finish(self) -> None:
        """Read what is left of our own words, after the launcher has ended."""
        while self._take(self._child.control):
            pass

    def _interruption(self, deadline: float, should_stop: Callable[[], bool]) -> str | None:
        if time.monotonic() > deadline:
            return "time"
        if self._drained > _MAX_DRAINED:
            return "flood"
        return "stop" if should_stop() else None

    def _take(self, descriptor: int) -> bool:
        data = os.read(descriptor, _READ)
        if descriptor == self._child.control:
            self._split(descriptor, data, self._believe)
        elif descriptor == self._child.events:
            self._drained += len(data)
            self._split(descriptor, data, self._hear)
        else:
            self._drained += len(data)
            self.tail = (self.tail + data)[-_TAIL:]
        return bool(data)

    def _split(self, descriptor: int, data: bytes, use: Callable[[bytes], None]) -> None:
        *lines, rest = (self._lines[descriptor] + data).split(b"\n")
        for line in lines:
            use(line)
        self._lines[descriptor] = rest[: MAX_EVENT + 1]

    def _believe(self, line: bytes) -> None:
        for key, value in json.loads(line).items():
            self.control.setdefault(key, value)

    def _hear(self, line: bytes) -> None:
        if len(line) > MAX_EVENT or self._events >= _MAX_EVENTS:
            return
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            return
        if (
            isinstance(event, dict)
            and isinstance(event.get("step"), str)
            and isinstance(event.get("message"), str)
        ):
            self._events += 1
            self._on_event({"step": plain(event["step"], 40), "message": plain(event["message"], 500)})


def plain(text: str, limit: int) -> str:
    """One printable line of at most ``limit`` characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:limit]).strip()
