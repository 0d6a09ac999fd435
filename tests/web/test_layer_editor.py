"""The fields' page: words for codes, columns made of fields, changed answers, and the preview beside it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from predictions import gateway
from predictions.errors import ModelFailed
from predictions.models import ModelVersion, Prediction
from predictions.models.ids import first_id
from predictions.services import inference
from predictions.signature.fields import Choice, Field, Output, Signature
from predictions.signature.layer import Expression, OneHot
from predictions.signature.layer_yaml import read
from predictions.values import Ask, Group
from tests import factories
from tests.support import insurance

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client: Client) -> Any:
    account = factories.user(is_staff=True)
    client.force_login(account)
    return account


@pytest.fixture(autouse=True)
def _worker_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker does with a trial, without the queue between."""

    def trial(*, key: gateway.Key, draft: Signature, row: Any) -> Any:
        ask = Ask(
            number=1,
            first_id=first_id(1),
            rows=[list(row.values)],
            warnings=[[]],
            face="form",
            deadline=time.time() + 9,
        )
        group = Group(
            id=1,
            reply_to="",
            ml_model_id=key.ml_model_id,
            version_id=key.version_id,
            revision_id=key.revision_id,
            sent_at=time.time(),
            asks=[ask],
            store=False,
            draft=draft.to_document(),
        )
        (reply,) = inference.answer(group).replies
        if reply.error_code:
            raise ModelFailed(reply.error_message)
        return reply.outputs[0]

    monkeypatch.setattr(gateway, "trial", trial)


def built() -> Signature:
    """The insurance file as a build finds it, with the ranges of its data."""
    dummies = {"smoker", "region_south", "region_west", "weekend"}
    fields = tuple(
        Field(
            name=name, kind="number", example=1.0, soft_minimum=0, soft_maximum=1 if name in dummies else 90
        )
        for name in insurance.COLUMNS
    )
    return Signature(task="regression", inputs=fields, outputs=(Output(name="charge", kind="number"),))


@pytest.fixture
def version(owner: Any) -> ModelVersion:
    return factories.version(
        signature=built(),
        onnx=insurance.onnx(),
        plan=insurance.plan(),
        owner=owner,
        slug="charge",
        name="Charge",
    )


def page_of(version: ModelVersion, **changes: str) -> dict[str, str]:
    """The form as the page shows it, with changes."""
    posted = {"revision": str(version.current_revision.number)}
    for index, field in enumerate(current(version).inputs):
        posted[f"in-{index}-label"] = field.label
        if field.required:
            posted[f"in-{index}-required"] = "on"
    return {**posted, **{key.replace("__", "-"): text for key, text in changes.items()}}


def current(version: ModelVersion) -> Signature:
    version.refresh_from_db()
    return Signature.from_document(version.current_revision.document)


def save(client: Client, posted: dict[str, str]) -> Any:
    return client.post(reverse("signature", args=["charge", 1]), posted)


def preview(client: Client, posted: dict[str, str], *, alone: bool = True) -> Any:
    headers = {"HX-Request": "true"} if alone else {}
    return client.post(reverse("signature_preview", args=["charge", 1]), posted, headers=headers)


AGE, SMOKER, PRODUCT = (insurance.COLUMNS.index(name) for name in ("age", "smoker", "age_smoker"))


def test_words_for_numbers_become_choices(client: Client, version: ModelVersion) -> None:
    answer = save(client, page_of(version, **{f"in-{SMOKER}-words": "1 = yes\n0 = no"}))
    assert answer.status_code == 302
    field = current(version).input("smoker")
    assert (field.kind, field.choices) == ("choice", (Choice(1, "yes"), Choice(0, "no")))
    assert current(version).layer is None
    back = save(client, page_of(version, **{f"in-{SMOKER}-choices": ""}))
    assert back.status_code == 302
    assert current(version).input("smoker").kind == "number"


