"""A layer between people and the estimator: every face gives what the author's own code gives."""

from __future__ import annotations

import csv
import io
import json
from itertools import count
from typing import Any

import pytest
from django.test import Client

from deploy_site.supervisor import Supervisor
from predictions.models import ModelVersion, Prediction
from predictions.selectors import jobs as job_rows
from predictions.services import score_files, scoring
from predictions.signature.wording import text_of
from tests import factories
from tests.support import insurance

CASES = insurance.CASES
EXACT: dict[str, Any] = {"rel": 1e-9}


_numbers = count(1)


@pytest.fixture
def slug() -> str:
    # A name of each test's own: for two seconds the gateway takes an ml_model for the one it was.
    name = f"charge-{next(_numbers)}"
    factories.version(
        signature=insurance.signature(),
        onnx=insurance.onnx(),
        plan=insurance.plan(),
        slug=name,
        name=name,
    )
    return name


def by_api(slug: str, inputs: Any) -> Any:
    body = json.dumps({"inputs": inputs})
    return Client().post(f"/api/v1/models/{slug}/predict", body, content_type="application/json")


def by_form(slug: str, case: dict[str, Any]) -> Any:
    return Client().post(f"/m/{slug}/", {f"in-{name}": text_of(value) for name, value in case.items()})


def by_file(slug: str, cases: list[dict[str, Any]]) -> list[dict[str, str]]:
    actor = factories.actor_for(factories.user())
    target = factories.target(ModelVersion.objects.get(ml_model__slug=slug))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(cases[0]))
    writer.writeheader()
    writer.writerows({name: text_of(value) for name, value in case.items()} for case in cases)
    job = score_files.receive(
        actor=actor, target=target, stream=io.BytesIO(text.getvalue().encode()), filename="rows.csv"
    )
    scoring.run(job.pk)
    job = job_rows.get(actor, job.pk)
    assert job.status == "succeeded", job.error_message
    result = b"".join(score_files.result_chunks(job)[1])
    return list(csv.DictReader(io.StringIO(result.decode(), newline="")))


@pytest.mark.django_db(transaction=True)
def test_form_api_file_and_stored_row_say_what_the_author_said(worker: Supervisor, slug: str) -> None:
    wanted = [insurance.authors_answer(case) for case in CASES]
    answers = by_api(slug, CASES).json()["predictions"]
    assert [one["value"] for one in answers] == pytest.approx(wanted, **EXACT)
    for case, value in zip(CASES, wanted, strict=True):
        response = by_form(slug, case)
        assert response.status_code == 302, response.content[:300]
        row = Prediction.objects.latest("created_at")
        assert row.face == "form"
        assert row.outputs["value"] == pytest.approx(value, **EXACT)
        assert row.inputs == [case[name] for name in insurance.signature().names]
    lines = by_file(slug, CASES)
    assert [float(line["value"]) for line in lines] == pytest.approx(wanted, **EXACT)
    stored = Prediction.objects.get(pk=lines[1]["prediction_id"])
    assert stored.inputs == [CASES[1][name] for name in insurance.signature().names]
    assert stored.outputs == {"value": float(lines[1]["value"]), "raw": answers[1]["raw"]}
    raw = insurance.estimator().predict([insurance.authors_columns(CASES[1])])[0]
    assert answers[1]["raw"] == pytest.approx(raw, **EXACT)


@pytest.mark.django_db(transaction=True)
def test_every_face_refuses_what_cannot_be_worked_out(worker: Supervisor, slug: str) -> None:
    wrong = {**CASES[0], "height": 0.0}
    message = '"raw_bmi" cannot be worked out: it divides by 0; change Height or Weight.'
    response = by_api(slug, [CASES[1], wrong])
    assert response.status_code == 422
    (fault,) = response.json()["errors"]
    assert (fault["row"], fault["field"], fault["code"]) == (1, "height", "derived_failed")
    page = by_form(slug, wrong)
    assert page.status_code == 422
    (told,) = page.context["case"].errors
    assert (told.field, told.code, told.message) == ("height", "derived_failed", fault["message"])
    first, second = by_file(slug, [CASES[1], wrong])
    assert float(first["value"]) == pytest.approx(insurance.authors_answer(CASES[1]), **EXACT)
    assert (second["value"], second["error"]) == ("", fault["message"])
    assert fault["message"] == message
    assert Prediction.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_label_stands_for_its_value_on_every_face(worker: Supervisor, slug: str) -> None:
    labeled = {**CASES[0], "smoker": "Smokes"}
    said = by_api(slug, labeled)
    assert said.status_code == 200, said.content
    (answer,) = said.json()["predictions"]
    assert answer["value"] == pytest.approx(insurance.authors_answer(CASES[0]), **EXACT)
    assert by_form(slug, labeled).status_code == 302
    by_file(slug, [labeled])
    rows = [row.inputs for row in Prediction.objects.all()]
    assert len(rows) == 3
    assert all(row == rows[0] and row[1] == "yes" for row in rows)
