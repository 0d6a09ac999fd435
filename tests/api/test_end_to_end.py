"""The API with real workers behind it."""

from __future__ import annotations

import io
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import LabelEncoder, StandardScaler

from deploy_site.supervisor import Supervisor
from predictions.api import health
from predictions.models import Job, MLModel, Prediction, Source
from tests import factories
from tests.api.conftest import Api, People, problem

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("worker")]

BUILD_SECONDS = 120


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, LogisticRegression]:
    """A classifier as people save it, with its table and itself."""
    folder = tmp_path_factory.mktemp("flowers")
    random = np.random.default_rng(3)
    table = pd.DataFrame({"length": random.normal(5, 1, 120), "width": random.normal(3, 1, 120)})
    names = np.where(table["length"] + table["width"] > 8, "big", "small")
    estimator = LogisticRegression().fit(table, names)
    joblib.dump(estimator, folder / "flowers.joblib")
    table.to_csv(folder / "flowers.csv", index=False)
    return folder / "flowers.joblib", folder / "flowers.csv", estimator


@contextmanager
def asleep(worker: Supervisor, name: str) -> Iterator[None]:
    """A worker that takes nothing for a while, as one that hangs."""
    process = next(process for process in worker.processes if process.name == name)
    os.killpg(process.group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(process.group, signal.SIGCONT)


def followed(api: Api, job_id: str) -> dict[str, Any]:
    """The job once it is over, asked for as a program would."""
    until = time.monotonic() + BUILD_SECONDS
    while time.monotonic() < until:
        body: dict[str, Any] = api.get(f"jobs/{job_id}").json()
        if body["status"] not in ("queued", "running"):
            return body
        time.sleep(0.2)
    raise AssertionError(body)


def test_an_answer_comes_from_a_worker_and_is_stored(people: People) -> None:
    version = factories.sign_version(slug="sign")
    rows = [[1.0, 2.0], [-3.0, 0.5], [0.1, -0.1]]
    body = people.key.post("models/sign/predict", {"inputs": rows}).json()
    expected = factories.sign_estimator().predict_proba(np.array(rows))
    for one, shares in zip(body["predictions"], expected, strict=True):
        assert list(one["probabilities"].values()) == pytest.approx(list(shares), abs=1e-6)
        assert one["label"] == ("above" if shares[1] > 0.5 else "below")
    stored = {str(row.pk): row for row in Prediction.objects.all()}
    assert [stored[one["id"]].inputs for one in body["predictions"]] == rows
    assert {row.version for row in stored.values()} == {version}
    assert people.key.get(f"predictions/{body['predictions'][0]['id']}").json()["inputs"] == {
        "a": 1.0,
        "b": 2.0,
    }


def test_the_article_s_call_is_answered_by_the_default(people: People) -> None:
    factories.version(is_default=True)
    assert people.anonymous.post("/predict", {"input": [5]}).content == b'{"prediction":[10]}'
    assert people.anonymous.post("/predict", {"input": [[5], [1.25]]}).content == b'{"prediction":[10,2.5]}'


def test_ready_runs_an_inference_that_leaves_no_trace(people: People) -> None:
    factories.version()
    body = people.anonymous.get("/health/ready").json()
    assert 0 < body["inference_seconds"] < 3
    assert not Prediction.objects.exists()


def test_ready_without_ml_models_finds_the_workers(people: People) -> None:
    assert people.anonymous.get("/health/ready").json()["inference_seconds"] is None


def test_readiness_falls_with_the_worker_and_comes_back(people: People, worker: Supervisor) -> None:
    factories.version()
    with asleep(worker, "interactive"):
        document = problem(people.anonymous.get("/health/ready"), 503, "not_ready")
        assert document["parts"] == {"database": "ok", "queue": "ok", "worker": "down"}
    health.watch.forget()
    assert people.anonymous.get("/health/ready").status_code == 200


def test_a_caller_is_sent_away_at_the_deadline_and_nothing_is_stored(
    people: People, worker: Supervisor, settings: Settings
) -> None:
    settings.PREDICT_DEADLINE_SECONDS = 1
    row = factories.version()
    path = f"models/{row.ml_model.slug}/predict"
    with asleep(worker, "interactive"):
        response = people.anonymous.post(path, {"inputs": [1]})
        problem(response, 503, "deadline_passed")
        assert int(response["Retry-After"]) > 0
    settings.PREDICT_DEADLINE_SECONDS = 10
    assert people.anonymous.post(path, {"inputs": [2]}).status_code == 200
    assert [row.inputs for row in Prediction.objects.all()] == [[2]]


def test_an_upload_becomes_an_ml_model_that_answers_like_the_original(
    people: People, flowers: tuple[Path, Path, LogisticRegression]
) -> None:
    file, sample, estimator = flowers
    with file.open("rb") as stream, sample.open("rb") as rows:
        form = {"file": stream, "sample": rows, "name": "Flowers", "live": "true", "visibility": "members"}
        response = people.staff_key.upload("models", form)
    assert response.status_code == 202, response.content
    job = followed(people.staff_key, response.json()["id"])
    assert job["status"] == "succeeded", job
    assert job["steps"]
    assert all(step["status"] == "done" for step in job["steps"])
    detail = people.key.get(f"models/{job['model']}").json()
    assert [field["name"] for field in detail["inputs"]] == ["length", "width"]
    assert people.key.post(f"models/{job['model']}/predict", detail["example"]).status_code == 200
    case = {"length": 4.5, "width": 3.25}
    (answer,) = people.key.post(f"models/{job['model']}/predict", {"inputs": case}).json()["predictions"]
    shares = dict(zip(estimator.classes_, estimator.predict_proba(pd.DataFrame([case]))[0], strict=True))
    assert answer["probabilities"] == pytest.approx(shares, abs=1e-6)
    problem(people.anonymous.get(f"models/{job['model']}"), 404, "not_found")


def test_files_in_the_wrong_order_answer_as_the_steps_do_one_after_the_other(people: People) -> None:
    random = np.random.default_rng(8)
    table = pd.DataFrame({"age": random.normal(40, 9, 200), "dose": random.normal(300, 90, 200)})
    names = np.where(table["age"] * 9 + table["dose"] > 650, "much", "little")
    scaler, encoder = StandardScaler().fit(table), LabelEncoder().fit(names)
    model = LogisticRegression().fit(scaler.transform(table), encoder.transform(names))
    files = [SimpleUploadedFile("rows.csv", table.to_csv(index=False).encode())]
    for name, found in (("model.pkl", model), ("labels.pkl", encoder), ("scaler.pkl", scaler)):
        stream = io.BytesIO()
        joblib.dump(found, stream)
        files.append(SimpleUploadedFile(name, stream.getvalue()))
    form = {"file": files, "name": "Doses", "live": "true", "visibility": "public"}
    response = people.staff_key.upload("models", form)
    assert response.status_code == 202, response.content
    job = followed(people.staff_key, response.json()["id"])
    assert job["status"] == "succeeded", job
    version = MLModel.objects.get().versions.get()
    assert [step["file"] for step in version.report["chain"]] == ["scaler.pkl", "model.pkl"]
    cases = [{"age": 31.5, "dose": 280.0}, {"age": 52.25, "dose": 410.5}, {"age": 40.0, "dose": 289.0}]
    body = people.anonymous.post(f"models/{job['model']}/predict", {"inputs": cases}).json()
    expected = model.predict_proba(scaler.transform(pd.DataFrame(cases)))
    for one, shares in zip(body["predictions"], expected, strict=True):
        assert list(one["probabilities"].values()) == pytest.approx(list(shares), abs=1e-6)
    labels = [one["label"] for one in body["predictions"]]
    assert labels == list(encoder.inverse_transform(expected.argmax(axis=1)))
    assert set(labels) == {"much", "little"}


def test_a_second_file_is_a_second_version_and_the_first_is_one_call_away(people: People) -> None:
    for factor in (2, 3):
        table = np.array([[1.0], [2.0], [3.0]])
        stream = io.BytesIO()
        joblib.dump(LinearRegression().fit(table, table[:, 0] * factor), stream)
        upload = SimpleUploadedFile("line.joblib", stream.getvalue())
        form = {"file": upload, "name": "Times", "live": "true", "visibility": "public"}
        job = followed(people.staff, people.staff.upload("models", form).json()["id"])
        assert job["status"] == "succeeded", job

    def answer() -> tuple[int, float]:
        time.sleep(1.1)  # other processes may go on with the former version for a second
        body = people.anonymous.post(f"models/{job['model']}/predict", {"inputs": [5]}).json()
        return body["version"], body["predictions"][0]["value"]

    assert answer() == (2, pytest.approx(15))
    assert people.staff.post(f"models/{job['model']}/versions/1/live").status_code == 200
    assert answer() == (1, pytest.approx(10))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("picture.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 100),
        ("text.joblib", b"this is no model"),
        ("danger.pkl", b"cos\nsystem\n(S'touch /tmp/desk-was-here'\ntR."),
        ("empty.onnx", b""),
    ],
)
def test_what_is_no_model_file_fails_in_words_and_leaves_no_ml_model(
    people: People, name: str, content: bytes
) -> None:
    response = people.staff.upload("models", {"file": SimpleUploadedFile(name, content), "name": "Bad"})
    if response.status_code == 202:
        job = followed(people.staff, response.json()["id"])
        assert job["status"] == "failed"
        assert job["error"]["message"].endswith(".")
        assert "Traceback" not in job["error"]["message"]
    else:
        assert response.status_code in (400, 413, 422)
        assert response["Content-Type"] == "application/problem+json"
    assert not MLModel.objects.exists()
    assert not Source.objects.exclude(key="").exists()
    assert not Path("/tmp/desk-was-here").exists()


def test_deploy_brings_a_file_from_the_terminal(
    people: People, flowers: tuple[Path, Path, LogisticRegression]
) -> None:
    file, sample, _estimator = flowers
    out = io.StringIO()
    options = ["--name", "Terminal flowers", "--sample", str(sample), "--visibility", "public", "--live"]
    call_command("deploy", str(file), *options, stdout=out)
    job = Job.objects.get()
    assert job.status == Job.Status.SUCCEEDED
    assert "answers now" in out.getvalue()
    assert "curl " in out.getvalue()
    for step in job.steps:
        assert f"  {step['name']} {step['status']}" in out.getvalue()
    slug = MLModel.objects.get().slug
    assert people.anonymous.post(f"models/{slug}/predict", {"inputs": [5.0, 3.0]}).status_code == 200


def test_deploy_tells_why_a_file_is_none(people: People, tmp_path: Path) -> None:
    file = tmp_path / "notes.joblib"
    file.write_bytes(b"not a model")
    with pytest.raises(CommandError) as caught:
        call_command("deploy", str(file), "--name", "Notes", stdout=io.StringIO())
    assert str(caught.value) == Job.objects.get().error_message
