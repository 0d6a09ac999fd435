"""The demos as the site builds them: every answer equals the original estimator's, whatever kind of file it came as."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.utils.html import escape
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer
from pytest_django.plugin import DjangoDbBlocker
from skl2onnx import to_onnx
from sklearn.base import is_classifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.semi_supervised import LabelSpreading

from deploy_site.supervisor import Supervisor
from predictions import dispatch, repository
from predictions.models import Job, ModelVersion, Prediction
from predictions.selectors.demos import DEMOS
from predictions.services import api_keys
from predictions.signature.answers import labels_of
from predictions.signature.fields import Signature
from predictions.values import Actor

pytestmark = pytest.mark.e2e

BUILD_SECONDS = 240
SLUGS = [slug for slug, _ in DEMOS]
GENERATED = 300


def finished(job: Job) -> Job:
    """Wait for a job."""
    until = time.monotonic() + BUILD_SECONDS
    while not job.is_over:
        assert time.monotonic() < until, f"{job.name} is still {job.status}: {job.log}"
        time.sleep(0.2)
        job.refresh_from_db()
    return job


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """In this file rows stay from test to test: the demos are built once. pytest-django finds out by this
    fixture's name that the tests need a database."""
    with django_db_blocker.unblock():
        yield
        # Ids go on: the site and its workers remember what has an id for as long as they run.
        call_command("flush", verbosity=0, interactive=False, reset_sequences=False)


@pytest.fixture(scope="module")
def desk(db: None, worker: Supervisor) -> dict[str, Job]:
    """All demos, trained and built by the real workers; their jobs by slug."""
    admin = User.objects.create_superuser("demo-admin", password="correct horse 7")
    actor = Actor(user_id=admin.pk, is_staff=True, is_superuser=True)
    jobs = {slug: dispatch.demo(slug=slug, name=name, actor=actor) for slug, name in DEMOS}
    return {slug: finished(job) for slug, job in jobs.items()}


@pytest.fixture
def program(desk: dict[str, Job]) -> Client:
    """An API client with the admin's key."""
    _key, secret = api_keys.create(name="tests", user=User.objects.get(username="demo-admin"))
    return Client(headers={"Authorization": f"Bearer {secret}"})


def signature_of(version: ModelVersion) -> Signature:
    """The newest signature of a version."""
    version.refresh_from_db(fields=["current_revision"])
    return Signature.from_document(version.current_revision.document)


def source_of(version: ModelVersion) -> tuple[Any, pd.DataFrame]:
    """The estimator as it was brought, and the rows brought with it."""
    source = version.source
    with repository.local_copy(source.sample_key, None) as path:
        sample = pd.read_csv(path, keep_default_na=False)[list(signature_of(version).names)]
    return joblib.load(io.BytesIO(repository.read_verified(source.key, source.sha256))), sample


def more_rows(sample: pd.DataFrame, count: int) -> pd.DataFrame:
    """Cases nobody has seen: each column drawn by itself from its own values; broken numbers also in between."""
    random = np.random.default_rng(7)
    columns = {}
    for name in sample:
        drawn = (
            sample[name].sample(count, replace=True, random_state=int(random.integers(1 << 30))).to_numpy()
        )
        if sample[name].dtype.kind == "f" and (sample[name] % 1 != 0).any():
            low, high = sample[name].min(), sample[name].max()
            drawn = np.round(drawn * random.uniform(0.9, 1.1, count), 6).clip(low, high)
        columns[name] = drawn
    return pd.DataFrame(columns)