def test_a_column_is_made_by_a_calculation(client: Client, version: ModelVersion) -> None:
    posted = page_of(
        version,
        **{
            f"col-{PRODUCT}": "age * smoker",
            f"col-{AGE}": "{standardise: years, mean: 40, deviation: 2}",
            "new-0-name": "years",
            "new-0-kind": "integer",
            "der-0-name": "tenth",
            "der-0-rule": "years / 10",
        },
    )
    assert save(client, posted).status_code == 302
    signature = current(version)
    assert signature.layer.columns[PRODUCT].rule == Expression("age * smoker")
    assert signature.layer.derived[0].name == "tenth"
    assert signature.names == (
        "years",
        *(name for name in insurance.COLUMNS if name not in ("age", "age_smoker")),
    )
    assert signature.layer.model_inputs == built().inputs
    page = client.get(reverse("signature", args=["charge", 1])).content.decode()
    assert 'value="{standardise: years, mean: 40, deviation: 2}"' in page
    assert 'value="years / 10"' in page
    emptied = page_of(
        version, **{f"col-{index}": "" for index in range(8)}, **{"der-0-name": "", "der-0-rule": ""}
    )
    assert save(client, {**emptied, "in-0-gone": "on"}).status_code == 302
    assert current(version) == built()


def test_dummy_columns_become_one_choice(client: Client, version: ModelVersion) -> None:
    page = client.get(reverse("signature", args=["charge", 1])).content.decode()
    assert "Ask for one choice “region” instead" in page
    assert save(client, page_of(version, **{"grp-0": "on", "grp-0-base": "north"})).status_code == 302
    signature = current(version)
    assert signature.input("region").choices == (Choice("north"), Choice("south"), Choice("west"))
    assert signature.layer.columns[5].rule == OneHot("region", ("south",))
    assert "region_south" not in signature.names


def test_an_answer_is_changed(client: Client, version: ModelVersion) -> None:
    posted = page_of(version, **{"out-0-transform": "expm1", "out-0-factor": "0.8", "out-0-unit": "$"})
    assert save(client, posted).status_code == 302
    output = current(version).main_output
    assert (output.transform, output.factor, output.unit) == ("expm1", 0.8, "$")
    page = client.get(reverse("signature", args=["charge", 1])).content.decode()
    assert '<option value="expm1" selected>' in page
    assert save(client, page_of(version, **{"out-0-transform": "", "out-0-factor": ""})).status_code == 302
    assert not current(version).main_output.is_changed


def test_a_threshold_is_offered_for_two_classes(client: Client, owner: Any) -> None:
    sign = factories.sign_version(owner=owner, slug="sign")
    url = reverse("signature", args=["sign", 1])
    assert "“above” from this probability on" in client.get(url).content.decode()
    posted = {
        "revision": "1",
        "in-0-label": "",
        "in-0-required": "on",
        "in-1-label": "",
        "in-1-required": "on",
    }
    assert client.post(url, {**posted, "out-0-threshold": "0.9"}).status_code == 302
    assert current(sign).main_output.threshold == 0.9
    assert client.post(url, {**posted, "revision": "2", "out-0-threshold": "9"}).status_code == 422


def test_the_preview_shows_the_form_the_columns_and_the_answer_and_saves_nothing(
    client: Client, version: ModelVersion
) -> None:
    changes = {f"col-{PRODUCT}": "age * smoker", f"in-{AGE}-label": "Years lived", "out-0-transform": "exp"}
    answer = preview(client, page_of(version, **changes))
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "<html" not in text
    assert "Years lived" in text
    assert "Answer to the example, stored nowhere" in text
    assert "The 8 columns the model gets" in text
    assert "The model itself says" in text
    row = [1.0] * 8
    raw = float(insurance.estimator().predict([row])[0])
    assert f"{raw:.4g}"[:5] in text
    assert current(version) == built()
    assert not Prediction.objects.exists()


@pytest.mark.parametrize("alone", [True, False])
def test_a_preview_of_what_is_wrong_says_what(client: Client, version: ModelVersion, alone: bool) -> None:
    answer = preview(client, page_of(version, **{f"col-{PRODUCT}": "agee * smoker"}), alone=alone)
    text = answer.content.decode()
    assert "did you mean &quot;age&quot;?" in text
    assert "Not right yet" in text
    assert ("<html" in text) == (not alone)
    if not alone:
        assert answer.status_code == 422
        assert f'id="col-{PRODUCT}-error"' in text
        assert 'value="agee * smoker"' in text


