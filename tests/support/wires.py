"""A wire of a test's own: messages wait until the test has them worked on, replies until it lets them through.

The worker behind it is the real one (``services.inference``) on the real database; only the way there and back is
the test's. What goes over it is encoded and decoded as on the way through Redis.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from predictions.errors import DeskError, TryLater
from predictions.gateway.process import ProcessGateway
from predictions.services import inference
from predictions.values import Group, GroupReply

_encode = msgspec.json.Encoder().encode
_group = msgspec.json.Decoder(Group).decode
_reply = msgspec.json.Decoder(GroupReply).decode


class HeldWire:
    """Stands where ``predictions.gateway.wire.Wire`` stands; with a ``loop``, where ``LoopWire`` does."""

    is_listening = True

    def __init__(
        self,
        on_reply: Callable[[GroupReply], None],
        on_refused: Callable[[int, DeskError], None],
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.channel = "desk:reply:test"
        self.on_reply = on_reply
        self.on_refused = on_refused
        self.loop = loop
        self.refuses = False
        self.looks_for_expired = 0
        self._guard = threading.Lock()
        self._messages: list[bytes] = []
        self._replies: list[bytes] = []

    def ensure_listening(self, seconds: float) -> None:
        """Always there."""

    async def listening(self, seconds: float) -> None:
        """Always there."""

    def forget_expired(self) -> None:
        """Expired messages stay here: the worker must refuse them by itself."""
        self.looks_for_expired += 1

    def send(self, group: Group, deadline: float, queue: str = "") -> None:
        """While the queue ``refuses``: with a loop it says so there in a moment, else raises TryLater."""
        if not self.refuses:
            with self._guard:
                self._messages.append(_encode(group))
        elif self.loop is None:
            raise _away()
        else:
            self.loop.call_soon_threadsafe(self.on_refused, group.id, _away())

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

    def refuse_message(self, place: int) -> None:
        """The queue says of a message that was on its way that it does not take it."""
        self._bring(self.on_refused, _group(self._take(self._messages, place)).id, _away())

    def deliver(self, place: int, *, times: int = 1, beside: bool = False) -> None:
        """The reply at ``place`` arrives, ``times`` times: on the loop where there is one, unless ``beside`` it."""
        reply = self._take(self._replies, place)
        for _ in range(times):
            if beside:
                self.on_reply(_reply(reply))
            else:
                self._bring(self.on_reply, _reply(reply))

    def lose_reply(self, place: int) -> None:
        """Nobody hears a reply; its rows are stored."""
        self._take(self._replies, place)

    def _bring(self, hear: Callable[..., None], *said: Any) -> None:
        """On the thread on which the real wire would say it."""
        if self.loop is None:
            hear(*said)
            return
        done: Future[None] = Future()

        def bring() -> None:
            try:
                hear(*said)
                done.set_result(None)
            except BaseException as error:
                done.set_exception(error)

        self.loop.call_soon_threadsafe(bring)
        done.result(10)

    def _take(self, waiting: list[bytes], place: int) -> bytes:
        with self._guard:
            return waiting.pop(place % len(waiting))


def held_gateway(loop: asyncio.AbstractEventLoop | None = None) -> tuple[ProcessGateway, HeldWire]:
    """A gateway on such a wire. With a ``loop``, coroutines of it may call as well."""
    made = ProcessGateway()
    wire = HeldWire(made._on_reply, made._on_refused, loop)
    made._wire = wire  # type: ignore[assignment]
    return made, wire


def _away() -> TryLater:
    return TryLater("The queue is away.", code="queue_unavailable")
