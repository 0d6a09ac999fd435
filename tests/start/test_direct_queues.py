"""Messages taken straight from Redis, and messages written without Celery's producer, are those of any Celery."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import redis
from celery import Celery, current_app, signals
from django.conf import settings

from deploy_site import direct_queues, redis_urls
from predictions.gateway import envelope

QUEUE = "interactive"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[redis.Redis]:
    """Redis in a database of its own, where no worker of other tests takes anything."""
    url = redis_urls.with_database(settings.REDIS_URL, 8)
    monkeypatch.setattr(settings, "REDIS_URL", url)
    with closing(redis.Redis.from_url(url)) as found:
        found.flushdb()
        yield found
        found.flushdb()


@pytest.fixture
def app(client: redis.Redis) -> Celery:
    made = Celery("elsewhere", broker=redis_urls.for_celery(settings.REDIS_URL), set_as_current=False)
    for name in ("task_queues", "task_default_queue", "task_create_missing_queues"):
        made.conf[name] = current_app.conf[name]
    made.conf.task_ignore_result = True
    return made


@pytest.fixture
def following(app: Celery) -> Iterator[Callable[[], None]]:
    """Starts a thread that takes from the queue; it is stopped at the end."""
    stopping = threading.Event()
    threads: list[threading.Thread] = []

    def start() -> None:
        runner = direct_queues._Runner(app, "here")
        threads.append(
            threading.Thread(target=direct_queues._follow, args=(QUEUE, runner, stopping), daemon=True)
        )
        threads[-1].start()

    yield start
    stopping.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def register(app: Celery, seen: Callable[..., Any], **options: Any) -> Any:
    """A task that hands what it is called with to ``seen``."""

    def note(*args: Any, **kwargs: Any) -> None:
        seen(*args, **kwargs)

    return app.task(name="note", shared=False, **options)(note)


def until(happened: Callable[[], Any]) -> None:
    end = time.monotonic() + 10
    while not happened() and time.monotonic() < end:
        time.sleep(0.01)
    assert happened()


def sent(client: redis.Redis, argument: bytes, seconds: float = 60.0, task: str = "note") -> None:
    client.lpush(
        QUEUE, envelope.message(task=task, queue=QUEUE, argument=argument, expires=time.time() + seconds)
    )


def test_celery_reads_a_message_written_here(app: Celery, client: redis.Redis) -> None:
    read: list[Any] = []
    sent(client, b'{"a": [1, "\\u00e9", null]}')
    with app.connection_for_read() as connection:
        consumer = app.amqp.TaskConsumer(connection.channel(), queues=[app.amqp.queues[QUEUE]])
        consumer.callbacks = [lambda body, message: read.append((body, message.headers))]
        with consumer:
            connection.drain_events(timeout=5)
    (args, kwargs, _), headers = read[0]
    assert (args, kwargs) == ([{"a": [1, "é", None]}], {})
    assert (headers["task"], headers["lang"], headers["argsrepr"]) == ("note", "py", "")


def test_a_celery_worker_runs_a_message_written_here(app: Celery, client: redis.Redis) -> None:
    seen: list[Any] = []
    register(app, seen.append)
    sent(client, b"[1,2]")
    with app.connection_for_read() as connection:
        consumer = app.amqp.TaskConsumer(connection.channel(), queues=[app.amqp.queues[QUEUE]])
        consumer.callbacks = [lambda body, message: app.tasks[message.headers["task"]](*body[0])]
        with consumer:
            connection.drain_events(timeout=5)
    assert seen == [[1, 2]]


def test_what_celery_sent_is_run(app: Celery, client: redis.Redis, following: Callable[[], None]) -> None:
    seen: list[Any] = []
    register(app, lambda *args, **kwargs: seen.append((args, kwargs)))
    following()
    app.send_task("note", args=[1, {"b": None}], kwargs={"c": "d"}, queue=QUEUE)
    until(lambda: seen)
    assert seen == [((1, {"b": None}), {"c": "d"})]


def test_a_task_that_reads_json_itself_gets_the_bytes(
    app: Celery, client: redis.Redis, following: Callable[[], None]
) -> None:
    seen: list[Any] = []
    register(app, seen.append, takes_json=True)
    sent(client, b'{"a":  1.0}')
    following()
    until(lambda: seen)
    assert seen == [b'{"a":  1.0}']


def test_what_nobody_waits_for_any_more_is_not_run(
    app: Celery, client: redis.Redis, following: Callable[[], None]
) -> None:
    seen: list[Any] = []
    register(app, seen.append)
    sent(client, b"1", seconds=-0.001)
    sent(client, b"2")
    following()
    until(lambda: seen)
    assert seen == [2]


@pytest.mark.parametrize(
    "message", [b"", b"nonsense", b"{}", b'{"body": "a", "headers": {}, "properties": {}}', b"\xff"]
)
def test_a_message_that_cannot_be_read_costs_no_other(
    app: Celery, client: redis.Redis, following: Callable[[], None], message: bytes
) -> None:
    seen: list[Any] = []
    register(app, seen.append)
    client.lpush(QUEUE, message)
    sent(client, b"1", task="no such task")
    sent(client, b"2")
    following()
    until(lambda: seen)
    assert seen == [2]


def test_a_task_that_raises_costs_no_other_and_signals_as_any_task(
    app: Celery, client: redis.Redis, following: Callable[[], None]
) -> None:
    seen: list[Any] = []
    ended: list[str] = []

    def note(value: int) -> None:
        if value == 1:
            raise ValueError
        seen.append(value)

    task = register(app, note)

    def postrun(task_id: str, **_: Any) -> None:
        ended.append(task_id)

    signals.task_postrun.connect(postrun, sender=task)
    sent(client, b"1")
    sent(client, b"2")
    following()
    until(lambda: len(ended) == 2)
    assert seen == [2]


def test_one_that_comes_first_is_run_first(
    app: Celery, client: redis.Redis, following: Callable[[], None]
) -> None:
    seen: list[Any] = []
    register(app, seen.append)
    for number in range(50):
        sent(client, str(number).encode())
    following()
    until(lambda: len(seen) == 50)
    assert seen == list(range(50))


def test_redis_away_is_waited_for(
    app: Celery, client: redis.Redis, following: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    register(app, seen.append)
    there = settings.REDIS_URL
    monkeypatch.setattr(settings, "REDIS_URL", "unix:///nowhere/redis.sock")
    monkeypatch.setattr(direct_queues, "RETRY_SECONDS", 0.05)
    following()
    time.sleep(0.2)
    monkeypatch.setattr(settings, "REDIS_URL", there)
    sent(client, b"1")
    until(lambda: seen)
    assert seen == [1]
