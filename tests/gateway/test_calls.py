"""Answer now, end to end: the gateway here, real workers, a real queue and a real database."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import redis
from django.db import connection

from predictions import gateway
from predictions.errors import TryLater
from predictions.gateway import process, wire
from predictions.gateway.lanes import MAX_IN_FLIGHT, Lane
from predictions.gateway.tiers import Tier
from predictions.models import Prediction
from predictions.values import Actor
from tests import factories
from tests.support.workers import halted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]


def answer(target, payload, actor=None, **options):
    rows = target.validator.check_payload(payload, max_rows=5000)
    return gateway.answer(
        target=target, rows=rows, actor=actor or Actor(visitor=uuid4()), face="api", **options
    )


def test_the_answer_is_the_row(worker):
    target = factories.target(factories.version())
    visitor = uuid4()
    given = answer(target, [{"x": 5}, {"x": 7}], Actor(visitor=visitor))
    assert [item.outputs["value"] for item in given] == pytest.approx([10.0, 14.0])
    rows = {row.pk: row for row in Prediction.objects.filter(visitor=visitor)}
    assert [rows[item.id].outputs for item in given] == [item.outputs for item in given]
    assert [rows[item.id].inputs for item in given] == [[5], [7]]
    assert rows[given[0].id].warnings[0]["code"] == "above_training_range"
    assert rows[given[0].id].created_at == given[0].created_at


def test_many_callers_at_once_each_get_their_own_answer_and_row(worker):
    version = factories.sign_version()
    target = factories.target(version)
    estimator = factories.sign_estimator()
    table = np.random.default_rng(1).normal(size=(48, 2))
    expected = estimator.predict_proba(table)[:, 1]
    cases = table.tolist()
    visitors = [uuid4() for _ in cases]
    got: dict[int, float] = {}
    failures: list[BaseException] = []

    def call(place: int) -> None:
        try:
            given = answer(target, [cases[place]], Actor(visitor=visitors[place]))
            got[place] = given[0].outputs["probabilities"]["above"]
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=call, args=(place,)) for place in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [got[place] for place in range(len(cases))] == pytest.approx(list(expected), abs=1e-9)
    for place, visitor in enumerate(visitors):
        row = Prediction.objects.get(visitor=visitor)
        assert row.inputs == cases[place]


def test_a_thousand_rows_come_back_in_order(worker):
    target = factories.target(factories.version())
    given = answer(target, [[number] for number in range(1000)])
    assert [item.outputs["value"] for item in given] == pytest.approx(
        [2.0 * number for number in range(1000)], abs=1e-9
    )
    assert Prediction.objects.count() == 1000


def test_a_probe_goes_through_a_worker_and_leaves_no_row(worker):
    target = factories.target(factories.version())
    assert 0 < gateway.probe(target, seconds=10) < 10
    assert not Prediction.objects.exists()


def test_without_a_worker_the_caller_hears_so_in_time_and_nothing_is_stored_later(worker):
    target = factories.target(factories.version())
    with halted(worker, "interactive"):
        begun = time.monotonic()
        with pytest.raises(TryLater) as refused:
            answer(target, [[1]], seconds=1.5)
        assert time.monotonic() - begun < 3
    assert refused.value.code == "deadline_passed"
    assert refused.value.retry_after > 0
    assert answer(target, [[2]])[0].outputs["value"] == pytest.approx(4.0), "the worker goes on"
    assert Prediction.objects.count() == 1


def test_a_reply_that_was_lost_is_found_in_the_database(worker, monkeypatch):
    target = factories.target(factories.version())
    answer(target, [[1]])
    monkeypatch.setattr(process.current(), "_on_reply", lambda reply: None)
    monkeypatch.setattr(process.current()._wire, "_on_reply", lambda reply: None)
    given = answer(target, [[3]], seconds=1.5)
    assert given[0].outputs["value"] == pytest.approx(6.0)


def test_without_redis_the_caller_hears_so(settings, monkeypatch):
    target = factories.target(factories.version())
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(process, "_current", None)
    with pytest.raises(TryLater) as refused:
        answer(target, [[1]])
    assert refused.value.code == "queue_unavailable"


def test_cases_do_not_stay_in_the_queue_when_nobody_takes_them(worker, settings):
    target = factories.target(factories.version())
    queue = redis.Redis.from_url(settings.REDIS_URL)
    with halted(worker, "interactive"):
        # The first goes to the hanging worker's socket, which waited for it.
        for value in (4711, 4712, 4713):
            with pytest.raises(TryLater):
                answer(target, [[value]], seconds=1.0)
        assert queue.llen("interactive") == 0
    assert answer(target, [[2]])[0].outputs["value"] == pytest.approx(4.0)


def test_messages_that_are_still_wanted_stay_in_the_queue(settings, monkeypatch):
    monkeypatch.setattr(wire, "TIERS", (Tier("queue-of-this-test", 1.0, 1),))
    queue = redis.Redis.from_url(settings.REDIS_URL)
    now = datetime.now(UTC)
    ends = {"late": now - timedelta(seconds=1), "wanted": now + timedelta(seconds=30)}
    messages = {
        name: json.dumps({"body": name, "headers": {"expires": end.isoformat()}})
        for name, end in ends.items()
    }
    lasting = json.dumps({"body": "lasting", "headers": {"expires": None}})
    queue.lpush("queue-of-this-test", messages["late"], messages["wanted"], lasting, b"no message")
    wire.Wire(lambda reply: None).forget_expired()
    left = [message.decode() for message in queue.lrange("queue-of-this-test", 0, -1)]
    queue.delete("queue-of-this-test")
    assert left == ["no message", lasting, messages["wanted"]]


def test_a_group_that_cannot_be_sent_does_not_block_those_behind_it(worker, monkeypatch):
    target = factories.target(factories.version())
    sending = wire.Wire.send

    def broken(*arguments):
        raise ValueError("4711")

    for _ in range(MAX_IN_FLIGHT + 1):
        monkeypatch.setattr(wire.Wire, "send", broken)
        with pytest.raises(TryLater) as refused:
            answer(target, [[1]], seconds=0.5)
        assert "4711" not in refused.value.message
    monkeypatch.setattr(wire.Wire, "send", sending)
    assert answer(target, [[2]])[0].outputs["value"] == pytest.approx(4.0)


def test_who_gives_up_first_does_not_take_the_reply_from_those_who_still_wait(worker, monkeypatch):
    """Two go in one message behind a third; the one with less time leaves, the other is answered in time."""
    target = factories.target(factories.version())
    answer(target, [[1]])
    push = Lane.push
    monkeypatch.setattr(Lane, "push", lambda lane, one: push(lane, one) if len(lane._pending) > 1 else None)
    given: dict[str, Any] = {}

    def call(name, seconds):
        begun = time.monotonic()
        try:
            given[name] = answer(target, [[len(name)]], seconds=seconds)[0].outputs["value"]
        except TryLater as error:
            given[name] = error.code
        given[f"{name} after"] = time.monotonic() - begun
        connection.close()

    threads = [
        threading.Thread(target=call, args=(name, seconds))
        for name, seconds in (("first", 1.0), ("short", 2.0), ("patient", 20.0))
    ]
    with halted(worker, "interactive"):
        for thread in threads:
            thread.start()
            time.sleep(0.2)
        threads[0].join()
        threads[1].join()
    threads[2].join()
    assert (given["first"], given["short"]) == ("deadline_passed", "deadline_passed")
    assert given["patient"] == pytest.approx(14.0)
    assert given["patient after"] < 10
