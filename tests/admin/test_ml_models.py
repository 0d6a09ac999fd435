"""ML models at the desk: lists, what they say of themselves, going live and back, bringing a file."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from predictions.models import Job, MLModel, Prediction, Source
from predictions.selectors import desk as desk_selectors
from predictions.services import roles
from tests.admin.conftest import account, client_of, loan
from tests.support.ml_models import LOAN, add_version, make_ml_model

Record = Callable[..., Prediction]
LIST = "/admin/predictions/mlmodel/"


@pytest.fixture
def owner(db: None) -> User:
    return account(roles.MODEL_OWNERS, username="olaf", is_staff=True)


@pytest.fixture
def owned(owner: User) -> MLModel:
    """Two versions of which the second is live."""
    ml_model = make_ml_model("scores", LOAN, owner=owner)
    add_version(ml_model, LOAN, live=True)
    return ml_model


def test_the_list_says_what_is_live_and_how_much_it_is_used(
    root: Client, loans: MLModel, answer: Record
) -> None:
    make_ml_model("idle", LOAN, live=False)
    answer(loans, loan(0.9), at=timezone.now() - timedelta(days=8))
    for _ in range(3):
        answer(loans, loan(0.9))
    rows = {row.slug: row for row in root.get(LIST).context["cl"].result_list}
    assert (rows["loans"].live_number, rows["loans"].recent) == (1, 3)
    assert (rows["idle"].live_number, rows["idle"].recent) == (None, 0)
    body = root.get(LIST).content.decode()
    assert "not live" in body
    assert "?ml_model=loans&amp;verdict=any" in body


def test_use_is_counted_up_to_a_cap(
    root: Client, loans: MLModel, answer: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_selectors, "RECENT_CAP", 2)
    monkeypatch.setattr("predictions.admin.ml_models.RECENT_CAP", 2)
    for _ in range(3):
        answer(loans, loan(0.9))
    assert ">2+</a>" in root.get(LIST).content.decode()


def test_the_list_costs_the_same_for_many(root: Client, loans: MLModel) -> None:
    with CaptureQueriesContext(connection) as few:
        root.get(LIST)
    for place in range(12):
        make_ml_model(f"more-{place}", LOAN, owner=account())
    with CaptureQueriesContext(connection) as many:
        root.get(LIST)
    assert len(many) == len(few)


def test_the_owner_changes_what_it_says_of_itself(owner: User, owned: MLModel) -> None:
    data = {"name": "Risk", "description": "Who pays back.", "visibility": "members"}
    assert client_of(owner).post(f"{LIST}{owned.pk}/change/", data).status_code == 302
    owned.refresh_from_db()
    assert (owned.name, owned.description, owned.visibility) == ("Risk", "Who pays back.", "members")
    assert owned.slug == "scores"


def test_another_owner_only_reads(owned: MLModel) -> None:
    client = client_of(account(roles.MODEL_OWNERS, is_staff=True))
    page = f"{LIST}{owned.pk}/change/"
    body = client.get(page).content.decode()
    assert "Scores" in body
    assert 'name="description"' not in body
    assert "Go back to v1" not in body
    assert client.post(page, {"name": "Mine", "visibility": "public"}).status_code == 403
    for verb in ("go-live", "take-down"):
        assert client.post(f"{LIST}{owned.pk}/{verb}/", {"version": "1"}).status_code == 403
    assert owned.deployments.get(ended_at=None).version.number == 2


def test_goes_back_to_an_earlier_version(owner: User, owned: MLModel) -> None:
    client = client_of(owner)
    assert "Go back to v1" in client.get(f"{LIST}{owned.pk}/change/").content.decode()
    response = client.post(f"{LIST}{owned.pk}/go-live/", {"version": "1"}, follow=True)
    assert owned.deployments.get(ended_at=None).version.number == 1
    body = response.content.decode()
    assert "Version 1 of Scores answers from now on." in body
    assert "Go live with v2" in body


@pytest.mark.parametrize("number", ["", "3", "abc", "-1", "99999999999999999999"])
def test_a_version_that_does_not_exist_is_not_gone_live_with(
    owner: User, owned: MLModel, number: str
) -> None:
    response = client_of(owner).post(f"{LIST}{owned.pk}/go-live/", {"version": number}, follow=True)
    assert "Choose one of the versions below." in response.content.decode()
    assert owned.deployments.get(ended_at=None).version.number == 2


def test_takes_it_down(owner: User, owned: MLModel) -> None:
    client_of(owner).post(f"{LIST}{owned.pk}/take-down/")
    assert not owned.deployments.filter(ended_at=None).exists()


def test_going_live_is_not_done_by_a_link(owner: User, owned: MLModel) -> None:
    assert client_of(owner).get(f"{LIST}{owned.pk}/go-live/?version=1").status_code == 405


def test_names_are_never_markup(root: Client, owned: MLModel) -> None:
    evil = "<script>alert(1)</script>"
    MLModel.objects.filter(pk=owned.pk).update(name=evil, description=evil)
    Source.objects.update(filename=evil)
    for page in (
        LIST,
        f"{LIST}{owned.pk}/change/",
        "/admin/predictions/modelversion/",
        "/admin/predictions/source/",
    ):
        assert evil not in root.get(page).content.decode(), page


# --- Bring a file -----------------------------------------------------------------------------------------


def upload(client: Client, **data: object) -> Any:
    form = {
        "file": SimpleUploadedFile("model.joblib", b"bytes of a model"),
        "name": "Fresh",
        "visibility": "members",
        **data,
    }
    return client.post(f"{LIST}add/", {key: value for key, value in form.items() if value is not None})


def test_a_file_becomes_a_job_to_follow(owner: User) -> None:
    files = [
        SimpleUploadedFile("rows.csv", b"a,b\n1,2\n"),
        SimpleUploadedFile("model.joblib", b"bytes of a model"),
        SimpleUploadedFile("scaler.joblib", b"bytes of a scaler"),
    ]
    asked = {"description": "What it says.", "go_live": "on", "chain": "scaler.joblib"}
    response = upload(client_of(owner), file=files, **asked)
    job = Job.objects.get()
    assert response["Location"] == f"/admin/predictions/job/{job.pk}/change/"
    assert job.created_by == owner
    assert job.source is not None
    assert (job.source.filename, job.source.sample_filename, job.source.size) == (
        "model.joblib",
        "rows.csv",
        16,
    )
    assert [file.filename for file in job.source.files.all()] == ["scaler.joblib"]
    assert job.request["chain"] == ["scaler.joblib"]
    assert {key: job.request[key] for key in ("name", "description", "go_live", "visibility")} == {
        "name": "Fresh",
        "description": "What it says.",
        "go_live": True,
        "visibility": "members",
    }
    assert not MLModel.objects.exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"file": None}, "Choose the file that holds the trained estimator."),
        ({"name": ""}, "Give it a name that people will recognize."),
        ({"name": "x" * 121}, "at most 120 characters"),
        ({"visibility": "everybody"}, "Select a valid choice"),
    ],
)
def test_what_is_missing_is_said_at_its_field(owner: User, data: dict[str, object], message: str) -> None:
    response = upload(client_of(owner), **data)
    assert response.status_code == 422
    assert message in response.content.decode()
    assert not Job.objects.exists()
    assert not Source.objects.exists()


def test_an_empty_file_is_refused_in_words(owner: User) -> None:
    response = upload(client_of(owner), file=SimpleUploadedFile("model.joblib", b""))
    assert response.status_code == 422
    assert "The file is empty" in response.content.decode()
    assert not Source.objects.exists()


def test_another_owners_name_is_refused(owned: MLModel) -> None:
    client = client_of(account(roles.MODEL_OWNERS, is_staff=True))
    response = upload(client, name="Scores")
    assert response.status_code == 422
    assert "belongs to somebody else" in response.content.decode()
    assert not Job.objects.exists()


def test_a_file_that_is_too_large_is_refused(owner: User, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 10
    response = upload(client_of(owner))
    assert response.status_code == 422
    assert "larger than" in response.content.decode()
    assert not Source.objects.exists()


def test_a_body_beyond_every_limit_is_refused_before_it_is_read(owner: User, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 10
    body = io.BytesIO(b"x" * 2_000_000)
    response = client_of(owner).post(f"{LIST}add/", {"file": body, "name": "Fresh"})
    assert response.status_code == 413
