"""The form of an ml_model: what it shows, what it takes, what it says."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from predictions.errors import ModelFailed, TooManyRequests, TryLater
from predictions.models import MLModel, Prediction
from predictions.signature.fields import Choice, ClassName, Field, Output, Signature
from predictions.values import RawAnswer
from tests.support.ml_models import LOAN, SUM, add_version, make_ml_model
from tests.web.conftest import FakeGateway, signed_in

pytestmark = pytest.mark.django_db

CASE = {"in-age": "40", "in-income": "", "in-purpose": "car", "in-owner": "", "in-note": ""}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def loan() -> MLModel:
    return make_ml_model("loan", LOAN)


def page(client: Client, path: str = "/m/loan/") -> str:
    return client.get(path).content.decode()


def test_a_field_has_its_label_unit_and_range_before_the_mistake(client: Client, loan: MLModel) -> None:
    text = page(client)
    assert '<label for="field-0">Age' in text
    assert ">years</span>" in text
    assert "18 to 120 allowed" in text


def test_the_training_range_is_rounded_for_reading(client: Client) -> None:
    field = Field(name="r", kind="number", soft_minimum=6.980999946594238, soft_maximum=28.110000610351562)
    make_ml_model("loan", SUM.with_inputs((field,)))
    assert "6.981 to 28.11 in training" in page(client)


def test_numbers_are_text_inputs_with_a_number_keyboard(client: Client, loan: MLModel) -> None:
    text = page(client)
    assert 'name="in-age" value="" inputmode="numeric"' in text
    assert 'name="in-income" value="" inputmode="decimal"' in text


def test_an_optional_yes_or_no_can_be_left_open(client: Client, loan: MLModel) -> None:
    assert 'name="in-owner" value="" checked' in page(client)


def test_few_choices_are_radios_and_many_are_a_list(client: Client) -> None:
    few = Field(name="few", kind="choice", choices=tuple(Choice(f"c{n}") for n in range(4)))
    many = Field(name="many", kind="choice", choices=tuple(Choice(f"c{n}") for n in range(5)))
    make_ml_model("loan", SUM.with_inputs((few, many)))
    text = page(client)
    assert text.count('type="radio"') == 4
    assert '<select id="field-1"' in text


def test_fields_stand_under_their_headings_in_the_owners_order(client: Client) -> None:
    inputs = (
        Field(name="second", kind="number", group="Later", order=2),
        Field(name="first", kind="number", group="Sooner", order=1),
    )
    make_ml_model("loan", SUM.with_inputs(inputs))
    text = page(client)
    assert text.index("<legend>Sooner") < text.index(">first</label>") < text.index("<legend>Later")


def test_fill_an_example_works_without_javascript(client: Client, loan: MLModel) -> None:
    text = page(client, "/m/loan/?example=1")
    assert 'name="in-age" value="40"' in text
    assert re.search(r'value="car" checked', text)


def test_an_example_is_accepted(client: Client, loan: MLModel, answers: FakeGateway) -> None:
    text = page(client, "/m/loan/?example=1")
    given = dict(re.findall(r'type="text"[^>]*name="(in-[^"]+)" value="([^"]*)"', text))
    given |= {"in-purpose": "car"}
    assert client.post("/m/loan/", given).status_code == 302


def test_an_answer_is_shown_beside_the_input_that_got_it(
    client: Client, loan: MLModel, answers: FakeGateway
) -> None:
    response = client.post("/m/loan/", CASE)
    assert response.status_code == 302
    row = Prediction.objects.get()
    assert response["Location"] == f"/m/loan/?prediction={row.pk}#answer"
    text = page(client, f"/m/loan/?prediction={row.pk}")
    assert 'name="in-age" value="40"' in text
    assert '<p class="value">bad</p>' in text
    assert f"/predictions/{row.pk}/" in text


def test_the_most_probable_class_comes_first(client: Client, loan: MLModel, answers: FakeGateway) -> None:
    response = client.post("/m/loan/", CASE, headers=HTMX)
    text = response.content.decode()
    assert text.index("75%") < text.index("25%")
    assert '<rect width="75.00%"' in text


def test_htmx_gets_only_the_answer(client: Client, loan: MLModel, answers: FakeGateway) -> None:
    response = client.post("/m/loan/", CASE, headers=HTMX)
    text = response.content.decode()
    assert response.status_code == 200
    assert "<html" not in text
    assert "in-age" not in text
    assert response["HX-Replace-Url"].startswith("/m/loan/?prediction=")


def test_what_a_form_sends_is_what_the_estimator_gets(
    client: Client, loan: MLModel, answers: FakeGateway
) -> None:
    client.post("/m/loan/", CASE | {"in-income": "1200.5", "in-owner": "true", "in-note": "a\r\nb"})
    assert answers.calls[0][0].values == (40, 1200.5, "car", True, "a\nb")


def test_what_was_left_empty_is_missing_or_takes_its_default(
    client: Client, loan: MLModel, answers: FakeGateway
) -> None:
    client.post("/m/loan/", CASE)
    assert answers.calls[0][0].values == (40, None, "car", False, "")


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("in-age", "", "Give a value for Age."),
        ("in-age", "abc", "must be a whole number"),
        ("in-age", "3.5", "must be a whole number"),
        ("in-age", "7", "must be between 18 and 120 years"),
        ("in-income", "nan", "NaN"),
        ("in-purpose", "boat", "cannot be"),
        ("in-note", "x" * 41, "40 characters at most"),
    ],
)
def test_a_mistake_is_named_at_its_field_and_on_top(
    client: Client, loan: MLModel, answers: FakeGateway, field: str, text: str, words: str
) -> None:
    response = client.post("/m/loan/", CASE | {field: text})
    body = response.content.decode()
    assert response.status_code == 422
    assert answers.calls == []
    assert body.count(words) >= 2
    assert 'aria-invalid="true"' in body or "<fieldset" in body
    assert 'href="#field-' in body


def test_input_is_kept_when_something_is_wrong(client: Client, loan: MLModel, answers: FakeGateway) -> None:
    body = client.post("/m/loan/", CASE | {"in-age": "4o", "in-income": "77"}).content.decode()
    assert 'value="4o"' in body
    assert 'value="77"' in body


def test_htmx_gets_the_marked_fields_and_then_unmarked_ones(
    client: Client, loan: MLModel, answers: FakeGateway
) -> None:
    marked = client.post("/m/loan/", CASE | {"in-age": "x"}, headers=HTMX)
    assert marked.status_code == 422
    assert 'hx-swap-oob="true"' in marked.content.decode()
    assert 'name="marked"' in marked.content.decode()
    cured = client.post("/m/loan/", CASE | {"marked": "1"}, headers=HTMX).content.decode()
    assert 'hx-swap-oob="true"' in cured
    assert "aria-invalid" not in cured


def test_typed_markup_is_escaped(client: Client, loan: MLModel, answers: FakeGateway) -> None:
    body = client.post("/m/loan/", CASE | {"in-age": '"><script>x</script>'}).content.decode()
    assert "<script>x" not in body


def test_markup_in_a_signature_is_escaped(client: Client, answers: FakeGateway) -> None:
    evil = "<script>x</script>"
    signature = Signature(
        task="classification",
        inputs=(
            Field(name=evil, kind="number", label=evil, unit=evil, help=evil, group=evil),
            Field(name="c", kind="choice", choices=(Choice(evil, evil),)),
        ),
        outputs=(
            Output(
                name="o", kind="class", label=evil, classes=(ClassName(0, evil), ClassName(1, evil + "2"))
            ),
        ),
    )
    make_ml_model("loan", signature)
    case = {f"in-{evil}": "1", "in-c": evil}
    for text in (
        page(client),
        page(client, "/m/loan/api/"),
        page(client, "/m/loan/about/"),
        client.post("/m/loan/", case, headers=HTMX).content.decode(),
    ):
        assert evil not in text
    assert answers.calls


def test_a_warning_is_told_in_words(client: Client, answers: FakeGateway) -> None:
    make_ml_model("sum", SUM)
    answers.raw = RawAnswer(value=61.5)
    case = {"in-x1": "50", "in-x2": "2", "in-x3": "3"}
    text = client.post("/m/sum/", case, headers=HTMX).content.decode()
    assert "the training data went from 0 to 10 cm" in text


def test_a_value_has_its_unit_beside_it(client: Client, answers: FakeGateway) -> None:
    output = Output(name="y", kind="number", unit="kg", decimals=1)
    make_ml_model("sum", Signature(task="regression", inputs=SUM.inputs, outputs=(output,)))
    answers.raw = RawAnswer(value=61.54)
    case = {"in-x1": "5", "in-x2": "2", "in-x3": "3"}
    text = client.post("/m/sum/", case, headers=HTMX).content.decode()
    assert re.search(r'<p class="value">61\.5 <span class="unit">kg</span>', text)


def test_named_outputs_are_shown_one_by_one(client: Client, answers: FakeGateway) -> None:
    outputs = (Output(name="left", kind="tensor"), Output(name="right", kind="tensor"))
    make_ml_model("sum", Signature(task="other", inputs=SUM.inputs, outputs=outputs))
    answers.raw = RawAnswer(outputs={"left": [1, 2], "right": 3.0})
    text = client.post("/m/sum/", {"in-x1": "5", "in-x2": "2", "in-x3": "3"}, headers=HTMX).content.decode()
    assert "left" in text
    assert "[1, 2]" in text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TryLater("No worker answered in time; try again.", retry_after=7), 503),
        (TooManyRequests("Too many cases are waiting; try again."), 429),
        (ModelFailed("The ML model failed on this case."), 502),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_trouble_is_told_and_the_input_kept(
    client: Client,
    loan: MLModel,
    answers: FakeGateway,
    error: Exception,
    status: int,
    headers: dict[str, str],
) -> None:
    answers.error = error
    response = client.post("/m/loan/", CASE, headers=headers)
    body = response.content.decode()
    assert response.status_code == status
    assert str(error) in body
    assert headers or 'value="40"' in body
    assert response.get("Retry-After") == ("7" if status == 503 else "2" if status == 429 else None)


def test_the_same_call_is_given_as_curl_and_python(
    client: Client, loan: MLModel, answers: FakeGateway
) -> None:
    text = client.post("/m/loan/", CASE, headers=HTMX).content.decode()
    assert "curl http://testserver/api/v1/models/loan/predict" in text
    assert "import requests" in text
    assert "YOUR_API_KEY" in text


def test_a_stranger_finds_the_answer_again_in_the_session_but_no_one_else_does(
    client: Client, loan: MLModel, answers: FakeGateway
) -> None:
    client.post("/m/loan/", CASE)
    row = Prediction.objects.get()
    assert row.visitor is not None
    assert "Stored as" in page(client, f"/m/loan/?prediction={row.pk}")
    other = page(Client(), f"/m/loan/?prediction={row.pk}")
    assert "Stored as" not in other
    assert 'value="40"' not in other


def test_looking_around_starts_no_session(client: Client, loan: MLModel) -> None:
    page(client)
    page(client, "/m/loan/?example=1")
    assert client.session.session_key is None or "visitor" not in client.session


def test_a_member_answers_as_the_account(member: Client, loan: MLModel, answers: FakeGateway) -> None:
    member.post("/m/loan/", CASE)
    row = Prediction.objects.get()
    assert row.user_id is not None
    assert row.visitor is None


@pytest.mark.parametrize("tab", ["", "api/", "about/"])
@pytest.mark.parametrize("visibility", ["members", "private"])
def test_strangers_do_not_learn_of_closed_ml_models(client: Client, visibility: str, tab: str) -> None:
    make_ml_model("loan", LOAN, visibility=visibility)
    assert client.get(f"/m/loan/{tab}").status_code == 404
    assert client.post("/m/loan/", CASE).status_code == 404


def test_another_member_does_not_learn_of_a_private_ml_model(member: Client) -> None:
    make_ml_model("loan", LOAN, visibility="private")
    assert member.get("/m/loan/").status_code == 404


def test_without_a_live_version_the_page_says_so(client: Client) -> None:
    make_ml_model("loan", LOAN, live=False)
    assert "Not answering yet" in page(client)
    assert client.post("/m/loan/", CASE).status_code == 503


def test_the_owner_of_a_resting_ml_model_is_led_to_its_versions() -> None:
    make_ml_model("loan", LOAN, live=False)
    assert 'href="/m/loan/versions/"' in page(signed_in(is_staff=True, is_superuser=True))


def test_a_form_of_an_older_version_still_answers_by_name(
    client: Client, loan: MLModel, answers: FakeGateway
) -> None:
    reversed_inputs = LOAN.with_inputs(tuple(reversed(LOAN.inputs)))
    add_version(loan, reversed_inputs, live=True)
    client.post("/m/loan/", CASE)
    assert answers.calls[0][0].values == ("", False, "car", None, 40)


def test_an_unreadable_prediction_id_is_no_error(client: Client, loan: MLModel) -> None:
    assert client.get("/m/loan/?prediction=nonsense").status_code == 200
