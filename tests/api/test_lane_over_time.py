"""The web server's application over time: what it holds goes out of date, what it counts adds up, nothing leaks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import django.db
import pytest
from django.core.exceptions import SynchronousOnlyOperation
from django.utils import translation
from django.utils.translation import gettext
from pytest_django.fixtures import Settings

from predictions import timings
from predictions.api import lane, throttles
from predictions.errors import InvalidRequest
from predictions.models import ApiKey
from predictions.selectors import api_keys as known_keys
from predictions.selectors import refreshing, targets
from predictions.services import api_keys, deployments
from predictions.timings.sums import Counted, Laps
from tests import factories
from tests.api.conftest import People, Shelf, key_of
from tests.support.asgi import Exchange, Reply, all_of, predict_call
from tests.support.web_application import application, run, warm

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ways")]


def test_a_revoked_key_is_refused_within_two_seconds_and_then_for_good(people: People, shelf: Shelf) -> None:
    async def main() -> list[tuple[float, int]]:
        call = lambda: predict_call("sum", [["no"]], key_of(people)).through(application)  # noqa: E731
        for _ in range(2):
            assert (await call()).status == 422
        # As another process does it: what this one holds stays.
        await asyncio.to_thread(revoke_elsewhere, people.keys["key"])
        began = time.monotonic()
        seen: list[tuple[float, int]] = []
        while not seen or seen[-1][0] < 2.3:
            past = time.monotonic() - began
            seen.append((past, (await call()).status))
            await asyncio.sleep(0.02)
        return seen

    seen = run(main)
    codes = [code for _, code in seen]
    refused = codes.index(401)
    assert set(codes[:refused]) == {422}
    assert set(codes[refused:]) == {401}
    assert {code for past, code in seen if past >= 2} == {401}


def revoke_elsewhere(key: ApiKey) -> None:
    """What the database says then."""
    ApiKey.objects.filter(pk=key.pk).update(revoked_at="2026-01-01T00:00Z")
    django.db.connections.close_all()


def test_what_nobody_gets_to_look_up_anew_is_not_good_for_ever(
    people: People, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_keys, "FRESH_SECONDS", 0.1)
    monkeypatch.setattr(targets, "FRESH_SECONDS", 0.1)
    text = key_of(people)
    asked: list[refreshing.Work] = []

    async def main() -> float:
        known_keys.find(text)
        began = time.monotonic()
        while time.monotonic() - began < 1:
            try:
                known_keys.find(text)
                targets.shelf.get("sum")
            except SynchronousOnlyOperation:
                return time.monotonic() - began
            await asyncio.sleep(0.01)
        return 1.0

    monkeypatch.setattr(refreshing, "_submit", asked.append)
    known_keys.find(text)
    assert run(main) < 1
    assert len(asked) == 1, "one is enough"


def test_the_time_of_use_is_written(people: People, shelf: Shelf) -> None:
    run(lambda: predict_call("sum", [["no"]], key_of(people)).through(application))
    people.keys["key"].refresh_from_db()
    assert people.keys["key"].last_used_at is not None
    assert abs(people.keys["key"].last_used_at.timestamp() - time.time()) < 10


def test_the_time_of_use_is_written_where_the_key_was_known_already(people: People, shelf: Shelf) -> None:
    known_keys.find(key_of(people))
    run(lambda: predict_call("sum", [["no"]], key_of(people)).through(application))
    people.keys["key"].refresh_from_db()
    assert people.keys["key"].last_used_at is not None


@pytest.mark.usefixtures("worker")
def test_a_changed_live_version_is_used_within_two_seconds(people: People, ways: list[str]) -> None:
    first = factories.version(owner=people.accounts["staff"])
    second = factories.version(ml_model=first.ml_model, live=False)
    slug = first.ml_model.slug

    async def main() -> list[tuple[float, int]]:
        await warm(slug, [[1]], key_of(people))
        await asyncio.to_thread(go_live_elsewhere, second)
        began = time.monotonic()
        seen: list[tuple[float, int]] = []
        while not seen or (seen[-1][1] == 1 and seen[-1][0] < 10):
            past = time.monotonic() - began
            reply = await predict_call(slug, [[1]], key_of(people)).through(application)
            seen.append((past, reply.json()["version"]))
            await asyncio.sleep(0.05)
        return seen

    seen = run(main)
    assert {number for past, number in seen if past >= 2} <= {2}
    assert seen[-1][1] == 2


def go_live_elsewhere(version: Any) -> None:
    """As another process does it."""
    shelf, targets.shelf = targets.shelf, targets._Shelf()
    deployments.go_live(version=version, actor=factories.STAFF)
    targets.shelf = shelf
    django.db.connections.close_all()


def test_each_call_counts_once_even_when_it_goes_from_loop_to_thread(
    people: People, shelf: Shelf, settings: Settings, monkeypatch: pytest.MonkeyPatch, ways: list[str]
) -> None:
    counter = throttles.Counter(clock=lambda: 1_700_000_000.0)
    monkeypatch.setattr(throttles, "counter", counter)
    rates = {"key": "5/min", "user": "5/min", "anonymous": "5/min"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    monkeypatch.setattr(known_keys, "FRESH_SECONDS", 60.0)
    known_keys.find(key_of(people))
    found = known_keys.find(key_of(people))
    assert found is not None
    api_keys.note_use(key=found)

    async def main() -> list[Reply]:
        # Where nothing is live, each looks again, which is after it was counted.
        calls = [predict_call("idle", [[1, 2, 3]], key_of(people)) for _ in range(7)]
        return [await call.through(application) for call in calls]

    replies = run(main)
    assert [reply.status for reply in replies] == [503] * 5 + [429] * 2
    assert all(0 < int(reply.headers["retry-after"]) <= 60 for reply in replies[5:])


def test_a_block_of_permits_is_shared_by_loop_and_threads(
    people: People, shelf: Shelf, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {"key": "400/min", "user": "400/min", "anonymous": "400/min"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    counter = throttles.Counter(clock=lambda: 1_700_000_000.0)
    monkeypatch.setattr(throttles, "counter", counter)

    async def main() -> list[Reply]:
        slugs = ["sum", "idle"]
        calls = [predict_call(slugs[n % 2], [["no"]], key_of(people)) for n in range(410)]
        return await all_of(application, calls)

    codes = [reply.status for reply in run(main)]
    assert codes.count(429) == 10
    assert codes.count(422) + codes.count(503) == 400


def test_the_language_of_another_request_never_leaks(
    people: People, shelf: Shelf, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
    seen: list[str] = []
    whole = lane._asked

    def asked(call: lane.Call) -> Any:
        seen.append(translation.get_language())
        return whole(call)

    monkeypatch.setattr(lane, "_asked", asked)

    async def stranger() -> str:
        with translation.override("de"):
            await asyncio.sleep(0.01)
            return gettext("Yes")

    async def main() -> list[Any]:
        german = {"accept-language": "de"}
        calls: list[Awaitable[Any]] = []
        for number in range(40):
            calls.append(Exchange("GET", "/health/live", headers=german).through(application))
            calls.append(Exchange("GET", "/accounts/login/", headers=german).through(application))
            calls.append(stranger())
            slug = ("sum", "idle")[number % 2]
            calls.append(predict_call(slug, [["no"]], key_of(people)).through(application))
        return await asyncio.gather(*calls)

    done = run(main)
    assert set(seen) == {"en"}
    assert done[1].headers["content-language"] == "de"
    assert set(done[2::4]) == {"Ja"}


def test_the_times_of_coroutines_between_one_another_add_up(
    people: People, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[Any] = []
    monkeypatch.setattr("predictions.timings.recording.keeping.note", noted.append)

    async def slowly(**asked: Any) -> list[Any]:
        laps = timings.put_aside()
        await asyncio.sleep(asked["rows"][0].values[0] / 100)
        timings.take_up(laps)
        if asked["rows"][0].values[1] < 0:
            raise InvalidRequest("No.", code="no")
        return []

    monkeypatch.setattr("predictions.api.lane.gateway.answer_on_loop", slowly)
    monkeypatch.setattr("predictions.gateway.answer_on_loop", slowly)

    async def main() -> list[float]:
        for _ in range(2):
            await predict_call("sum", [["no"]], key_of(people)).through(application)
        noted.clear()

        async def one(number: int) -> float:
            began = time.monotonic()
            inputs = [[number % 10, -1 if number % 5 == 4 else 1, 3]]
            await predict_call("sum", inputs, key_of(people)).through(application)
            return time.monotonic() - began

        return await asyncio.gather(*(one(number) for number in range(50)))

    took = run(main)
    laps = [one for one in noted if isinstance(one, Laps)]
    refused = [one for one in noted if isinstance(one, Counted)]
    assert (len(laps), len(refused)) == (40, 10)
    assert {one.labels for one in refused} == {("sum", "api", "no")}
    for one in laps:
        assert (one.ml_model, one.face) == ("sum", "api")
        assert sum(one.stages) == pytest.approx(one.last - one.begun, abs=1e-6)
    answered = sorted(one.last - one.begun for one in laps)
    waited = sorted(seconds for number, seconds in enumerate(took) if number % 5 != 4)
    for inside, outside in zip(answered, waited, strict=True):
        assert inside <= outside + 0.001
        assert inside > outside - 0.5
