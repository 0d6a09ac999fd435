"""The fixtures themselves: real servers, real workers."""

from __future__ import annotations

import pytest
import redis
from celery import current_app
from django.conf import settings
from django.db import connection
from playwright.sync_api import Page


@pytest.mark.django_db
def test_database_is_a_real_postgresql_of_this_run() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('fsync'), current_setting('server_encoding'), current_database()"
        )
        assert cursor.fetchone() == ("on", "UTF8", "test_modeldesk")


def test_redis_keeps_a_log_and_evicts_nothing() -> None:
    client = redis.Redis.from_url(settings.REDIS_URL)
    assert client.config_get("appendonly") == {"appendonly": "yes"}
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_workers_take_every_queue(worker: object) -> None:
    answers = current_app.control.broadcast("queues_taken", reply=True, timeout=5) or []
    taken = {queue for answer in answers for queues in answer.values() for queue in queues}
    assert taken == {queue.name for queue in settings.CELERY_TASK_QUEUES}


@pytest.mark.e2e
def test_the_browser_is_the_machines_own(page: Page, chromium: str) -> None:
    page.set_content("<h1>Model Desk</h1>")
    assert page.get_by_role("heading").inner_text() == "Model Desk"
    assert chromium.startswith("/")
