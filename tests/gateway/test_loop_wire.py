"""The gateway on an event loop, with a Redis that refuses, hangs, hangs up and comes back. The loop never waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from predictions import gateway
from predictions.errors import TryLater
from predictions.gateway import loop_wire, process
from predictions.gateway.loop_wire import LoopWire
from predictions.models import Prediction
from predictions.selectors.targets import Target
from predictions.values import Actor, GivenAnswer
from tests import factories
from tests.support.loops import Asked, Beside, adopted
from tests.support.own_redis import QUEUES, OwnRedis
from tests.support.sites import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

Ask = Callable[..., Asked]


def answer_next(own_redis: OwnRedis, value: float, ask: Ask) -> None:
    """Whoever comes now is answered."""
    asked = ask(value)
    assert own_redis.work(own_redis.take()) == 1
    assert asked.value() == pytest.approx(2 * value)


def back(own_redis: OwnRedis, wire: LoopWire) -> None:
    """Wait until the connections are new ones."""
    wait_for(lambda: not wire.is_listening, seconds=5)
    wait_for(lambda: wire.is_listening, seconds=5)


def test_while_redis_is_away_callers_hear_so_in_time_and_once_it_is_there_they_are_answered(
    own_redis: OwnRedis, beside: Beside, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    own_redis.stop()
    monkeypatch.setattr(process, "SUBSCRIBE_SECONDS", 0.6)
    wire = adopted(beside, monkeypatch)
    asked = [ask(1) for _ in range(20)]
    assert {one.refusal() for one in asked} == {"queue_unavailable"}
    assert asked[0].seconds < 2
    own_redis.start()
    wait_for(lambda: wire.is_listening, seconds=5)
    answer_next(own_redis, 2, ask)
    assert Prediction.objects.count() == 1


def test_who_comes_before_the_connection_is_there_waits_for_it(
    own_redis: OwnRedis, beside: Beside, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    adopted(beside, monkeypatch)
    answer_next(own_redis, 2, ask)


@pytest.mark.parametrize("kind", ["pubsub", "normal"])
def test_a_group_whose_connection_broke_is_found_in_the_database_and_the_next_is_answered(
    own_redis: OwnRedis, wire: LoopWire, ask: Ask, kind: str
) -> None:
    asked = ask(3, seconds=2.5)
    group = own_redis.take()
    assert own_redis.hang_up(kind) == 1
    wait_for(lambda: not wire.is_listening, seconds=2)
    assert own_redis.work(group) == 0, "nobody hears the reply"
    assert asked.value() == pytest.approx(6.0)
    assert 2.4 < asked.seconds < 3.5
    wait_for(lambda: wire.is_listening, seconds=2)
    answer_next(own_redis, 2, ask)


def test_a_reply_that_comes_after_the_reconnect_is_heard(
    own_redis: OwnRedis, wire: LoopWire, ask: Ask
) -> None:
    asked = ask(3)
    group = own_redis.take()
    own_redis.hang_up("normal")
    back(own_redis, wire)
    assert own_redis.work(group) == 1
    assert asked.value() == pytest.approx(6.0)
    assert asked.seconds < 2.5, "not at the deadline only"


@pytest.mark.parametrize("end", ["stop", "crash"])
def test_groups_under_way_while_redis_is_restarted_end_in_time_and_the_next_is_answered(
    own_redis: OwnRedis, wire: LoopWire, ask: Ask, end: str
) -> None:
    under_way = ask(3, seconds=2.0)
    own_redis.take()
    waiting = ask(4, seconds=2.0)
    getattr(own_redis, end)()
    wait_for(lambda: not wire.is_listening, seconds=2)
    early = ask(5, seconds=2.0)
    own_redis.start()
    wait_for(lambda: wire.is_listening, seconds=5)
    assert under_way.refusal() == "deadline_passed"
    assert waiting.refusal() in {"deadline_passed", "queue_unavailable"}
    assert early.refusal() in {"deadline_passed", "queue_unavailable"}
    assert early.seconds < 4
    own_redis.client.delete(*QUEUES)
    answer_next(own_redis, 2, ask)
    assert Prediction.objects.count() == 1


def test_a_redis_that_hangs_holds_up_nobody_but_those_who_need_it(
    own_redis: OwnRedis, wire: LoopWire, beside: Beside, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_wire, "HEARTBEAT_SECONDS", 0.4)
    own_redis.hang_up("normal")
    back(own_redis, wire)
    slowest = 0.0

    async def be_punctual() -> None:
        nonlocal slowest
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.01)
            slowest = max(slowest, time.monotonic() - begun - 0.01)

    punctual = asyncio.run_coroutine_threadsafe(be_punctual(), beside.loop)
    with own_redis.halted():
        asked = [ask(value, seconds=1.0) for value in range(20)]
        assert {one.refusal() for one in asked} <= {"deadline_passed", "queue_unavailable"}
        assert asked[0].seconds < 6
        wait_for(lambda: not wire.is_listening, seconds=3)
        # What is asked now meets a server that takes connections and says nothing.
        assert ask(1, seconds=1.0).refusal() == "queue_unavailable"
    punctual.cancel()
    # Whoever waits for Redis itself does so for two seconds; a busy machine holds everybody up for less.
    assert slowest < 1.5, "the loop stood still"
    wait_for(lambda: wire.is_listening, seconds=8)
    own_redis.client.delete(*QUEUES)
    answer_next(own_redis, 2, ask)
    assert Prediction.objects.count() == 1


def test_what_could_not_be_sent_to_a_redis_that_hangs_is_refused_when_that_is_known(
    own_redis: OwnRedis, wire: LoopWire, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_wire, "HEARTBEAT_SECONDS", 0.4)
    own_redis.hang_up("normal")
    back(own_redis, wire)
    other = factories.target(factories.version())
    with own_redis.halted():
        large = ask(1, rows=40_000, seconds=4.0)
        wait_for(lambda: wire._unconfirmed)
        behind = ask(2, of=other, seconds=10.0)
        assert behind.refusal() == "queue_unavailable"
        assert behind.seconds < 4
        assert not wire._letters
    assert large.refusal() == "deadline_passed"


def test_a_redis_that_takes_no_writes_is_noticed_too(
    own_redis: OwnRedis, wire: LoopWire, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_wire, "HEARTBEAT_SECONDS", 0.3)
    own_redis.hang_up("normal")
    back(own_redis, wire)
    own_redis.client.execute_command("CLIENT", "PAUSE", 1000, "WRITE")
    asked = ask(3, seconds=1.5)
    back(own_redis, wire)
    assert asked.refusal() == "deadline_passed"
    own_redis.client.delete(*QUEUES)
    answer_next(own_redis, 2, ask)


def of_another_type(own_redis: OwnRedis) -> Callable[[], Any]:
    own_redis.client.mset(dict.fromkeys(QUEUES, "not a list"))
    return lambda: own_redis.client.delete(*QUEUES)


def full(own_redis: OwnRedis) -> Callable[[], Any]:
    own_redis.client.config_set("maxmemory", 1)
    return lambda: own_redis.client.config_set("maxmemory", 0)


@pytest.mark.parametrize("spoil", [of_another_type, full])
def test_what_redis_refuses_reaches_the_callers_at_once_and_the_next_are_answered_after_its_repair(
    own_redis: OwnRedis, wire: LoopWire, ask: Ask, spoil: Callable[[OwnRedis], Callable[[], Any]]
) -> None:
    repair = spoil(own_redis)
    try:
        asked = [ask(value) for value in range(30)]
        assert {one.refusal() for one in asked} == {"queue_unavailable"}
        assert asked[0].seconds < 1.5
        assert wire.is_listening, "the connection itself is well"
    finally:
        repair()
    answer_next(own_redis, 2, ask)
    assert not wire._unconfirmed
    assert process.current()._under_way == {}


async def speaking(loading: bool, port: list[int]) -> None:
    """A server that answers nothing to SUBSCRIBE; or, while ``loading``, everything but what is put in a queue."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The test's end cancels it, which this kind of task would report.
        with closing(writer), suppress(asyncio.CancelledError):
            while said := await reader.read(2**16):
                if b"LPUSH" in said:
                    writer.write(b"-LOADING Redis is loading the dataset in memory\r\n")
                elif loading or b"SUBSCRIBE" not in said:
                    writer.write(b"+OK\r\n" * max(1, said.count(b"SETINFO")))

    made = await asyncio.start_server(talk, "127.0.0.1", 0)
    port.append(made.sockets[0].getsockname()[1])
    await made.serve_forever()


