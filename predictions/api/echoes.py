"""Telling a caller again, at once, what it was told a moment ago: more cases wait than can be answered in time.

Callers who come back the moment they are refused would have the site read and check their cases again and again, which
takes from those who are answered.
"""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from hashlib import sha256
from typing import Any, NamedTuple

ECHO_SECONDS = 0.1
"""How long a refusal stands. A queue that refuses is seconds long, so nobody's place is left empty by it."""
MOST_HELD = 1_000

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]


class Said(NamedTuple):
    """A refusal: until when it stands, for bodies of how many bytes and more, whose it is, and what was sent."""

    until: float
    least_bytes: int
    slug: str
    messages: tuple[Message, ...]


class Echoes:
    """Refusals by exact key and path, so that nobody hears of what it could not ask."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, bytes], Said] = {}

    def keep(self, scope: Scope, slug: str, messages: tuple[Message, ...]) -> None:
        """This request was refused with these messages, and so is what asks about as much or more."""
        if len(self._held) >= MOST_HELD:
            self._held.clear()
        key, length = _asked(scope)
        said = Said(time.monotonic() + ECHO_SECONDS, length // 2, slug, messages)
        self._held[scope["path"], key] = said

    def of(self, scope: Scope) -> Said | None:
        """What the same caller was told a moment ago when it asked for as much; None when it was told nothing."""
        if not self._held or scope["type"] != "http" or scope["method"] != "POST":
            return None
        key, length = _asked(scope)
        place = scope["path"], key
        said = self._held.get(place)
        if said is None or length < said.least_bytes:
            return None
        if said.until < time.monotonic():
            del self._held[place]
            return None
        return said


def _asked(scope: Scope) -> tuple[bytes, int]:
    """A digest of the key, so that what is in memory opens nothing, and the bytes of the body."""
    key, length = b"", b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            key = value
        elif name == b"content-length":
            length = value
    return sha256(key).digest(), int(length) if length.isdigit() else 0
