"""The application that the web server runs, on an event loop: coroutines get what everybody else gets."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from deploy_site import asgi
from predictions.api import lane
from predictions.errors import TooManyRequests
from predictions.models import Prediction
from tests import factories
from tests.api.conftest import People, Shelf, key_of
from tests.support.asgi import Exchange, Reply, all_of, close_connections_of, predict_call
from tests.support.web_application import application, run, warm

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


def said(reply: Reply) -> tuple[Any, ...]:
    """A reply without what is another's each time."""
    assert reply.is_complete
    text = re.sub(r'"id":"[^"]*"', '"id":""', reply.body.decode())
    return reply.status, text, {name: reply.headers.get(name) for name in SAID}


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