@pytest.mark.parametrize("loading", [False, True])
def test_a_redis_that_is_not_ready_yet_is_none(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, settings: Settings, ask: Ask, loading: bool
) -> None:
    """Without a subscription replies would be lost; what is not taken while it loads nobody need wait for."""
    port: list[int] = []
    asyncio.run_coroutine_threadsafe(speaking(loading, port), beside.loop)
    settings.REDIS_URL = f"redis://127.0.0.1:{wait_for(lambda: port)[0]}/0"
    monkeypatch.setattr(loop_wire, "HEARTBEAT_SECONDS", 0.2)
    monkeypatch.setattr(process, "SUBSCRIBE_SECONDS", 0.6)
    wire = adopted(beside, monkeypatch)
    asked = ask(1)
    assert asked.refusal() == "queue_unavailable"
    assert asked.seconds < 1.5
    assert wire.is_listening == loading


def test_many_who_give_up_at_once_look_once_for_what_they_left_in_the_queue(
    own_redis: OwnRedis, wire: LoopWire, beside: Beside, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    looks = []

    def look() -> None:
        looks.append(time.monotonic())
        time.sleep(0.3)

    monkeypatch.setattr(loop_wire, "forget_expired", look)
    # One version each, or they would leave as one group.
    targets = [factories.target(factories.version()) for _ in range(8)]
    asked = [ask(1, seconds=0.5, of=one) for one in targets]
    assert {one.refusal() for one in asked} == {"deadline_passed"}
    assert len(looks) == 1


def test_a_caller_goes_on_at_the_deadline_whatever_fails_on_the_way_out(
    own_redis: OwnRedis, wire: LoopWire, beside: Beside, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    def fail() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(wire, "forget_expired", fail)
    assert ask(1, seconds=0.5).refusal() == "deadline_passed"
    assert isinstance(beside.lost.pop()["exception"], RuntimeError)
    assert not beside.lost


def test_threads_of_the_process_go_the_same_way(
    own_redis: OwnRedis, wire: LoopWire, target: Target, ask: Ask, beside: Beside
) -> None:
    rows = target.validator.check_payload([[5]], max_rows=1)

    def on_thread() -> list[GivenAnswer]:
        return gateway.answer(target=target, rows=rows, actor=Actor(), face="api", seconds=5)

    asked = Asked(beside, asyncio.to_thread(on_thread))
    assert own_redis.work(own_redis.take()) == 1
    assert asked.value() == pytest.approx(10.0)
    own_redis.client.set("interactive-cold", "x")
    own_redis.client.set("interactive", "x")
    with pytest.raises(TryLater) as refused:
        on_thread()
    assert refused.value.code == "queue_unavailable"
