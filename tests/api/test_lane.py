"""The lean lane answers exactly as the ordinary way does."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import Any

import django.db
import pytest
from django.db import connection
from django.test.client import ClientHandler
from django.urls import reverse
from pytest_django.fixtures import Settings

from predictions.api import lane
from predictions.models import Prediction
from predictions.selectors import api_keys as known_keys
from predictions.selectors import targets
from predictions.services import api_keys
from tests.api.conftest import Api, LaneHandler, People, Shelf

pytestmark = pytest.mark.usefixtures("answering")

GOOD = b'{"inputs": [{"x1": 1, "x2": 2, "x3": 3}]}'
SAID = (
    "Content-Type",
    "Cache-Control",
    "Retry-After",
    "WWW-Authenticate",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Cross-Origin-Opener-Policy",
    "Strict-Transport-Security",
)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The slugs that went through the lane."""
    slugs: list[str] = []
    whole = lane._slug_of

    def noted(environ: lane.Environ) -> str | None:
        slug = whole(environ)
        if slug is not None:
            slugs.append(slug)
        return slug

    monkeypatch.setattr(lane, "_slug_of", noted)
    return slugs


def both(caller: Api, slug: str, body: bytes, **headers: str) -> list[Any]:
    """What the lane and the ordinary way say, with the ids of rows left out."""
    said = []
    for handler in (LaneHandler(enforce_csrf_checks=False), ClientHandler(enforce_csrf_checks=False)):
        fresh = Api()
        fresh.client.handler = handler
        fresh.headers = caller.headers
        response = fresh.post(f"models/{slug}/predict", body, **headers)
        text = re.sub(r'"id":"[^"]*"', '"id":""', response.content.decode())
        said.append((response.status_code, text, {name: response.get(name) for name in SAID}))
    return said


@pytest.mark.parametrize(
    ("slug", "body"),
    [
        ("sum", GOOD),
        ("sum", b'{"inputs": [[1, 2, 3], [4, 5, 6]]}'),
        ("loan", b'{"inputs": [{"age": 20, "purpose": "car"}]}'),
        ("sum", b'{"inputs": [{"x1": "one", "x2": null}]}'),
        ("sum", b'{"inputs": []}'),
        ("sum", b'{"inputs": [{"x1": NaN, "x2": 2, "x3": 3}]}'),
        ("sum", b'{"input": 1}'),
        ("sum", b'{"inputs": '),
        ("sum", b"[" * 10_000),
        ("sum", b"\xff\xfe"),
        ("sum", json.dumps({"inputs": [[1, 2, 3]] * 6000}).encode()),
        ("secret", GOOD),
        ("idle", GOOD),
        ("nothing", GOOD),
    ],
)
def test_the_same_request_gets_the_same_answer_on_both_ways(
    people: People, shelf: Shelf, seen: list[str], slug: str, body: bytes
) -> None:
    lean, ordinary = both(people.key, slug, body)
    assert lean == ordinary
    assert seen == [slug]


@pytest.mark.parametrize("key", ["md_unknown_key", "nonsense", "md_"])
def test_a_key_that_opens_nothing_is_refused_alike(
    people: People, shelf: Shelf, seen: list[str], key: str
) -> None:
    lean, ordinary = both(Api(key), "sum", GOOD)
    assert lean == ordinary
    assert lean[0] == 401
    assert lean[2]["WWW-Authenticate"]


def test_a_revoked_key_is_refused(people: People, shelf: Shelf) -> None:
    assert people.key.post("models/sum/predict", GOOD).status_code == 200
    api_keys.revoke(key=people.keys["key"])
    assert people.key.post("models/sum/predict", GOOD).status_code == 401


def test_the_rate_holds_in_the_lane(
    people: People, shelf: Shelf, settings: Settings, seen: list[str]
) -> None:
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": {"key": "3/min", "user": "3/min", "anonymous": "3/min"},
    }
    codes = [people.key.post("models/sum/predict", GOOD).status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]
    assert len(seen) == 5


def test_rows_are_the_keys_own(people: People, shelf: Shelf, seen: list[str]) -> None:
    people.key.post("models/sum/predict", GOOD)
    people.user_key.post("models/sum/predict", GOOD)
    mine, users = Prediction.objects.order_by("id")
    assert (mine.api_key_id, mine.user_id) == (people.keys["key"].pk, None)
    assert (users.api_key_id, users.user_id) == (people.keys["user_key"].pk, people.accounts["user"].pk)
    assert len(seen) == 2


@pytest.mark.parametrize(
    "headers",
    [{"Accept": "text/html"}, {"Content-Type": "application/vnd.x+json"}, {"Authorization": "Basic abc"}],
)
def test_what_is_not_ordinary_takes_the_ordinary_way(
    people: People, shelf: Shelf, seen: list[str], headers: dict[str, str]
) -> None:
    kind = headers.pop("Content-Type", "application/json")
    people.key.client.post(
        reverse("api:predict", args=["sum"]),
        GOOD,
        content_type=kind,
        headers={**people.key.headers, **headers},
    )
    assert seen == []


@pytest.mark.parametrize(
    "path",
    ["models/sum", "models/a/b/predict", "models//predict", "models/\U0001f600/predict", "predictions"],
)
def test_other_addresses_take_the_ordinary_way(
    people: People, shelf: Shelf, seen: list[str], path: str
) -> None:
    people.key.post(path, GOOD)
    assert seen == []


def test_a_known_key_and_a_known_ml_model_cost_no_query(
    people: People, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    people.key.post("models/sum/predict", GOOD)
    monkeypatch.setattr(lane, "encoded", lambda actor, slug, data: b"{}")
    known_keys.find(people.key.headers["Authorization"].removeprefix("Bearer "))
    with django_assert_num_queries(0):
        people.key.post("models/sum/predict", GOOD)


def test_a_body_that_is_too_big_takes_the_ordinary_way(
    people: People, shelf: Shelf, settings: Settings
) -> None:
    settings.MAX_REQUEST_BYTES = 30
    lean, ordinary = both(people.key, "sum", GOOD)
    assert lean == ordinary
    assert lean[0] == 413


def test_an_unencrypted_call_is_sent_to_the_encrypted_address(
    people: People, shelf: Shelf, settings: Settings
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    lean, ordinary = both(people.key, "sum", GOOD)
    assert lean == ordinary
    assert lean[0] == 301


@pytest.mark.django_db(transaction=True)
def test_a_connection_the_database_closed_costs_one_answer_at_most(
    people: People, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "close_old_connections", django.db.close_old_connections)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    other = connection.copy()
    with closing(other), other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    targets.shelf.clear()
    people.key.post("models/sum/predict", GOOD)
    targets.shelf.clear()
    assert people.key.post("models/sum/predict", GOOD).status_code == 200
