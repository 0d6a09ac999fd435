"""Files of cases over the API: who may bring them, what is said of bad ones, and who gets the result."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import current_app
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django.fixtures import Settings

from predictions.models import Job, MLModel, Prediction, ScoreFile
from predictions.services import scoring
from tests import factories
from tests.api.conftest import Api, People, problem

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = "a,b\n1,1\n-2,1\n"


@pytest.fixture(autouse=True)
def _no_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *_args, **_named: None)


@pytest.fixture
def sign() -> MLModel:
    return factories.sign_version(slug="sign", visibility="members").ml_model


def send(api: Api, content: str | bytes, slug: str = "sign", name: str = "rows.csv") -> Any:
    data = content if isinstance(content, bytes) else content.encode()
    return api.upload(f"models/{slug}/files", {"file": SimpleUploadedFile(name, data)})


def finished(api: Api, content: str) -> dict[str, Any]:
    """A file that was scored, as its job says."""
    response = send(api, content)
    assert response.status_code == 202, response.content
    job = json.loads(response.content)
    scoring.run(job["id"])
    found: dict[str, Any] = json.loads(api.get(f"jobs/{job['id']}").content)
    return found


def path_of(link: str) -> str:
    return urlsplit(link).path


def body_of(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


def test_a_file_becomes_a_job_and_then_a_file_with_answers(people: People, sign: MLModel) -> None:
    response = send(people.key, GOOD)
    assert response.status_code == 202
    job = json.loads(response.content)
    assert response["Location"].endswith(f"/api/v1/jobs/{job['id']}")
    assert (job["kind"], job["status"], job["model"], job["links"]["result"]) == (
        "score",
        "queued",
        "sign",
        None,
    )
    assert (job["file"]["filename"], job["file"]["rows"]) == ("rows.csv", None)

    scoring.run(job["id"])
    done = json.loads(people.key.get(f"jobs/{job['id']}").content)
    assert (done["status"], done["file"]["answered"], done["file"]["faulty"]) == ("succeeded", 2, 0)
    result = people.key.get(path_of(done["links"]["result"]))
    assert result["Content-Type"] == "text/csv; charset=utf-8"
    assert result["Content-Disposition"] == 'attachment; filename="rows-answers.csv"'
    lines = body_of(result).splitlines()
    assert int(result["Content-Length"]) == done["file"]["result_size"]
    assert lines[0] == "a,b,outcome,probability.below,probability.above,warnings,prediction_id,error"
    assert lines[1].startswith("1,1,above,")
    for line in lines[1:]:
        found = people.key.get(f"predictions/{line.split(',')[-2]}")
        assert json.loads(found.content)["outcome"] == line.split(",")[2]
    assert {row.api_key_id for row in Prediction.objects.all()} == {people.keys["key"].pk}


def test_programs_may_ask_for_csv_by_name(people: People, sign: MLModel) -> None:
    link = finished(people.key, GOOD)["links"]["result"]
    response = people.key.client.get(path_of(link), headers={**people.key.headers, "Accept": "text/csv"})
    assert response.status_code == 200
    assert body_of(response).startswith("a,b,")


def test_nobody_else_sees_the_job_or_its_result(people: People, sign: MLModel) -> None:
    job = finished(people.user, GOOD)
    for other in (people.other_user, people.key, people.staff, people.other_key):
        problem(other.get(f"jobs/{job['id']}"), 404, "not_found")
        problem(other.get(f"jobs/{job['id']}/result"), 404, "not_found")
        problem(other.post(f"jobs/{job['id']}/cancel"), 404, "not_found")
    assert people.user.get(f"jobs/{job['id']}/result").status_code == 200
    assert people.user_key.get(f"jobs/{job['id']}/result").status_code == 200
    assert people.root.get(f"jobs/{job['id']}/result").status_code == 200


def test_the_job_of_a_key_is_that_keys_alone(people: People, sign: MLModel) -> None:
    job = finished(people.key, GOOD)
    assert [row["id"] for row in json.loads(people.key.get("jobs").content)["results"]] == [job["id"]]
    for other in (people.other_key, people.user, people.user_key):
        problem(other.get(f"jobs/{job['id']}"), 404, "not_found")
        assert json.loads(other.get("jobs").content)["results"] == []


def test_strangers_may_not_score_files(people: People) -> None:
    factories.sign_version(slug="sign", visibility="public")
    problem(send(people.anonymous, GOOD), 401, "not_authenticated")
    problem(send(people.visitor, GOOD), 401, "not_authenticated")
    assert not Job.objects.exists()


def test_an_ml_model_that_one_may_not_see_takes_no_file(people: People) -> None:
    factories.sign_version(slug="sign", visibility="private")
    problem(send(people.user, GOOD), 404, "not_found")


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        ("", "empty_file", "empty"),
        ("b\n1\n", "missing_columns", '"a"'),
        ("1,2\n3,4\n", "missing_columns", "first line"),
        ("a,b,a\n1,2,3\n", "duplicate_column", '"a"'),
        ("a,b\n", "no_rows", "no rows"),
        (b"a,b\n\xff,1\n", "not_utf8", "Line 2"),
        ("a,b\n1,2\n".encode("utf-16"), "not_utf8", "UTF-8"),
        ("a,b\r1,2\r", "line_ends", "save it again"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_words(
    people: People, sign: MLModel, content: str | bytes, code: str, said: str
) -> None:
    document = problem(send(people.key, content), 422, code)
    assert said in document["detail"]
    assert not Job.objects.exists()


def test_a_file_that_is_too_large_is_refused(people: People, sign: MLModel, settings: Settings) -> None:
    settings.MAX_SCORE_FILE_BYTES = 5
    problem(send(people.key, GOOD), 413, "file_too_large")


def test_only_so_many_files_of_one_caller_are_under_way(
    people: People, sign: MLModel, settings: Settings
) -> None:
    settings.MAX_SCORE_FILES_AT_ONCE = 1
    assert send(people.key, GOOD).status_code == 202
    response = send(people.key, GOOD)
    problem(response, 429, "too_many_files")
    assert int(response["Retry-After"]) > 0
    assert send(people.other_key, GOOD).status_code == 202


def test_a_waiting_file_can_be_cancelled_and_nothing_of_it_stays(people: People, sign: MLModel) -> None:
    job = json.loads(send(people.key, GOOD).content)
    cancelled = people.key.post(f"jobs/{job['id']}/cancel")
    assert json.loads(cancelled.content)["status"] == "cancelled"
    assert ScoreFile.objects.get().key == ""
    scoring.run(job["id"])
    assert not Prediction.objects.exists()
    problem(people.key.get(f"jobs/{job['id']}/result"), 404, "not_found")


def test_the_documented_answer_of_a_job_holds_its_file(people: People, sign: MLModel) -> None:
    document = json.loads(people.key.get("openapi.json").content)
    paths = document["paths"]
    assert "multipart/form-data" in paths["/api/v1/models/{slug}/files"]["post"]["requestBody"]["content"]
    assert "text/csv" in paths["/api/v1/jobs/{job_id}/result"]["get"]["responses"]["200"]["content"]
