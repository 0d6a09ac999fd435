"""One signature, several faces: the form and the API accept and refuse the same values for the same reasons."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from deploy_site.supervisor import Supervisor
from predictions import gateway
from predictions.errors import ModelFailed
from predictions.models import Prediction
from predictions.signature.fields import Choice, ClassName, Field, Output, Signature
from predictions.signature.wording import text_of
from predictions.web.form_fields import key_of
from tests import factories
from tests.signature.strategies import likely_values, signatures, survives_as_text, wild_values
from tests.support.ml_models import make_ml_model

SOME = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

MIXED = Signature(
    task="classification",
    inputs=(
        Field(name="age", kind="integer", label="Age 🎂", unit="years", minimum=18, maximum=120, example=40),
        Field(name="income", kind="number", nullable=True, required=False, soft_minimum=0, soft_maximum=9e5),
        Field(name="purpose", kind="choice", choices=(Choice("car"), Choice("日本 🚗"))),
        Field(name="town", kind="choice", choices=(Choice("Bonn"), Choice("Köln")), unseen="warn"),
        Field(name="owner", kind="boolean", required=False, default=False),
        Field(name="note", kind="text", required=False, default="", max_length=20),
    ),
    outputs=(
        Output(
            name="risk",
            kind="class",
            classes=(ClassName(0, "good"), ClassName(1, "bad 👎")),
            probabilities=True,
        ),
    ),
)
RIGHT: dict[str, Any] = {
    "age": 40,
    "income": 1.5,
    "purpose": "car",
    "town": "Bonn",
    "owner": True,
    "note": "🙂",
}


class Seen(list[Any]):
    """What the faces sent on to the workers. No worker is needed to see what is accepted."""

    def __call__(self, *, target: Any, rows: Any, actor: Any, face: str, seconds: float | None = None) -> Any:
        self.append([(row.values, row.warnings) for row in rows])
        raise ModelFailed("Only whether it is accepted is looked at.")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    found = Seen()
    monkeypatch.setattr(gateway, "answer", found)
    return found


def by_api(client: Client, slug: str, row: Any) -> Any:
    """What the API does with one row: the faults, or None when it was accepted."""
    body = json.dumps({"inputs": [row]})
    response = client.post(f"/api/v1/models/{slug}/predict", body, content_type="application/json")
    if response.json()["code"] == ModelFailed.code:
        return None
    assert response.status_code == 422, response.content[:500]
    assert response.headers["Content-Type"] == "application/problem+json"
    return [(item["field"], item["code"], item["message"]) for item in response.json()["errors"]]


def by_form(client: Client, slug: str, signature: Signature, texts: dict[str, str]) -> Any:
    """What the form does with the same row: the faults it shows, or None when it was accepted."""
    data = {
        key_of(field, index): texts[field.name]
        for index, field in enumerate(signature.inputs)
        if field.name in texts
    }
    response = client.post(f"/m/{slug}/", data)
    if isinstance(response.context["case"].trouble, ModelFailed):
        return None
    assert response.status_code == 422, response.content[:500]
    return response.context["case"].errors


def told(errors: Any) -> Any:
    """Form errors in the API's spelling."""
    return errors and [(error.field, error.code, error.message) for error in errors]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Signature, dict[str, Any]]:
    """A signature and a row about as it wants it, with values of any kind in between."""
    signature = draw(signatures())
    row = {
        field.name: draw(st.one_of(likely_values(field), likely_values(field), wild_values))
        for field in signature.inputs
    }
    return signature, row


def can_travel(value: Any) -> bool:
    """False for what a JSON text or a form's encoding changes by itself: half characters, NUL, line ends."""
    text = text_of(value)
    try:
        text.encode()
        json.dumps(value).encode()
    except (UnicodeEncodeError, ValueError, RecursionError):
        return False
    return "\x00" not in text and "\r" not in text and "\\ud" not in json.dumps(value)


@pytest.mark.django_db
@given(case=cases())
@SOME
def test_form_and_api_accept_and_refuse_alike(seen: Seen, case: tuple[Signature, dict[str, Any]]) -> None:
    signature, row = case
    for field in signature.inputs:
        assume(survives_as_text(field, row[field.name]))
        assume(can_travel(row[field.name]))
    ml_model = make_ml_model(f"agree-{next(NUMBERS)}", signature)
    seen.clear()
    client = Client()
    api = by_api(client, ml_model.slug, row)
    form = by_form(client, ml_model.slug, signature, {name: text_of(value) for name, value in row.items()})
    # A list is a text in a form, so the sentence about it may name another thing; what is wrong is the same.
    assert faults(told(form)) == faults(api)
    if api is None:
        first, second = seen
        assert same(first, second)


def faults(found: Any) -> Any:
    """Fields and codes."""
    return found and [(field, code) for field, code, _message in found]


NUMBERS = itertools.count(1)


def same(first: Any, second: Any) -> bool:
    """Equal, where 1 and 1.0 and True are three things."""
    return repr(first) == repr(second) and not (isinstance(first, float) and math.isnan(first))