def test_the_preview_works_as_a_page_of_its_own(client: Client, version: ModelVersion) -> None:
    answer = preview(client, page_of(version, **{f"col-{PRODUCT}": "age * smoker"}), alone=False)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "Answer to the example, stored nowhere" in text
    assert 'value="age * smoker"' in text


def test_an_example_that_cannot_be_worked_out_is_said(client: Client, version: ModelVersion) -> None:
    text = preview(client, page_of(version, **{f"col-{PRODUCT}": "1 / (age - 1)"})).content.decode()
    assert "it divides by 0" in text


QUESTION: dict[str, Any] = {
    "field": "smoker",
    "code": "codes_unknown",
    "message": "The sample says yes and no where the file takes numbers.",
    "words": ["yes", "no"],
}


def test_a_question_of_the_build_is_answered_only_by_a_person(client: Client, version: ModelVersion) -> None:
    version.report = {
        "questions": [QUESTION, {"field": "gone", "code": "codes_unknown", "words": ["a"]}, {"code": "other"}]
    }
    version.save(update_fields=["report"])
    url = reverse("signature", args=["charge", 1])
    page = client.get(url).content.decode()
    assert "One question" in page
    assert QUESTION["message"] in page
    assert page.index("“no”") < page.index("“yes”")
    numbers = {"q-0-0": "0", "q-0-1": "1"}
    save(client, page_of(version, **numbers))
    assert current(version) == built()
    assert (
        save(client, page_of(version, **{"q-0-0": "5", "q-0-1": "1.5", "q-0-confirm": "on"})).status_code
        == 302
    )
    assert current(version).input("smoker").choices == (Choice(5, "no"), Choice(1.5, "yes"))
    assert "question" not in client.get(url).content.decode()


def test_a_question_answered_with_words_is_refused_at_its_place(
    client: Client, version: ModelVersion
) -> None:
    version.report = {"questions": [QUESTION]}
    version.save(update_fields=["report"])
    answer = save(client, page_of(version, **{"q-0-0": "none", "q-0-1": "1", "q-0-confirm": "on"}))
    assert answer.status_code == 422
    assert 'value="none"' in answer.content.decode()
    assert current(version) == built()


def test_a_layer_file_goes_out_and_comes_back(client: Client, version: ModelVersion) -> None:
    save(client, page_of(version, **{f"col-{PRODUCT}": "age * smoker", f"in-{AGE}-label": "Years 🎂"}))
    made = current(version)
    answer = client.get(reverse("layer_file", args=["charge", 1]))
    assert answer.headers["Content-Disposition"] == 'attachment; filename="charge-layer.yaml"'
    assert read(answer.content)["columns"]["age_smoker"] == {"expression": "age * smoker"}
    url = reverse("signature", args=["charge", 1])
    emptied = SimpleUploadedFile("layer.yaml", b"fields: {age: {label: Old}}")
    assert client.post(url, {"revision": "2", "layer_file": emptied}).status_code == 302
    assert (current(version).layer, current(version).input("age").label) == (None, "Old")
    again = SimpleUploadedFile("layer.yaml", answer.content)
    assert client.post(url, {"revision": "3", "layer_file": again}).status_code == 302
    assert current(version) == made


def test_a_layer_file_with_a_mistake_changes_nothing(client: Client, version: ModelVersion) -> None:
    file = SimpleUploadedFile("layer.yaml", b"columns: {age: 'agee'}")
    answer = client.post(reverse("signature", args=["charge", 1]), {"revision": "1", "layer_file": file})
    assert answer.status_code == 422
    assert "no field or column" in answer.content.decode()
    assert current(version) == built()


@pytest.mark.parametrize("name", ["signature_preview", "layer_file"])
def test_others_find_neither(client: Client, version: ModelVersion, name: str) -> None:
    client.force_login(factories.user(is_staff=True))
    url = reverse(name, args=["charge", 1])
    answer = client.post(url) if name == "signature_preview" else client.get(url)
    assert answer.status_code == 404