def answers(client: Client, slug: str, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """What the API says of these rows."""
    body = json.dumps({"inputs": json.loads(rows.to_json(orient="records", double_precision=15))})
    response = client.post(f"/api/v1/models/{slug}/predict", body, content_type="application/json")
    assert response.status_code == 200, response.content[:2000]
    found: list[dict[str, Any]] = response.json()["predictions"]
    assert len(found) == len(rows)
    return found


def require_equal(found: list[dict[str, Any]], version: ModelVersion, estimator: Any, rows: Any) -> None:
    """The same labels and probabilities (1e-6), or the same values (1e-4 of their size)."""
    if not is_classifier(estimator):
        expected = np.asarray(estimator.predict(rows), dtype=float).ravel()
        assert np.array([one["value"] for one in found]) == pytest.approx(expected, rel=1e-4, abs=1e-6)
        return
    signature = signature_of(version)
    values = [name.value for name in signature.main_output.classes]
    assert values == list(estimator.classes_)
    labels = labels_of(signature)
    shares = estimator.predict_proba(rows)
    mine = np.array([[one["probabilities"][str(label)] for label in labels] for one in found])
    assert np.abs(mine - shares).max() < 1e-6
    # Where two classes are level to the last digits either may come first.
    top = np.sort(shares, axis=1)
    clear = (top[:, -1] - top[:, -2]) > 1e-6
    assert clear.mean() > 0.98
    wanted = [labels[values.index(value)] for value in estimator.predict(rows)]
    told = [one["label"] for one in found]
    assert [
        pair for pair, is_clear in zip(zip(told, wanted, strict=True), clear, strict=True) if is_clear
    ] == [(label, label) for label, is_clear in zip(wanted, clear, strict=True) if is_clear]


@pytest.mark.parametrize("slug", SLUGS)
def test_a_demo_is_built_live_and_says_where_it_is_from(desk: dict[str, Job], slug: str) -> None:
    job = desk[slug]
    assert (job.status, job.error_message) == ("succeeded", "")
    version = job.version
    assert version is not None
    assert version.runtime == ModelVersion.Runtime.ONNX
    assert version.report["parity"]["verdict"] == "equal"
    page = Client().get(f"/m/{slug}/about/").content.decode()
    for text in ("source", "licence", "intended_use"):
        assert version.ml_model.card[text]
    assert version.metrics
    for metric in version.metrics:
        assert metric["name"] in page
    assert escape(version.ml_model.card["source"]) in page
    assert escape(version.ml_model.card["licence"]) in page


@pytest.mark.parametrize("slug", SLUGS)
def test_every_answer_of_a_demo_equals_the_estimators(
    desk: dict[str, Job], program: Client, slug: str
) -> None:
    version = desk[slug].version
    assert version is not None
    estimator, sample = source_of(version)
    for rows in (sample.head(1000), more_rows(sample, GENERATED)):
        stored = Prediction.objects.filter(ml_model__slug=slug).count()
        found = answers(program, slug, rows)
        require_equal(found, version, estimator, rows)
        assert Prediction.objects.filter(ml_model__slug=slug).count() == stored + len(rows)
        last = Prediction.objects.get(pk=found[-1]["id"])
        assert {key: found[-1][key] for key in last.outputs} == last.outputs


def test_the_articles_curl_continues_the_sequence(desk: dict[str, Job]) -> None:
    response = Client().post("/predict", '{"input": [1, 2, 3]}', content_type="application/json")
    assert (response.status_code, response.json()) == (200, {"prediction": [4]})
    response = Client().post(
        "/predict", '{"input": [[1, 2, 3], [10, 20, 30]]}', content_type="application/json"
    )
    assert response.json() == {"prediction": [4, 40]}


def test_the_line_answers_ten_for_five_and_shows_its_equation(desk: dict[str, Job], program: Client) -> None:
    assert answers(program, "line", pd.DataFrame({"x": [5.0]}))[0]["value"] == pytest.approx(10.0)
    assert "y = 2x + 0" in Client().get("/m/line/about/").content.decode()


def bring(program: Client, name: str, content: bytes, filename: str, sample: str = "") -> ModelVersion:
    """Through the API, as a partner's program would; waits until it is live."""
    fields: dict[str, Any] = {"name": name, "live": "true", "file": SimpleUploadedFile(filename, content)}
    if sample:
        fields["sample"] = SimpleUploadedFile("rows.csv", sample.encode())
    response = program.post("/api/v1/models", fields)
    assert response.status_code == 202, response.content
    job = finished(Job.objects.get(pk=response.json()["id"]))
    assert job.status == "succeeded", (job.error_message, job.log)
    assert job.version is not None
    return job.version


@pytest.fixture(scope="module")
def wine() -> tuple[Any, pd.DataFrame]:
    """A forest over three measurements with text classes, and its rows."""
    random = np.random.default_rng(3)
    rows = pd.DataFrame(random.normal(size=(200, 3)), columns=["acid", "sugar", "color ⚗"])
    truth = np.where(rows.sum(axis=1) > 0.5, "sweet 🍯", np.where(rows["acid"] > 0, "sour", "plain"))
    return RandomForestClassifier(20, max_depth=5, random_state=0).fit(rows, truth), rows


@pytest.mark.parametrize("kind", ["joblib", "pickle", "skops", "onnx"])
def test_one_estimator_answers_the_same_whatever_file_it_came_as(
    program: Client, wine: tuple[Any, pd.DataFrame], kind: str
) -> None:
    estimator, rows = wine
    file = io.BytesIO()
    if kind == "skops":
        file.write(skops.io.dumps(estimator))
    elif kind == "onnx":
        graph = to_onnx(estimator, rows.to_numpy()[:1], options={id(estimator): {"zipmap": False}})
        file.write(graph.SerializeToString())
    else:
        joblib.dump(estimator, file, compress=3 if kind == "joblib" else 0)
    ending = {"pickle": "pkl"}.get(kind, kind)
    version = bring(program, f"Wine {kind}", file.getvalue(), f"wine.{ending}", rows.to_csv(index=False))
    assert version.runtime == ModelVersion.Runtime.ONNX
    named = rows
    if kind == "onnx":
        named = rows.set_axis(list(signature_of(version).names), axis=1)
    require_equal(answers(program, version.ml_model.slug, named), version, estimator, rows)


def test_what_cannot_become_onnx_is_served_by_its_own_library(program: Client) -> None:
    random = np.random.default_rng(5)
    rows = pd.DataFrame(random.normal(size=(120, 2)), columns=["a", "b"])
    truth = np.where(rows["a"] + rows["b"] > 0, "up", "down")
    estimator = LabelSpreading(kernel="knn", n_neighbors=9).fit(rows, pd.factorize(truth)[0])
    file = io.BytesIO()
    joblib.dump(estimator, file)
    version = bring(program, "Spread", file.getvalue(), "spread.joblib", rows.to_csv(index=False))
    assert version.runtime == ModelVersion.Runtime.NATIVE
    assert version.report["reason"]
    asked = pd.DataFrame(random.normal(size=(150, 2)), columns=["a", "b"])
    require_equal(answers(program, version.ml_model.slug, asked), version, estimator, asked)


@pytest.fixture
def address(desk: dict[str, Job]) -> Iterator[str]:
    """A web server on the demos' rows; pytest-django's own would empty the tables after each test."""
    server = LiveServer("localhost")
    yield server.url
    server.stop()


def test_a_drawing_gets_an_answer(address: str, new_page: Callable[[], Page]) -> None:
    live_page = new_page()
    live_page.goto(f"{address}/m/digits/")
    pad = live_page.locator("[data-pad] canvas")
    expect(pad).to_be_visible()
    box = pad.bounding_box()
    assert box is not None
    x = box["x"] + box["width"] * 0.5
    mouse = live_page.mouse
    mouse.move(x, box["y"] + box["height"] * 0.1)
    mouse.down()
    mouse.move(x, box["y"] + box["height"] * 0.9, steps=12)
    mouse.up()
    live_page.get_by_role("button", name="Get the answer").click()
    expect(live_page.locator("#answer .value")).to_be_visible()
    row = Prediction.objects.filter(ml_model__slug="digits", face="form").get()
    inked = np.array(row.inputs).reshape(8, 8)
    assert inked[:, 3:5].sum() > 8 * 10
    assert inked[:, :2].sum() == inked[:, 6:].sum() == 0
    estimator, sample = source_of(row.version)
    shares = estimator.predict_proba(pd.DataFrame([row.inputs], columns=sample.columns))[0]
    names = [str(value) for value in estimator.classes_]
    assert row.outputs["probabilities"] == pytest.approx(dict(zip(names, shares, strict=True)), abs=1e-6)
    expect(live_page.locator("#answer .value")).to_have_text(str(row.outputs["label"]))
