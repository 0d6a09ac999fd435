"""``POST /api/v1/models/{slug}/predict``"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from pytest_django.fixtures import Settings

from predictions import gateway
from predictions.errors import ModelFailed, TooManyRequests, TryLater
from predictions.models import Prediction
from tests.api.conftest import VISITOR, People, Shelf, problem

pytestmark = pytest.mark.usefixtures("answering")

ROW = {"x1": 1, "x2": 2, "x3": 3}
LOAN_ROW = {"age": 40, "purpose": "car"}


@pytest.mark.parametrize(
    "inputs",
    [[ROW], ROW, [[1, 2, 3]], [1, 2, 3], [1.0, 2.0, 3.0]],
    ids=["objects", "object", "lists", "list", "floats"],
)
def test_every_shape_of_inputs_gets_the_same_answer(people: People, shelf: Shelf, inputs: Any) -> None:
    response = people.anonymous.post("models/sum/predict", {"inputs": inputs})
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    body = response.json()
    assert body["model"] == "sum"
    assert body["version"] == 1
    assert [one["value"] for one in body["predictions"]] == [6.0]
    assert UUID(body["predictions"][0]["id"]).version == 7
    assert body["predictions"][0]["warnings"] == []


def test_classification_answers_label_and_probabilities(people: People, shelf: Shelf) -> None:
    body = people.key.post("models/loan/predict", {"inputs": [LOAN_ROW, LOAN_ROW | {"age": 20}]}).json()
    assert [one["label"] for one in body["predictions"]] == ["good", "bad"]
    assert body["predictions"][0]["probabilities"] == {"good": 0.8, "bad": 0.2}
    assert list(body["predictions"][0]) == ["id", "label", "probabilities", "warnings"]


def test_each_answer_is_a_stored_row_of_its_caller(people: People, shelf: Shelf) -> None:
    body = people.key.post("models/loan/predict", {"inputs": [LOAN_ROW]}).json()
    row = Prediction.objects.get(pk=body["predictions"][0]["id"])
    assert row.api_key == people.keys["key"]
    assert row.user is None
    assert row.face == "api"
    assert row.inputs == [40, None, "car", False, ""]


def test_rows_of_a_key_with_an_account_belong_to_the_account(people: People, shelf: Shelf) -> None:
    people.user_key.post("models/loan/predict", {"inputs": [LOAN_ROW]})
    assert Prediction.objects.get().user == people.accounts["user"]


def test_rows_of_a_browser_session_belong_to_it(people: People, shelf: Shelf) -> None:
    people.visitor.post("models/sum/predict", {"inputs": [ROW]})
    assert Prediction.objects.get().visitor == VISITOR


def test_a_value_outside_of_training_is_a_warning_beside_the_answer(people: People, shelf: Shelf) -> None:
    body = people.anonymous.post("models/sum/predict", {"inputs": ROW | {"x1": 50}}).json()
    (warning,) = body["predictions"][0]["warnings"]
    assert warning["field"] == "x1"
    assert set(warning) == {"field", "code", "message"}


def test_one_faulty_row_refuses_the_whole_request(people: People, shelf: Shelf) -> None:
    rows = [ROW, {"x1": "one", "x2": 2, "x4": 3}]
    document = problem(people.anonymous.post("models/sum/predict", {"inputs": rows}), 422, "invalid_rows")
    found = {(error["row"], error["field"], error["code"]) for error in document["errors"]}
    assert found == {(1, "x1", "not_a_number"), (1, "x3", "missing"), (1, "x4", "unknown_feature")}
    assert all(error["message"] for error in document["errors"])
    assert not Prediction.objects.exists()


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_not_finite_is_told_by_field(people: People, shelf: Shelf, token: str) -> None:
    body = f'{{"inputs": [{{"x1": 1, "x2": {token}, "x3": 3}}]}}'.encode()
    document = problem(people.anonymous.post("models/sum/predict", body), 422, "invalid_rows")
    assert [(error["field"], error["code"]) for error in document["errors"]] == [("x2", "not_finite")]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"age": 17}, "below_minimum"),
        ({"age": None}, "null"),
        ({"age": 40.5}, "not_an_integer"),
        ({"age": 10**30}, "out_of_range"),
        ({"purpose": "boat"}, "unknown_choice"),
        ({"owner": "perhaps"}, "not_a_boolean"),
        ({"note": "x" * 41}, "too_long"),
        ({"note": "a\x00b"}, "bad_text"),
        ({"income": "12"}, "not_a_number"),
    ],
)
def test_each_kind_of_wrong_value_has_its_code(
    people: People, shelf: Shelf, change: dict[str, Any], code: str
) -> None:
    response = people.key.post("models/loan/predict", {"inputs": LOAN_ROW | change})
    document = problem(response, 422, "invalid_rows")
    (field,) = change
    assert [(error["field"], error["code"]) for error in document["errors"]] == [(field, code)]


@pytest.mark.parametrize("body", [[], "text", 3, None, {}, {"input": [ROW]}])
def test_a_body_without_inputs_says_what_to_send(people: People, shelf: Shelf, body: Any) -> None:
    document = problem(people.anonymous.post("models/sum/predict", body), 400, "invalid_request")
    assert '"inputs"' in document["detail"]


def test_an_empty_body_says_what_to_send(people: People, shelf: Shelf) -> None:
    problem(people.anonymous.post("models/sum/predict", b""), 400, "invalid_request")


def test_a_member_beside_inputs_is_refused(people: People, shelf: Shelf) -> None:
    response = people.anonymous.post("models/sum/predict", {"inputs": [ROW], "inptus": []})
    assert "inptus" in problem(response, 400, "unknown_name")["detail"]


def test_too_many_rows_are_refused(people: People, shelf: Shelf, settings: Settings) -> None:
    settings.MAX_ROWS_PER_REQUEST = 3
    problem(people.anonymous.post("models/sum/predict", {"inputs": [ROW] * 4}), 413, "too_many_rows")


def test_a_hundred_thousand_rows_are_refused(people: People, shelf: Shelf) -> None:
    body = {"inputs": [[1, 2, 3]] * 100_000}
    problem(people.anonymous.post("models/sum/predict", body), 413, "too_many_rows")


def test_a_thousand_rows_are_answered_in_order(people: People, shelf: Shelf) -> None:
    body = {"inputs": [[0, 0, number] for number in range(1000)]}
    answers = people.anonymous.post("models/sum/predict", body).json()["predictions"]
    assert [one["value"] for one in answers] == [float(number) for number in range(1000)]


def test_an_ml_model_one_may_not_see_is_not_there(people: People, shelf: Shelf) -> None:
    for slug in ("secret", "none", "loan"):
        problem(people.anonymous.post(f"models/{slug}/predict", {"inputs": ROW}), 404, "not_found")


def test_an_ml_model_that_is_not_live_says_so(people: People, shelf: Shelf) -> None:
    response = people.anonymous.post("models/idle/predict", {"inputs": ROW})
    problem(response, 503, "not_live")
    assert int(response["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (TryLater("The queue is away.", code="queue_unavailable", retry_after=7), 503, "queue_unavailable"),
        (TooManyRequests("Too much waits.", code="queue_full", retry_after=7), 429, "queue_full"),
    ],
)
def test_a_busy_or_broken_site_says_when_to_come_back(
    people: People, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, error: TryLater, status: int, code: str
) -> None:
    monkeypatch.setattr(gateway, "answer", _raising(error))
    response = people.anonymous.post("models/sum/predict", {"inputs": ROW})
    problem(response, status, code)
    assert response["Retry-After"] == "7"


def test_an_estimator_that_fails_is_no_reason_to_retry(
    people: People, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "answer", _raising(ModelFailed("The model could not answer this case.")))
    problem(people.anonymous.post("models/sum/predict", {"inputs": ROW}), 422, "model_failed")


def test_a_signed_in_browser_needs_the_csrf_token(people: People, shelf: Shelf) -> None:
    client = people.user.client
    client.handler.enforce_csrf_checks = True
    body = json.dumps({"inputs": ROW})
    response = client.post("/api/v1/models/sum/predict", body, content_type="application/json")
    problem(response, 403, "csrf_failed")
    assert not Prediction.objects.exists()


def _raising(error: Exception) -> Any:
    def answer(**_kwargs: Any) -> None:
        raise error

    return answer


def test_no_cache_keeps_a_case(people: People, shelf: Shelf) -> None:
    answer = people.key.post("models/sum/predict", {"inputs": ROW})
    row = people.key.get(f"predictions/{answer.json()['predictions'][0]['id']}")
    fault = people.key.post("models/sum/predict", {"inputs": {}})
    assert {response["Cache-Control"] for response in (answer, row, fault)} == {"no-store"}
