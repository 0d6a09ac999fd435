"""The tab that takes a file of cases, the job's page while it is scored, and the way back. Without JavaScript."""

from __future__ import annotations

from typing import Any

import pytest
from celery import current_app
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django.fixtures import Settings

from predictions.models import Job, MLModel, Prediction, ScoreFile
from predictions.services import score_files, scoring
from tests import factories
from tests.web.conftest import signed_in

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = "number;b;a\nK-1;1;1\nK-2;x;1\nK-3;1;-2\n"


@pytest.fixture(autouse=True)
def _no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *_args, **_named: None)


@pytest.fixture
def sign(db: None) -> MLModel:
    return factories.sign_version(slug="sign", name="Sign").ml_model


def send(client: Client, content: str, name: str = "März.csv") -> Any:
    return client.post("/m/sign/file/", {"file": SimpleUploadedFile(name, content.encode())})


def test_a_file_leads_to_its_job_and_the_job_to_the_answers(sign: MLModel, member: Client) -> None:
    response = send(member, GOOD)
    job = Job.objects.get()
    assert response.status_code == 302
    assert response["Location"] == f"/jobs/{job.pk}/"
    waiting = member.get(response["Location"]).content.decode()
    assert "März.csv" in waiting
    assert 'http-equiv="refresh"' in waiting
    assert f"/jobs/{job.pk}/cancel/" in waiting

    scoring.run(job.pk)
    page = member.get(response["Location"]).content.decode()
    assert f"/jobs/{job.pk}/result/" in page
    assert "Not answered" in page
    assert "2 rows answered, 1 not answered" in page
    assert "“number”" in page

    result: Any = member.get(f"/jobs/{job.pk}/result/")
    assert "M%C3%A4rz-answers.csv" in result["Content-Disposition"]
    lines = b"".join(result.streaming_content).decode().splitlines()
    assert lines[0] == ("number;b;a;outcome;probability.below;probability.above;warnings;prediction_id;error")
    assert lines[1].startswith("K-1;1;1;above;0.")
    assert lines[2] == 'K-2;x;1;;;;;;"b must be a number; ""x"" is not."'
    case = Prediction.objects.get(pk=lines[3].split(";")[-2])
    assert case.inputs == [-2.0, 1.0]
    assert member.get(f"/predictions/{case.pk}/").status_code == 200
    listed = member.get("/m/sign/file/").content.decode()
    assert "März.csv" in listed
    assert f"/jobs/{job.pk}/result/" in listed


def test_what_is_wrong_with_a_file_is_said_on_the_page(sign: MLModel, member: Client) -> None:
    response = send(member, "b\n1\n")
    assert response.status_code == 422
    assert "The file has no column &quot;a&quot;" in response.content.decode()
    missing = member.post("/m/sign/file/", {})
    assert missing.status_code == 422
    assert "Choose the CSV file" in missing.content.decode()
    assert not Job.objects.exists()


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    sign: MLModel, member: Client, settings: Settings
) -> None:
    settings.MAX_SCORE_FILE_BYTES = 10
    assert send(member, "a,b\n1,2\n" * 10).status_code == 413
    response = send(member, "a,b\n" + "1,2\n" * 400_000)
    assert response.status_code == 413
    assert "too large" in response.content.decode()


def test_strangers_are_told_to_sign_in_and_may_take_the_template(sign: MLModel) -> None:
    client = Client()
    page = client.get("/m/sign/file/").content.decode()
    assert "Sign in to score files" in page
    assert 'type="file"' not in page
    assert "/accounts/login/?next=/m/sign/file/" in send(client, GOOD)["Location"]
    assert not Job.objects.exists()
    template = client.get("/m/sign/file/template.csv")
    assert template.content.decode("utf-8-sig").splitlines() == ["a,b", "1,1"]


def test_the_template_can_be_scored_as_it_is(sign: MLModel, member: Client) -> None:
    text = member.get("/m/sign/file/template.csv").content.decode()
    send(member, text)
    scoring.run(Job.objects.get().pk)
    assert (ScoreFile.objects.get().answered, ScoreFile.objects.get().faulty) == (1, 0)


def test_other_accounts_find_neither_job_nor_result(sign: MLModel, member: Client) -> None:
    send(member, GOOD)
    job = Job.objects.get()
    scoring.run(job.pk)
    other = signed_in()
    assert other.get(f"/jobs/{job.pk}/").status_code == 404
    assert other.get(f"/jobs/{job.pk}/result/").status_code == 404
    assert "März.csv" not in other.get("/m/sign/file/").content.decode()
    assert Client().get(f"/jobs/{job.pk}/result/").status_code == 302


def test_an_old_result_is_gone_and_the_page_says_so(
    sign: MLModel, member: Client, settings: Settings
) -> None:
    send(member, GOOD)
    job = Job.objects.get()
    scoring.run(job.pk)
    settings.SCORE_RESULT_DAYS = 0
    score_files.forget_old()
    assert member.get(f"/jobs/{job.pk}/result/").status_code == 404
    assert "The result was deleted" in member.get(f"/jobs/{job.pk}/").content.decode()
    assert Prediction.objects.count() == 2
