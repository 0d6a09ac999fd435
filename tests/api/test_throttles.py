"""Counting requests."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from django.core.cache import cache
from django.core.cache.backends.redis import RedisCache
from django.core.exceptions import SynchronousOnlyOperation
from pytest_django.fixtures import Settings
from redis.exceptions import ConnectionError as RedisConnectionError

from predictions.api import throttles
from predictions.api.throttles import Counter, network_of, parse_rate
from tests.api.conftest import People


class Clock:
    """A clock to turn by hand."""

    def __init__(self) -> None:
        self.now = 6000.0

    def __call__(self) -> float:
        return self.now


class Broken:
    """A store that counts how often it was asked in vain."""

    def __init__(self) -> None:
        self.asked = 0

    def incr(self, _name: str, _by: int) -> int:
        self.asked += 1
        raise RedisConnectionError

    add = incr


class Slow:
    """A store that takes a moment."""

    def __init__(self) -> None:
        self.taken = 0

    def incr(self, _name: str, by: int) -> int:
        time.sleep(0.05)
        self.taken += by
        return self.taken


def test_the_limit_is_exact_for_small_rates() -> None:
    counter = Counter(clock=Clock())
    assert [counter.take("a", 3, 60) is None for _ in range(5)] == [True, True, True, False, False]
    assert counter.take("b", 3, 60) is None


def test_the_wait_is_the_rest_of_the_window() -> None:
    clock = Clock()
    counter = Counter(clock=clock)
    clock.now += 20
    counter.take("a", 1, 60)
    assert counter.take("a", 1, 60) == 40
    clock.now += 40
    assert counter.take("a", 1, 60) is None


def test_processes_count_together() -> None:
    clock = Clock()
    one, other = Counter(clock=clock), Counter(clock=clock)
    allowed = sum(counter.take("a", 1000, 60) is None for _ in range(700) for counter in (one, other))
    assert allowed == 1000


def test_a_busy_caller_costs_few_trips(monkeypatch: pytest.MonkeyPatch) -> None:
    trips = 0
    incr = RedisCache.incr

    def counted(self: RedisCache, key: str, delta: int = 1, version: int | None = None) -> int:
        nonlocal trips
        trips += 1
        return incr(self, key, delta, version)

    monkeypatch.setattr(RedisCache, "incr", counted)
    counter = Counter(clock=Clock())
    assert all(counter.take("a", 100_000, 60) is None for _ in range(2000))
    assert trips <= 6


def test_without_redis_each_process_counts_alone_and_asks_seldom() -> None:
    clock, store = Clock(), Broken()
    counter = Counter(store=store, clock=clock)
    assert [counter.take("a", 2, 60) is None for _ in range(4)] == [True, True, False, False]
    assert store.asked == 1
    clock.now += throttles.RETRY_REDIS_SECONDS
    counter.take("a", 2, 60)
    assert store.asked == 2


@pytest.mark.django_db
def test_a_site_whose_redis_is_away_still_answers(
    people: People, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttles, "counter", Counter(store=Broken()))
    assert people.anonymous.get("models").status_code == 200


def test_a_counter_ends_with_its_window() -> None:
    Counter(clock=Clock()).take("a", 5, 60)
    (name,) = cache._cache.get_client(None).keys("*throttle*")  # type: ignore[attr-defined]
    assert 0 < cache._cache.get_client(None).ttl(name) <= 65  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:5123", "192.0.2.7"),
    ],
)
def test_one_household_is_one_caller(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("text", "rate"), [("120/min", (120, 60)), ("5/s", (5, 1)), ("7/hour", (7, 3600)), ("9/day", (9, 86400))]
)
def test_rates_read_as_written(text: str, rate: tuple[int, int]) -> None:
    assert parse_rate(text) == rate


@pytest.mark.django_db
def test_a_forged_header_does_not_make_a_new_caller(people: People, settings: Settings) -> None:
    rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "anonymous": "1/min"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    assert people.anonymous.get("models", X_Forwarded_For="192.0.2.1").status_code == 200
    assert (
        people.anonymous.client.get("/api/v1/models", headers={"X-Forwarded-For": "192.0.2.2"}).status_code
        == 429
    )


def test_callers_who_come_at_once_take_one_block_together() -> None:
    store = Slow()
    counter = Counter(store=store, clock=Clock())
    threads = [threading.Thread(target=counter.take, args=("many", 100_000, 60)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.taken == 500


def test_a_coroutine_is_sent_to_a_thread_before_redis_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_ALLOW_ASYNC_UNSAFE", raising=False)
    counter = Counter(clock=Clock())

    async def take() -> None:
        counter.take("loop", 1_000, 60)

    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(take())
    assert counter.take("loop", 1_000, 60) is None
    asyncio.run(take())
