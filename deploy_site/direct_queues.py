"""Taking the messages of some queues straight from Redis, inside a Celery worker.

Celery's own consumer takes about a millisecond per message: it wakes an event loop, notes the message as not yet
acknowledged, hands it to another thread, and takes the note back. For a queue whose messages are acknowledged on
receipt that buys nothing. Here each thread waits for the next message by itself and runs the registered task at once,
through Celery's own tracer, so that signals, logging and errors are those of any task. A thread takes a message only
when it is free for it: nothing is held back from other workers. See docs/decisions/0010-direct-queues.md.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import redis
from celery import Celery, bootsteps
from celery.app.trace import build_tracer
from celery.worker.control import inspect_command
from django.conf import settings

logger = logging.getLogger(__name__)

WAIT_SECONDS = 1
"""How long a free thread waits in Redis before it looks whether the worker stops."""

RETRY_SECONDS = 0.5

GARBAGE_OBJECTS = 20_000
"""So many new objects are looked through for what only refers to itself."""


class _Headers(msgspec.Struct):
    task: str
    id: str
    expires: str | None = None


class _Properties(msgspec.Struct):
    body_encoding: str | None = None


class _Envelope(msgspec.Struct):
    """What Celery's protocol 2 looks like in a Redis list; the rest of it is of no use here."""

    body: str
    headers: _Headers
    properties: _Properties


_envelope = msgspec.json.Decoder(_Envelope).decode
_arguments = msgspec.json.Decoder(tuple[list[msgspec.Raw], dict[str, Any], Any]).decode


def spare_collections() -> None:
    """Have Python's garbage collector look at less, and more rarely.

    What is loaded by now stays as long as the process, and a group's own objects are gone once it is answered.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)


class DirectQueues(bootsteps.StartStopStep):
    """Worker step: threads of its own for ``settings.DIRECT_QUEUES``, those of them this worker was told to take."""

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        queues = worker.app.amqp.queues
        taken = [name for name in settings.DIRECT_QUEUES if name in queues.consume_from]
        self.enabled = bool(taken)
        queues.deselect(taken)
        worker.direct_queues = taken
        self._taken = taken
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, worker: Any) -> None:
        """Start taking."""
        spare_collections()
        runner = _Runner(worker.app, worker.hostname)
        for queue in self._taken:
            for number in range(settings.DIRECT_QUEUES[queue]):
                thread = threading.Thread(
                    target=_follow,
                    args=(queue, runner, self._stopping),
                    name=f"{queue}-{number}",
                    daemon=True,
                )
                self._threads.append(thread)
                thread.start()

    def stop(self, worker: Any) -> None:
        """Let every thread finish what it has in hand."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=settings.PREDICT_DEADLINE_SECONDS)

    def terminate(self, worker: Any) -> None:
        """The same: there is nothing to cut short that its callers would not miss."""
        self.stop(worker)


@inspect_command()
def queues_taken(state: Any) -> list[str]:
    """Every queue this worker takes from, in whichever way."""
    consumer = state.consumer
    usual = [queue.name for queue in consumer.task_consumer.queues] if consumer.task_consumer else []
    return [*usual, *getattr(consumer.controller, "direct_queues", ())]


class _Runner:
    """Runs the task a message names."""

    def __init__(self, app: Celery, hostname: str) -> None:
        self._app = app
        self._hostname = hostname
        self._tracers: dict[str, Callable[..., Any]] = {}

    def run(self, message: bytes) -> None:
        """Run it unless nobody waits for it any more."""
        envelope = _envelope(message)
        headers = envelope.headers
        if headers.expires is not None and datetime.fromisoformat(headers.expires) <= datetime.now(UTC):
            return
        is_encoded = envelope.properties.body_encoding == "base64"
        args, kwargs, _ = _arguments(b64decode(envelope.body) if is_encoded else envelope.body)
        task = self._app.tasks[headers.task]
        request = {"id": headers.id, "hostname": self._hostname, "args": (), "kwargs": {}, "retries": 0}
        self._tracer(headers.task)(headers.id, _decoded(task, args), kwargs, request)

    def _tracer(self, name: str) -> Callable[..., Any]:
        known = self._tracers.get(name)
        if known is None:
            task = self._app.tasks[name]
            known = build_tracer(name, task, self._app.loader, self._hostname, app=self._app)
            self._tracers[name] = known
        return known


def _decoded(task: Any, args: Sequence[msgspec.Raw]) -> list[Any]:
    if getattr(task, "takes_json", False):
        return [bytes(arg) for arg in args]
    return [msgspec.json.decode(arg) for arg in args]


def _follow(queue: str, runner: _Runner, stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            with redis.Redis.from_url(
                settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=WAIT_SECONDS + 5
            ) as client:
                _take(client, queue, runner, stopping)
        except redis.RedisError as error:
            logger.warning("The queue %s cannot be reached (%s); trying again.", queue, type(error).__name__)
            time.sleep(RETRY_SECONDS)


def _take(client: redis.Redis, queue: str, runner: _Runner, stopping: threading.Event) -> None:
    while not stopping.is_set():
        taken: Any = client.brpop([queue], timeout=WAIT_SECONDS)
        if taken is None:
            continue
        try:
            runner.run(taken[1])
        except Exception as error:
            # One message must not cost the queue its thread; its text could quote a case.
            logger.error("A message of %s could not be run: %s.", queue, type(error).__name__)  # noqa: TRY400
