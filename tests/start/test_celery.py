"""Sending: JSON only, to the right queue, and quickly refused when nobody listens."""

from __future__ import annotations

import time
from contextlib import closing

import pytest
import redis
from celery import Celery, current_app, signals
from django.conf import settings
from django.db import OperationalError, connection
from kombu.exceptions import OperationalError as BrokerError

from deploy_site import redis_urls


def test_only_json_and_no_results() -> None:
    conf = current_app.conf
    assert (conf.task_serializer, list(conf.accept_content)) == ("json", ["json"])
    assert conf.task_ignore_result
    assert conf.result_backend is None


def test_a_task_lands_in_its_own_queue_and_in_no_other() -> None:
    # In a database of its own: the workers of other tests would take the task out of theirs.
    url = redis_urls.with_database(settings.REDIS_URL, 7)
    app = Celery("elsewhere", broker=redis_urls.for_celery(url), set_as_current=False)
    for name in ("task_queues", "task_routes", "task_default_queue", "task_create_missing_queues"):
        app.conf[name] = current_app.conf[name]
    queues = [queue.name for queue in app.conf.task_queues]
    with closing(redis.Redis.from_url(url)) as client:
        client.flushdb()
        app.send_task("predictions.tasks.run_build", args=["no such job"], ignore_result=True)
        waiting = {queue: client.llen(queue) for queue in queues}
        client.flushdb()
    assert waiting == {queue: int(queue == "build") for queue in queues}


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "unix:///nowhere/redis.sock?db=0"])
def test_sending_without_redis_fails_within_seconds(url: str) -> None:
    same = ("broker_transport_options", "task_publish_retry_policy")
    app = Celery("lonely", broker=redis_urls.for_celery(url), set_as_current=False)
    app.conf.update({name: current_app.conf[name] for name in same})
    started = time.monotonic()
    with pytest.raises(BrokerError):
        app.send_task("predictions.tasks.answer", ignore_result=True)
    assert time.monotonic() - started < 3


def test_the_database_connection_is_kept_between_tasks() -> None:
    assert current_app.conf.get("CELERY_DB_REUSE_MAX")


@pytest.mark.django_db(transaction=True)
def test_a_connection_the_server_closed_is_replaced_after_the_task_that_met_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    other = connection.copy()
    with closing(other), other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    signals.task_postrun.send(sender=None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
