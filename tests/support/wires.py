"""A wire of a test's own: messages wait until the test has them worked on, replies until it lets them through.

The worker behind it is the real one (``services.inference``) on the real database; only the way there and back is
the test's. What goes over it is encoded and decoded as on the way through Redis.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import msgspec

from predictions.errors import TryLater
from predictions.services import inference
from predictions.values import Group, GroupReply

_encode = msgspec.json.Encoder().encode
_group = msgspec.json.Decoder(Group).decode
_reply = msgspec.json.Decoder(GroupReply).decode


class HeldWire:
    """Stands where ``predictions.gateway.wire.Wire`` stands."""

    def __init__(self, on_reply: Callable[[GroupReply], None]) -> None:
        self.channel = "desk:reply:test"
        self.on_reply = on_reply
        self.refuses = False
        self.looks_for_expired = 0
        self._guard = threading.Lock()
        self._messages: list[bytes] = []
        self._replies: list[bytes] = []

    def ensure_listening(self, seconds: float) -> None:
        """Always there."""

    def forget_expired(self) -> None:
        """Expired messages stay here: the worker must refuse them by itself."""
        self.looks_for_expired += 1

    def send(self, group: Group, deadline: float, queue: str = "") -> None:
        """Raises TryLater while the queue ``refuses``."""
        if self.refuses:
            raise TryLater("The queue is away.", code="queue_unavailable")
        with self._guard:
            self._messages.append(_encode(group))

    @property
    def messages(self) -> int:
        """How many nobody took yet."""
        return len(self._messages)

    @property
    def replies(self) -> int:
        """How many are under way."""
        return len(self._replies)

    def work(self, place: int, *, times: int = 1) -> None:
        """A worker takes the message at ``place``, as often as the queue hands it out; the replies are under way."""
        message = self._take(self._messages, place)
        for _ in range(times):
            reply = _encode(inference.answer(_group(message)))
            with self._guard:
                self._replies.append(reply)

    def lose_message(self, place: int) -> None:
        """The queue forgets a message."""
        self._take(self._messages, place)

    def deliver(self, place: int, *, times: int = 1) -> None:
        """The reply at ``place`` arrives, ``times`` times."""
        reply = self._take(self._replies, place)
        for _ in range(times):
            self.on_reply(_reply(reply))

    def lose_reply(self, place: int) -> None:
        """Nobody hears a reply; its rows are stored."""
        self._take(self._replies, place)

    def _take(self, waiting: list[bytes], place: int) -> bytes:
        with self._guard:
            return waiting.pop(place % len(waiting))
