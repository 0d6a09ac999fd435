"""Held targets and keys under coroutines: one looks again, on a thread, while the others go on with what is held."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.db import OperationalError

from predictions.errors import NotFound
from predictions.models import ApiKey, MLModel
from predictions.selectors import api_keys as known_keys
from predictions.selectors import refreshing, targets
from predictions.selectors.api_keys import find
from predictions.selectors.targets import FRESH_SECONDS, live_target
from predictions.services import api_keys
from predictions.values import Actor
from tests import factories

pytestmark = pytest.mark.django_db

STALE, OVER = FRESH_SECONDS * 1.1, FRESH_SECONDS * 2.1


class Hours:
    """A clock the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    monotonic = __call__


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hours]:
    made = Hours()
    monkeypatch.setattr(targets, "shelf", targets._Shelf(made))
    monkeypatch.setattr(known_keys, "time", made)
    known_keys.forget()
    yield made
    known_keys.forget()


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[refreshing.Work]:
    """What was handed over to be done on another thread; the test does it when it likes."""
    works: list[refreshing.Work] = []
    monkeypatch.setattr(refreshing, "_submit", works.append)
    return works


class Kind:
    """What is held: how to get at it, how to break its looking up, and what a thread then hears."""

    def __init__(self, get: Callable[[], Any], change: Callable[[], Any], room: Any, name: str) -> None:
        self.get = get
        self.change = change
        self.room = room
        self.name = name


@pytest.fixture(params=["target", "key"])
def kind(request: pytest.FixtureRequest, clock: Hours) -> Kind:
    if request.param == "target":
        slug = factories.version().ml_model.slug
        return Kind(
            lambda: live_target(Actor(), slug).name,
            lambda: MLModel.objects.filter(slug=slug).update(name="New"),
            targets,
            "_load",
        )
    row, text = api_keys.create(name="Old")

    def name() -> str | None:
        found = find(text)
        return None if found is None else found.name

    return Kind(name, lambda: ApiKey.objects.filter(pk=row.pk).update(name="New"), known_keys, "_find")


async def many(get: Callable[[], Any], count: int = 200) -> set[Any]:
    """What so many coroutines get."""

    async def one() -> Any:
        await asyncio.sleep(0)
        return get()

    return set(await asyncio.gather(*(one() for _ in range(count))))


@pytest.fixture
def lookups(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """One for each time that it is looked up."""
    seen: list[str] = []
    look = getattr(kind.room, kind.name)

    def noted(wanted: str) -> Any:
        seen.append(wanted)
        return look(wanted)

    monkeypatch.setattr(kind.room, kind.name, noted)
    return seen


def test_of_many_coroutines_one_has_it_looked_up_again_and_all_go_on(
    clock: Hours, kind: Kind, handed: list[refreshing.Work], lookups: list[str]
) -> None:
    before = kind.get()
    kind.change()
    for _ in range(3):
        looked = len(lookups)
        clock.now += STALE
        assert len(asyncio.run(many(kind.get))) == 1
        assert len(lookups) == looked, "none of them looks by itself"
        (work,) = handed
        handed.clear()
        work()
        assert len(lookups) == looked + 1
        assert asyncio.run(many(kind.get)) == {"New"}
        assert not handed
    assert before != "New"


def test_while_it_is_fresh_nobody_looks(
    clock: Hours, kind: Kind, handed: list[refreshing.Work], lookups: list[str]
) -> None:
    before = kind.get()
    clock.now += FRESH_SECONDS * 0.9
    assert asyncio.run(many(kind.get)) == {before}
    assert not handed
    assert len(lookups) == 1


@pytest.mark.parametrize("is_done", [True, False])
def test_what_could_not_be_looked_up_again_is_good_until_twice_its_time_and_then_the_caller_hears(
    clock: Hours,
    kind: Kind,
    handed: list[refreshing.Work],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    is_done: bool,
) -> None:
    """Whether looking failed or nobody got to it yet."""
    before = kind.get()

    def fail(wanted: str) -> Any:
        raise OperationalError(f"the server is away: {wanted}")

    monkeypatch.setattr(kind.room, kind.name, fail)
    begun = clock.now
    # Somebody asks all the time: what they get must not keep it alive.
    while clock.now < begun + 1.9 * FRESH_SECONDS:
        assert asyncio.run(many(kind.get, 5)) == {before}
        clock.now += 0.1 * FRESH_SECONDS
        if is_done:
            for work in handed:
                work()
    assert len(handed) == 1
    clock.now = begun + OVER
    with pytest.raises(OperationalError):
        asyncio.run(many(kind.get, 1))
    with pytest.raises(OperationalError):
        kind.get()
    assert "server is away" not in caplog.text


def test_what_was_taken_away_is_gone_after_twice_its_time(
    clock: Hours, handed: list[refreshing.Work]
) -> None:
    slug = factories.version().ml_model.slug
    live_target(Actor(), slug)
    MLModel.objects.filter(slug=slug).update(slug="another")
    clock.now += STALE
    assert asyncio.run(many(lambda: live_target(Actor(), slug).slug)) == {slug}
    handed.pop()()
    clock.now += FRESH_SECONDS
    with pytest.raises(NotFound):
        live_target(Actor(), slug)


def test_a_revoked_key_is_refused_as_soon_as_somebody_looked(
    clock: Hours, handed: list[refreshing.Work]
) -> None:
    row, text = api_keys.create(name="partner")
    find(text)
    row.revoked_at = row.created_at
    row.save()
    clock.now += STALE
    assert asyncio.run(many(lambda: find(text) is not None)) == {True}
    handed.pop()()
    assert find(text) is None


def test_a_thread_looks_by_itself_and_hands_nothing_over(
    clock: Hours, kind: Kind, handed: list[refreshing.Work], lookups: list[str]
) -> None:
    kind.get()
    kind.change()
    clock.now += STALE
    assert kind.get() == "New"
    assert len(lookups) == 2
    assert not handed


def test_where_nobody_may_query_a_coroutine_hears_so(
    clock: Hours, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind.get()
    monkeypatch.setattr(refreshing, "_submit", None)
    clock.now += STALE
    with pytest.raises(SynchronousOnlyOperation):
        asyncio.run(many(kind.get, 1))
