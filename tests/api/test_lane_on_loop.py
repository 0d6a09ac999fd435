"""The application that the web server runs, on an event loop: coroutines get what everybody else gets."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import django.db
import pytest
from django.utils import translation
from django.utils.translation import gettext
from pytest_django.fixtures import Settings

from deploy_site import asgi
from predictions import timings
from predictions.api import lane, throttles
from predictions.errors import InvalidRequest, TooManyRequests
from predictions.gateway import process
from predictions.models import ApiKey, Prediction
from predictions.selectors import api_keys as known_keys
from predictions.selectors import refreshing, targets
from predictions.services import api_keys, deployments
from predictions.timings.sums import Counted, Laps
from tests import factories
from tests.api.conftest import People, Shelf
from tests.support.asgi import Exchange, Reply, all_of, close_connections_of, predict_call

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("ways")]

LARGE = [["no" * lane.MOST_ON_THE_LOOP]]
ORDINARY_WAY = "application/json, */*"
SAID = (
    "content-type",
    "content-length",
    "cache-control",
    "www-authenticate",
    "x-content-type-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "strict-transport-security",
)
application = asgi.application


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Which ways calls took, in order; queries on the loop are refused as they are outside of tests."""
    monkeypatch.delenv("DJANGO_ALLOW_ASYNC_UNSAFE", raising=False)
    monkeypatch.setattr(lane, "close_old_connections", django.db.close_old_connections)
    known_keys.forget()
    taken: list[str] = []
    on_loop, on_thread = lane.answered_on_loop, lane.answered

    async def noted_on_loop(call: lane.Call) -> lane.Reply:
        reply = await on_loop(call)
        taken.append("loop")
        return reply

    def noted_on_thread(call: lane.Call) -> lane.Reply:
        taken.append("thread")
        return on_thread(call)

    monkeypatch.setattr(lane, "answered_on_loop", noted_on_loop)
    monkeypatch.setattr(lane, "answered", noted_on_thread)
    yield taken
    # Of loops that are over.
    monkeypatch.setattr(process, "_current", None)
    monkeypatch.setattr(refreshing, "_submit", None)
    monkeypatch.undo()
    process._current = None
    close_connections_of(asgi._on_threads.executor)
    close_connections_of(asgi.application._lookers)


def run(main: Callable[[], Awaitable[Any]]) -> Any:
    """What comes of it, on a loop of its own."""

    async def bounded() -> Any:
        async with asyncio.timeout(30):
            return await main()

    return asyncio.run(bounded())


def key_of(people: People, name: str = "key") -> str:
    """The text of a key."""
    return str(getattr(people, name).headers["Authorization"].removeprefix("Bearer "))


def said(reply: Reply) -> tuple[Any, ...]:
    """A reply without what is another's each time."""
    assert reply.is_complete
    text = re.sub(r'"id":"[^"]*"', '"id":""', reply.body.decode())
    return reply.status, text, {name: reply.headers.get(name) for name in SAID}


async def warm(slug: str, inputs: Any, key: str) -> None:
    """Have the key and the ml_model known, so that what follows needs no query."""
    for _ in range(2):
        reply = await predict_call(slug, inputs, key).through(application)
        assert reply.status == 200, reply.body


@pytest.mark.usefixtures("worker")
def test_answers_are_the_same_on_the_loop_and_the_ordinary_way(people: People, ways: list[str]) -> None:
    slug = factories.version().ml_model.slug
    bodies: list[Any] = [
        [[1.5]],
        [{"x": 2}, {"x": 3}],
        {"x": 100},
        b'{"inputs": [{"x": NaN}]}',
        b'{"inputs": ',
        b"\xff",
        b"[" * 10_000,
        b'{"inputs": [], "inputs": []}',
        [["text"]],
        [],
    ]

    async def main() -> list[tuple[Reply, Reply]]:
        await warm(slug, [[1]], key_of(people))
        ways.clear()
        return [
            (
                await predict_call(slug, body, key_of(people)).through(application),
                await predict_call(slug, body, key_of(people), accept=ORDINARY_WAY).through(application),
            )
            for body in bodies
        ]

    for lean, ordinary in run(main):
        assert said(lean) == said(ordinary)
    assert ways == ["loop"] * len(bodies)


def test_refusals_are_the_same_on_the_loop_and_the_ordinary_way(people: People, shelf: Shelf) -> None:
    cases = [
        ("nothing", key_of(people)),
        ("secret", key_of(people)),
        ("idle", key_of(people)),
        ("sum", "md_unknown_key"),
        ("sum", "nonsense"),
    ]

    async def main() -> list[tuple[Reply, Reply]]:
        return [
            (
                await predict_call(slug, [[1, 2, 3]], key).through(application),
                await predict_call(slug, [[1, 2, 3]], key, accept=ORDINARY_WAY).through(application),
            )
            for slug, key in cases
        ]

    both = run(main)
    for lean, ordinary in both:
        assert said(lean) == said(ordinary)
    assert [lean.status for lean, _ in both] == [404, 404, 503, 401, 401]


