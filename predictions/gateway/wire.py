"""The gateway's two ends of Redis: Celery's queue out, one pub/sub channel of this process back.

This one is for processes of threads; ``loop_wire`` is the same for those whose web server runs an event loop.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from predictions.errors import TryLater
from predictions.gateway.envelope import message
from predictions.gateway.tiers import COLD, FAST, TIERS
from predictions.values import Group, GroupReply

logger = logging.getLogger(__name__)

TASK = "predictions.tasks.answer"
QUEUE = FAST.queue
QUEUE_ERRORS = (redis.RedisError, OSError)
"""What sending to the queue raises when Redis is away, full or slow."""
RECONNECT_SECONDS = 0.5
FORGET_AT_ONCE = 50
FORGET_EARLY = timedelta(seconds=0.2)
"""Less than the time before its end in which no worker begins with a message any more."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(GroupReply).decode
_forgetting = threading.Lock()


class Wire:
    """Sends groups and hands replies to ``on_reply`` on its own thread, which starts with the first call."""

    def __init__(self, on_reply: Callable[[GroupReply], None]) -> None:
        self.channel = new_channel()
        self._on_reply = on_reply
        self._listening = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._queue = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1)
        )

    @property
    def is_listening(self) -> bool:
        """Whether replies reach this process."""
        return self._listening.is_set()

    async def listening(self, seconds: float) -> None:
        """As ``ensure_listening``, for a coroutine. Raises TryLater."""
        await asyncio.to_thread(self.ensure_listening, seconds)

    def ensure_listening(self, seconds: float) -> None:
        """Be subscribed before anything is sent, or its reply would be lost. Raises TryLater."""
        if self._listening.is_set():
            return
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="gateway-replies", daemon=True)
                self._thread.start()
        if not self._listening.wait(seconds):
            raise queue_down()

    def send(self, group: Group, deadline: float, queue: str = QUEUE) -> None:
        """Put one group in a queue, where nobody takes it up after ``deadline``. Raises TryLater."""
        try:
            self._queue.lpush(queue, posted(group, deadline, queue))
        except QUEUE_ERRORS as error:
            raise queue_down() from error

    def forget_expired(self) -> None:
        """Take messages nobody may take up any more out of the queue; may take a moment."""
        forget_expired()

    def _listen(self) -> None:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, health_check_interval=15)
        while True:
            try:
                with client.pubsub() as channel:  # type: ignore[no-untyped-call]
                    channel.subscribe(self.channel)
                    self._follow(channel)
            except Exception as error:
                # Whatever it was: without this thread every caller of the process would wait in vain.
                self._listening.clear()
                logger.warning(
                    "The gateway lost its connection to Redis and tries again (%s).", type(error).__name__
                )
                time.sleep(RECONNECT_SECONDS)

    def _follow(self, channel: redis.client.PubSub) -> None:
        while True:
            message = channel.get_message(timeout=10.0)
            if message is None:
                continue
            if message["type"] == "subscribe":
                self._listening.set()
            elif message["type"] == "message":
                self._deliver(message["data"])

    def _deliver(self, data: bytes) -> None:
        deliver(data, self._on_reply)


def new_channel() -> str:
    """A reply channel that nobody else has."""
    return f"desk:reply:{os.getpid()}:{uuid4().hex}"


def posted(group: Group, deadline: float, queue: str) -> bytes:
    """The message that has a worker of ``queue`` answer the group before ``deadline``."""
    return message(task=TASK, queue=queue, argument=_encode(group), expires=deadline)


def deliver(data: bytes, on_reply: Callable[[GroupReply], None]) -> None:
    """Hand on what came through a reply channel. Never raises: the next reply is another's."""
    try:
        on_reply(_decode(data))
    except Exception as error:
        logger.error("The gateway could not deliver a reply: %s.", type(error).__name__)  # noqa: TRY400


def forget_expired() -> None:
    """Take messages nobody may take up any more out of the queue: cases do not lie there while no worker runs.

    Looks at the oldest ``FORGET_AT_ONCE``; one caller at a time, the others go on.
    """
    if not _forgetting.acquire(blocking=False):
        return
    try:
        _forget_expired()
    except QUEUE_ERRORS:
        logger.warning("Old messages could not be taken out of the queue.")
    finally:
        _forgetting.release()


def _forget_expired() -> None:
    # kombu keeps a queue as a list whose oldest message is the last.
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
    with client:
        for tier in (*TIERS, COLD):
            for message in client.lrange(tier.queue, -FORGET_AT_ONCE, -1):
                if _has_expired(message):
                    client.lrem(tier.queue, -1, message)  # type: ignore[arg-type] # bytes go as they are


def _has_expired(message: bytes | str) -> bool:
    try:
        expires = json.loads(message)["headers"]["expires"]
        return expires is not None and datetime.fromisoformat(expires) < datetime.now(UTC) + FORGET_EARLY
    except (ValueError, KeyError, TypeError):
        return False


def queue_down() -> TryLater:
    """The error for a queue that cannot be reached."""
    return TryLater(
        "The queue to the workers cannot be reached, so nothing was answered or stored. Try again in a moment.",
        code="queue_unavailable",
        retry_after=5,
    )
