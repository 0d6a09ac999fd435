"""The gateway's two ends of Redis on the web server's event loop.

A reply is read, handed out and sent on its way to the caller without a change of threads, and a Redis that does not
answer holds nobody up: nothing here waits but coroutines.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from django.conf import settings
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError, ResponseError

from predictions.errors import DeskError
from predictions.gateway.wire import (
    QUEUE,
    RECONNECT_SECONDS,
    deliver,
    forget_expired,
    new_channel,
    posted,
    queue_down,
)
from predictions.values import Group, GroupReply

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 5.0
"""How often Redis is asked whether it is there, and how long it may take to say so."""
END_SECONDS = 0.1


class _Letter(NamedTuple):
    group_id: int
    queue: str
    data: bytes


class LoopWire:
    """Sends groups, and hands replies to ``on_reply`` on the loop's thread.

    What Redis refuses goes to ``on_refused``. ``send`` may be called from every thread.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_reply: Callable[[GroupReply], None],
        on_refused: Callable[[int, DeskError], None],
    ) -> None:
        self.channel = new_channel()
        self._loop = loop
        self._thread = threading.get_ident()
        self._on_reply = on_reply
        self._on_refused = on_refused
        self._listening = threading.Event()
        self._changed = asyncio.Event()
        self._posted = asyncio.Event()
        self._letters: deque[_Letter] = deque()
        self._unconfirmed: deque[int] = deque()
        self._heard_at = 0.0
        self._forgetting = threading.Thread()
        self._task = loop.create_task(self._keep())

    @property
    def is_listening(self) -> bool:
        """Whether replies reach this process."""
        return self._listening.is_set()

    async def listening(self, seconds: float) -> None:
        """Be subscribed before anything is sent, or its reply would be lost. Raises TryLater."""
        try:
            async with asyncio.timeout(seconds):
                while not self._listening.is_set():
                    await self._changed.wait()
        except TimeoutError:
            raise queue_down() from None

    def ensure_listening(self, seconds: float) -> None:
        """As ``listening``, for a thread that is not the loop's."""
        if not self._listening.wait(seconds):
            raise queue_down()

    def send(self, group: Group, deadline: float, queue: str = QUEUE) -> None:
        """Have one group put in a queue, where nobody takes it up after ``deadline``."""
        letter = _Letter(group.id, queue, posted(group, deadline, queue))
        if threading.get_ident() == self._thread:
            self._post(letter)
        else:
            self._loop.call_soon_threadsafe(self._post, letter)

    def forget_expired(self) -> None:
        """Take messages nobody may take up any more out of the queue, on another thread."""
        # A thousand callers may give up at once, and one look serves them all.
        if not self._forgetting.is_alive():
            self._forgetting = looking = threading.Thread(target=forget_expired, daemon=True)
            looking.start()

    def _post(self, letter: _Letter) -> None:
        if not self._listening.is_set():
            # From here, or the caller would hear of it before it is known to wait.
            self._loop.call_soon(self._on_refused, letter.group_id, queue_down())
            return
        self._letters.append(letter)
        self._posted.set()

    async def _keep(self) -> None:
        pool: Any = ConnectionPool.from_url(
            settings.REDIS_URL, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0), protocol=2
        )
        # The client at times takes the end of the loop for the end of a connection.
        while not self._task.cancelling():
            try:
                await self._connected(pool.make_connection(), pool.make_connection())
            except* (RedisError, OSError, TimeoutError) as error:
                logger.warning(
                    "The gateway lost its connection to Redis and tries again (%s).",
                    type(error.exceptions[0]).__name__,
                )
            except* Exception as error:
                # Whatever it was: without this task every caller of the process would wait in vain.
                logger.exception("The gateway's connection to Redis failed.", exc_info=error)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _connected(self, outgoing: Any, incoming: Any) -> None:
        try:
            await outgoing.connect()
            await incoming.connect()
            await incoming.send_command("SUBSCRIBE", self.channel)
            if await incoming.read_response(timeout=HEARTBEAT_SECONDS) is None:
                raise TimeoutError
            if self._task.cancelling():
                return
            self._heard_at = self._loop.time()
            self._listening.set()
            self._changed.set()
            await _until_one_ends(
                self._receive(incoming),
                self._transmit(outgoing),
                self._confirm(outgoing),
                self._ask_whether_it_is_there(incoming),
            )
        finally:
            self._listening.clear()
            self._changed.clear()
            self._let_go()
            await outgoing.disconnect(nowait=True)
            await incoming.disconnect(nowait=True)

    async def _receive(self, incoming: Any) -> None:
        while True:
            said = await incoming.read_response(timeout=math.inf)
            self._heard_at = self._loop.time()
            if said[0] == b"message":
                deliver(said[2], self._on_reply)

    async def _transmit(self, outgoing: Any) -> None:
        while True:
            await self._posted.wait()
            self._posted.clear()
            while self._letters:
                letter = self._letters.popleft()
                self._unconfirmed.append(letter.group_id)
                command = outgoing.pack_command("LPUSH", letter.queue, letter.data)
                await outgoing.send_packed_command(command, check_health=False)

    async def _confirm(self, outgoing: Any) -> None:
        while True:
            try:
                await outgoing.read_response(timeout=math.inf, disconnect_on_error=False)
            except (ResponseError, BusyLoadingError):
                self._on_refused(self._unconfirmed.popleft(), queue_down())
            else:
                self._unconfirmed.popleft()

    async def _ask_whether_it_is_there(self, incoming: Any) -> None:
        while True:
            asked_at = self._loop.time()
            oldest = next(iter(self._unconfirmed), None)
            await incoming.send_command("PING", check_health=False)
            await asyncio.sleep(HEARTBEAT_SECONDS)
            # The other connection may be dead alone, or Redis take no writes.
            if self._heard_at < asked_at or (oldest is not None and oldest in self._unconfirmed):
                raise TimeoutError

    def _let_go(self) -> None:
        """What was not sent is refused. What was may be answered: its callers look at their deadline."""
        letters, self._letters = self._letters, deque()
        self._unconfirmed.clear()
        for letter in letters:
            self._on_refused(letter.group_id, queue_down())


async def _until_one_ends(*works: Coroutine[Any, Any, None]) -> None:
    """Raises what the first of them raised, once all are over.

    No task group: at the end of the loop, what its tasks say of theirs would take the place of the caller's own.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        ended, _going_on = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        while going_on := [task for task in tasks if not task.done()]:
            for task in going_on:
                task.cancel()
            # Again after a moment: the client loses a cancellation that meets the end of what it awaits.
            await asyncio.wait(going_on, timeout=END_SECONDS)
        # Or the loop would say that nobody heard of what they raised.
        await asyncio.gather(*tasks, return_exceptions=True)