def test_a_private_ml_model_that_is_known_is_hidden_on_the_loop(
    people: People, shelf: Shelf, ways: list[str]
) -> None:
    async def main() -> Reply:
        # Its owner is refused too, for the values, but makes it known.
        for name in ("staff_key", "staff_key", "key"):
            await predict_call("secret", [["no"]], key_of(people, name)).through(application)
        ways.clear()
        return await predict_call("secret", [[1, 2, 3]], key_of(people)).through(application)

    assert run(main).status == 404
    assert ways == ["loop"]


def test_a_body_that_is_too_big_is_refused_with_nothing_read(
    people: People, shelf: Shelf, settings: Settings
) -> None:
    settings.MAX_REQUEST_BYTES = 30
    reply = run(lambda: predict_call("sum", [[1, 2, 3]] * 9, key_of(people)).through(application))
    assert reply.status == 413
    assert reply.json()["code"] == "too_large"


def test_a_body_of_unknown_length_is_refused(people: People, shelf: Shelf) -> None:
    headers = {"authorization": f"Bearer {key_of(people)}", "content-type": "application/json"}
    call = {**headers, "transfer-encoding": "chunked"}
    reply = run(
        lambda: Exchange("POST", "/api/v1/models/sum/predict", b'{"inputs"', b": []}", headers=call).through(
            application
        )
    )
    assert (reply.status, reply.json()["code"]) == (411, "length_required")


def test_a_caller_who_leaves_before_the_body_is_complete_gets_and_stores_nothing(
    people: People, shelf: Shelf
) -> None:
    headers = {
        "authorization": f"Bearer {key_of(people)}",
        "content-type": "application/json",
        "content-length": "40",
    }
    call = b'{"inputs": [[1, 2, 3]]}'
    reply = run(
        lambda: Exchange("POST", "/api/v1/models/sum/predict", call, headers=headers, leaves=True).through(
            application
        )
    )
    assert reply == Reply()
    assert not Prediction.objects.exists()


@pytest.mark.usefixtures("worker")
def test_the_first_call_has_the_database_asked_on_a_thread_but_waits_for_its_answer_on_the_loop(
    people: People, ways: list[str]
) -> None:
    slug = factories.version().ml_model.slug

    async def main() -> list[Reply]:
        return [await predict_call(slug, [[value]], key_of(people)).through(application) for value in (1, 2)]

    replies = run(main)
    assert [reply.json()["predictions"][0]["value"] for reply in replies] == [2, 4]
    assert ways == ["loop", "loop"]


@pytest.mark.usefixtures("worker")
def test_an_answer_on_the_loop_is_a_stored_row_of_the_right_key(people: People, ways: list[str]) -> None:
    version = factories.version()
    slug = version.ml_model.slug

    async def main() -> list[Reply]:
        for name in ("key", "user_key"):
            await warm(slug, [[0]], key_of(people, name))
        ways.clear()
        calls = [predict_call(slug, [[7]], key_of(people, name)) for name in ("key", "user_key")]
        return await all_of(application, calls)

    mine, users = (Prediction.objects.get(pk=one.json()["predictions"][0]["id"]) for one in run(main))
    assert ways == ["loop", "loop"]
    assert (mine.inputs, mine.version, mine.face) == ([7], version, "api")
    assert (mine.api_key_id, mine.user_id) == (people.keys["key"].pk, None)
    assert (users.api_key_id, users.user_id) == (people.keys["user_key"].pk, people.accounts["user"].pk)


@pytest.mark.usefixtures("worker")
def test_many_rows_take_a_thread_and_are_answered_alike(people: People, ways: list[str]) -> None:
    slug = factories.version().ml_model.slug
    values = [float(place) for place in range(4000)]
    rows = [{"x": value} for value in values]

    async def main() -> Reply:
        await warm(slug, [[1]], key_of(people))
        ways.clear()
        return await predict_call(slug, rows, key_of(people)).through(application)

    reply = run(main)
    assert [one["value"] for one in reply.json()["predictions"]] == [2 * value for value in values]
    assert ways == ["thread"]


