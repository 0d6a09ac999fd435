"""Every error is ``application/problem+json``, whatever went wrong and wherever."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from pytest_django.fixtures import Settings

from predictions import gateway
from predictions.models import MLModel
from predictions.selectors import ml_models
from tests.api.conftest import People, Shelf, problem

pytestmark = pytest.mark.usefixtures("answering")

ROW = {"x1": 1, "x2": 2, "x3": 3}


def test_400_invalid_json(people: People, shelf: Shelf) -> None:
    document = problem(people.anonymous.post("models/sum/predict", b'{"inputs": [}'), 400, "invalid_json")
    assert "line 1, column 13" in document["detail"]


def test_400_a_hundred_thousand_brackets(people: People, shelf: Shelf) -> None:
    problem(people.anonymous.post("models/sum/predict", b"[" * 100_000), 400, "too_deep")


def test_400_duplicate_name(people: People, shelf: Shelf) -> None:
    body = b'{"inputs": [{"x1": 1, "x1": 9, "x2": 2, "x3": 3}]}'
    document = problem(people.anonymous.post("models/sum/predict", body), 400, "duplicate_name")
    assert document["errors"][0]["field"] == "x1"


@pytest.mark.parametrize("path", ["models", "predictions", "jobs"])
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": "0"}, "invalid_request"),
        ({"limit": "many"}, "invalid_request"),
        ({"cursor": "\x00"}, "invalid_request"),
        ({"page": "2"}, "unknown_parameter"),
        ({"cursor": ""}, "invalid_request"),
        ({"limit": ["1", "2"]}, "duplicate_name"),
    ],
)
def test_400_for_a_query_that_means_nothing(
    people: People, shelf: Shelf, path: str, query: dict[str, Any], code: str
) -> None:
    problem(people.user.get(path, query), 400, code)


@pytest.mark.parametrize("path", ["predictions", "jobs", "models/sum/versions"])
def test_400_for_a_cursor_that_is_none(people: People, shelf: Shelf, path: str) -> None:
    problem(people.root.get(path, {"cursor": "nothing"}), 400, "invalid_cursor")


def test_401_names_the_scheme(people: People, shelf: Shelf) -> None:
    for path in ("predictions", "jobs", "models/sum/versions"):
        response = people.anonymous.get(path)
        problem(response, 401, "not_authenticated")
        assert response["WWW-Authenticate"].startswith("Bearer")


def test_403_for_what_one_may_see_but_not_do(people: People, shelf: Shelf) -> None:
    problem(people.user.get("models/sum/versions"), 403, "not_allowed")


@pytest.mark.parametrize(
    "path",
    [
        "models/none",
        "models/a\x00b",
        "models/sum/versions/99/live",
        "predictions/nothing",
        "predictions/018f0000-0000-7000-8000-000000000000",
        "jobs/nothing",
        "jobs/018f0000-0000-7000-8000-000000000000",
        "nothing",
        "nothing/at/all/",
        "models/",
        "",
        "/api",
        "/api/",
        "/api/v2/models",
        "/health",
        "/health/nothing",
    ],
)
def test_404_below_every_address_of_the_api(people: People, shelf: Shelf, path: str) -> None:
    api = people.root
    response = api.post(path, {}) if path.endswith("/live") else api.get(path)
    problem(response, 404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_404_with_every_method(people: People, method: str) -> None:
    problem(people.anonymous.client.generic(method, "/api/v1/nothing"), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v1/models/sum/predict", {"POST"}),
        ("DELETE", "/api/v1/models/sum", {"GET", "HEAD"}),
        ("PUT", "/api/v1/models", {"GET", "HEAD", "POST"}),
        ("POST", "/api/v1/predictions", {"GET", "HEAD"}),
        ("OPTIONS", "/api/v1/jobs", {"GET", "HEAD"}),
        ("GET", "/predict", {"POST"}),
        ("POST", "/health/ready", {"GET", "HEAD"}),
        ("POST", "/api/v1/docs", {"GET", "HEAD"}),
        ("POST", "/api/v1/openapi.json", {"GET", "HEAD"}),
    ],
)
def test_405_says_what_is_allowed(
    people: People, shelf: Shelf, method: str, path: str, allowed: set[str]
) -> None:
    response = people.anonymous.client.generic(method, path)
    problem(response, 405, "method_not_allowed")
    assert set(response["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["models", "models/sum", "openapi.json", "/health/live"])
def test_406_for_what_is_not_offered(people: People, shelf: Shelf, path: str) -> None:
    problem(people.anonymous.get(path, Accept="text/html"), 406, "not_acceptable")


def test_411_for_a_body_of_unknown_length(people: People, shelf: Shelf) -> None:
    client = Client(headers={"Transfer-Encoding": "chunked"})
    response = client.generic("POST", "/api/v1/models/sum/predict", b"", CONTENT_LENGTH="")
    problem(response, 411, "length_required")


def test_413_before_the_body_is_read(people: People, shelf: Shelf, settings: Settings) -> None:
    settings.MAX_REQUEST_BYTES = 100
    body = {"inputs": [ROW] * 10}
    problem(people.anonymous.post("models/sum/predict", body), 413, "too_large")
    problem(people.anonymous.post("/predict", body), 413, "too_large")


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense"],
)
def test_415_for_other_bodies(people: People, shelf: Shelf, content_type: str) -> None:
    for path in ("/api/v1/models/sum/predict", "/predict"):
        response = people.anonymous.client.post(path, b"a=1", content_type=content_type)
        problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "application/vnd.desk+json", "APPLICATION/JSON"],
)
def test_every_spelling_of_json_is_read(people: People, shelf: Shelf, content_type: str) -> None:
    path, body = "/api/v1/models/sum/predict", b'{"inputs": [1, 2, 3]}'
    assert people.anonymous.client.post(path, body, content_type=content_type).status_code == 200


def test_429_says_when_to_come_back(people: People, shelf: Shelf, settings: Settings) -> None:
    rates = {"anonymous": "2/min", "user": "1/min", "key": "1/min"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    assert [people.anonymous.get("models").status_code for _ in range(2)] == [200, 200]
    response = people.anonymous.get("models")
    problem(response, 429, "too_many_requests")
    assert 1 <= int(response["Retry-After"]) <= 60
    assert people.key.get("models").status_code == 200
    problem(people.key.get("models"), 429, "too_many_requests")
    assert people.other_key.get("models").status_code == 200
    assert people.user.get("models").status_code == 200
    problem(people.user.get("models"), 429, "too_many_requests")
    assert people.anonymous.get("/health/live").status_code == 200


def test_500_tells_nothing_and_logs_no_case(
    people: People, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**_kwargs: Any) -> None:
        raise RuntimeError("something inside")

    monkeypatch.setattr(gateway, "answer", broken)
    with caplog.at_level(logging.DEBUG):
        response = people.anonymous.post("models/sum/predict", {"inputs": ROW | {"x1": 77.125}})
    document = problem(response, 500, "server_error")
    assert "something inside" not in str(document)
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [RuntimeError]
    assert "77.125" not in caplog.text


@pytest.mark.parametrize("error", [OperationalError("no connection"), InterfaceError("closed")])
def test_503_when_the_database_is_away(
    people: People, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def away(*_args: Any) -> MLModel:
        raise error

    monkeypatch.setattr(ml_models, "get", away)
    response = people.anonymous.get("models/sum")
    document = problem(response, 503, "unavailable")
    assert "no connection" not in str(document)
    assert int(response["Retry-After"]) > 0


def test_errors_are_not_negotiated(people: People) -> None:
    problem(people.anonymous.get("nothing", Accept="image/png"), 404, "not_found")