WRONG = [
    pytest.param("age", None, "null", "", "missing", id="null"),
    pytest.param("age", "forty", None, "forty", None, id="text-for-number"),
    pytest.param("age", 17, None, "17", None, id="out-of-range"),
    pytest.param("age", 40.5, None, "40.5", None, id="broken"),
    pytest.param("income", float("nan"), None, "nan", None, id="nan"),
    pytest.param("income", float("inf"), None, "inf", None, id="infinite"),
    pytest.param("income", -1e400, None, "-inf", None, id="minus-infinite"),
    pytest.param("purpose", "boat 🛶", None, "boat 🛶", None, id="unseen-category"),
    pytest.param("note", "x" * 21, None, "x" * 21, None, id="too-long"),
    pytest.param("owner", "perhaps", None, "perhaps", None, id="neither-yes-nor-no"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("name", "value", "code", "text", "form_code"), WRONG)
def test_a_wrong_value_is_refused_at_its_field_by_both(
    seen: Seen, name: str, value: Any, code: str | None, text: str, form_code: str | None
) -> None:
    make_ml_model("mixed", MIXED)
    client = Client()
    api = by_api(client, "mixed", {**RIGHT, name: value})
    form = told(by_form(client, "mixed", MIXED, {**{k: text_of(v) for k, v in RIGHT.items()}, name: text}))
    assert api is not None
    assert form is not None
    assert [field for field, _code, _message in api] == [name]
    assert [field for field, _code, _message in form] == [name]
    if code is None:
        assert api == form
    else:
        assert (api[0][1], form[0][1]) == (code, form_code)
    assert seen == []
    assert not Prediction.objects.exists()
    for _field, _code, message in api:
        assert message.endswith(".")
        assert "Error" not in message
    page = client.post("/m/mixed/", {}).content.decode()
    assert "needs a correction" in page or "need a correction" in page


@pytest.mark.django_db
def test_an_unseen_category_that_may_come_is_a_warning_in_both(seen: Seen) -> None:
    make_ml_model("mixed", MIXED)
    row = {**RIGHT, "town": "Ōsaka 🏯"}
    assert by_api(Client(), "mixed", row) is None
    assert by_form(Client(), "mixed", MIXED, {name: text_of(value) for name, value in row.items()}) is None
    first, second = seen
    assert same(first, second)
    assert [warning.field for warning in first[0][1]] == ["town"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ({name: value for name, value in RIGHT.items() if name != "age"}, "age", "missing"),
        ({**RIGHT, "extra 🧨": 1}, "extra 🧨", "unknown_feature"),
        (
            {**{name: value for name, value in RIGHT.items() if name != "town"}, "twon": "Bonn"},
            "town",
            "missing",
        ),
    ],
    ids=["missing", "extra", "misspelt"],
)
def test_names_are_checked_and_misspellings_explained(seen: Seen, row: Any, field: str, code: str) -> None:
    make_ml_model("mixed", MIXED)
    found = by_api(Client(), "mixed", row)
    assert (field, code) in [(at, why) for at, why, _message in found]
    if "twon" in row:
        (said,) = [message for at, _why, message in found if at == "twon"]
        assert "town" in said
    assert seen == []


BODIES = {
    "hundred thousand rows": (json.dumps({"inputs": [[1.0]] * 100_000}), 413, "too_many_rows"),
    "not json": ("{inputs: [1]}", 400, "invalid_json"),
    "half a json": ('{"inputs": [[1', 400, "invalid_json"),
    "deep json": ('{"inputs": ' + "[" * 100_000 + "]" * 100_000 + "}", 400, "too_deep"),
    "deep objects": ('{"inputs": ' + '{"a":' * 5_000 + "1" + "}" * 5_000 + "}", 400, "too_deep"),
    "no rows": ('{"inputs": []}', 400, "no_rows"),
    "not utf-8": (b'{"inputs": [["\xff"]]}', 400, "invalid_json"),
    "not an object": ("[1]", 400, "invalid_request"),
    "twice the same name": ('{"inputs": [{"x": 1, "x": 2}]}', 400, "duplicate_name"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("label", BODIES)
def test_a_body_that_is_no_case_is_refused_as_a_whole(seen: Seen, label: str) -> None:
    signature = Signature(
        task="regression",
        inputs=(Field(name="x", kind="number"),),
        outputs=(Output(name="y", kind="number"),),
    )
    make_ml_model("one", signature)
    body, status, code = BODIES[label]
    response = Client().post("/api/v1/models/one/predict", body, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (status, code), response.content[:300]
    assert response.headers["Content-Type"] == "application/problem+json"
    assert len(response.content) < 2_000
    assert seen == []


@pytest.mark.django_db
def test_ten_thousand_columns_are_checked_by_both(seen: Seen) -> None:
    signature = Signature(
        task="regression",
        inputs=tuple(Field(name=f"x{number} 🧬", kind="number", maximum=10) for number in range(10_000)),
        outputs=(Output(name="y", kind="number"),),
    )
    make_ml_model("wide", signature)
    client = Client()
    row = {field.name: 1.5 for field in signature.inputs}
    assert by_api(client, "wide", row) is None
    assert isinstance(client.post("/m/wide/", {"case": json.dumps(row)}).context["case"].trouble, ModelFailed)
    first, second = seen
    assert same(first, second)
    row["x77 🧬"] = 11
    (fault,) = by_api(client, "wide", row)
    page = client.post("/m/wide/", {"case": json.dumps(row)})
    assert page.status_code == 422
    assert told(page.context["case"].errors) == [fault]
    assert fault[0] == "x77 🧬"
    assert len(client.get("/m/wide/").content) < 200_000


@pytest.mark.django_db(transaction=True)
def test_the_same_case_gets_the_same_answer_through_every_face(worker: Supervisor) -> None:
    factories.sign_version(slug="sign", name="Zeichen 🧮")
    client = Client()
    api = client.post(
        "/api/v1/models/sign/predict", json.dumps({"inputs": [[2, -3.5]]}), content_type="application/json"
    ).json()["predictions"][0]
    assert client.post("/m/sign/", {"in-a": "2", "in-b": "-3.5"}).status_code == 302
    rows = list(Prediction.objects.order_by("created_at"))
    assert [row.face for row in rows] == ["api", "form"]
    assert rows[0].inputs == rows[1].inputs == [2.0, -3.5]
    assert rows[0].outputs == rows[1].outputs
    assert {name: api[name] for name in rows[0].outputs} == rows[0].outputs