@pytest.mark.usefixtures("worker")
def test_callers_at_once_each_get_their_own(people: People, ways: list[str]) -> None:
    versions = [factories.version() for _ in range(3)]
    slugs = [version.ml_model.slug for version in versions]
    names = ["key", "other_key", "user_key"]

    async def main() -> list[Reply]:
        for slug in slugs:
            for name in names:
                await warm(slug, [[0]], key_of(people, name))
        ways.clear()
        calls = [
            predict_call(slugs[n % 3], [[n], [n + 0.5]], key_of(people, names[n // 3 % 3]))
            for n in range(300)
        ]
        return await all_of(application, calls)

    replies = run(main)
    for number, reply in enumerate(replies):
        body = reply.json()
        assert body["model"] == slugs[number % 3]
        assert [one["value"] for one in body["predictions"]] == [2 * number, 2 * number + 1]
    ids = [one["id"] for reply in replies for one in reply.json()["predictions"]]
    rows = {str(row.pk): row for row in Prediction.objects.filter(pk__in=ids)}
    assert len(rows) == len(set(ids)) == 600
    for place, row_id in enumerate(ids):
        number = place // 2
        assert rows[row_id].inputs == [number + place % 2 * 0.5]
        assert rows[row_id].api_key_id == people.keys[names[number // 3 % 3]].pk
    assert ways.count("loop") > 250


def test_a_revoked_key_is_refused_within_two_seconds_and_then_for_good(people: People, shelf: Shelf) -> None:
    async def main() -> list[tuple[float, int]]:
        call = lambda: predict_call("sum", [["no"]], key_of(people)).through(application)  # noqa: E731
        for _ in range(2):
            assert (await call()).status == 422
        # As another process does it: what this one holds stays.
        await asyncio.to_thread(revoke_elsewhere, people.keys["key"])
        began = time.monotonic()
        seen = []
        while (past := time.monotonic() - began) < 2.6:
            seen.append((past, (await call()).status))
            await asyncio.sleep(0.02)
        return seen

    seen = run(main)
    codes = [code for _, code in seen]
    refused = codes.index(401)
    assert set(codes[:refused]) == {422}
    assert set(codes[refused:]) == {401}
    assert seen[refused][0] < 2.1


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
            except django.core.exceptions.SynchronousOnlyOperation:
                return time.monotonic() - began
            await asyncio.sleep(0.01)
        return 1.0

    monkeypatch.setattr(refreshing, "_submit", asked.append)
    known_keys.find(text)
    assert run(main) < 0.4
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

    async def main() -> tuple[list[int], float]:
        await warm(slug, [[1]], key_of(people))
        await asyncio.to_thread(go_live_elsewhere, second)
        began = time.monotonic()
        numbers: list[int] = []
        while time.monotonic() - began < 2.6 and (not numbers or numbers[-1] == 1):
            numbers.append(
                (await predict_call(slug, [[1]], key_of(people)).through(application)).json()["version"]
            )
            await asyncio.sleep(0.05)
        return numbers, time.monotonic() - began

    numbers, seconds = run(main)
    assert numbers[-1] == 2
    assert seconds < 2.3


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


def test_when_the_threads_are_taken_a_call_that_needs_one_hears_it_at_once(
    people: People, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    lean = lane.LeanLane(asgi._on_threads, asgi._on_threads.executor, 3)
    slow = lane.answered

    def slowly(call: lane.Call) -> lane.Reply:
        time.sleep(0.4)
        return slow(call)

    monkeypatch.setattr(lane, "answered", slowly)

    async def main() -> tuple[list[Reply], float]:
        calls = [predict_call("sum", LARGE, key_of(people)) for _ in range(8)]
        running = [asyncio.create_task(call.through(lean)) for call in calls]
        began = time.monotonic()
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0)
        return await asyncio.gather(*running), time.monotonic() - began

    replies, seconds = run(main)
    assert [reply.status for reply in replies] == [422] * 3 + [503] * 5
    assert replies[-1].json()["code"] == "unavailable"
    assert int(replies[-1].headers["retry-after"]) > 0
    assert seconds < 3
    # Their places are free again.
    assert run(lambda: predict_call("sum", [["no"]], key_of(people)).through(lean)).status == 422


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
        assert inside > outside - 0.1


def test_callers_who_meet_nothing_known_are_all_answered_though_few_threads_look_it_up(
    people: People, shelf: Shelf
) -> None:
    lean = lane.LeanLane(asgi._on_threads, asgi._on_threads.executor, 3)

    async def main() -> list[Reply]:
        return await all_of(lean, [predict_call("sum", [["no"]], key_of(people)) for _ in range(50)])

    replies = run(main)
    close_connections_of(lean._lookers)
    assert {reply.status for reply in replies} == {422}


def test_a_refused_caller_hears_it_again_without_a_look_and_a_moment_later_is_let_in(
    people: People, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, ways: list[str]
) -> None:
    counted: list[tuple[str, ...]] = []
    monkeypatch.setattr("predictions.api.lane.timings.count", lambda *labels: counted.append(labels))

    async def full(**_asked: Any) -> list[Any]:
        raise TooManyRequests("Too many.", code="queue_full", retry_after=7)

    monkeypatch.setattr("predictions.gateway.answer_on_loop", full)

    async def main() -> tuple[list[Reply], Reply, Reply]:
        call = lambda name="key", cell=1: predict_call("sum", [[cell, 2, 3]], key_of(people, name))  # noqa: E731
        refused = [await call().through(application) for _ in range(4)]
        other = await call("user_key").through(application)
        await asyncio.sleep(0.15)
        return refused, other, await call(cell="no").through(application)

    refused, other, later = run(main)
    assert [reply.status for reply in refused] == [429] * 4
    assert {reply.headers["retry-after"] for reply in refused} == {"7"}
    assert len({reply.body for reply in refused}) == 1
    assert counted == [("requests", "sum", "api", "queue_full")] * 3
    assert other.status == 429
    assert later.status == 422
    assert ways == ["loop"] * 3
