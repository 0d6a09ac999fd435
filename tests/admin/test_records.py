"""Versions, jobs, keys, files and the first page: what they show, what can be done there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from predictions.models import ApiKey, Job, MLModel, Prediction
from predictions.selectors import api_keys as key_selectors
from predictions.selectors import desk as desk_selectors
from predictions.services import api_keys, roles
from tests.admin.conftest import account, client_of, loan, overrule

Record = Callable[..., Prediction]
NOW = timezone.now()
STEP = {
    "name": "scan",
    "status": "done",
    "started_at": (NOW - timedelta(seconds=3)).isoformat(),
    "finished_at": (NOW - timedelta(seconds=1.5)).isoformat(),
    "message": "A joblib file; nothing in it asks for more than a model needs.",
}
REPORT = {
    "estimator": "LogisticRegression",
    "summary": "A linear classifier",
    "reason": "Served by ONNX Runtime: it answers as the original library does.",
    "parity": {
        "verdict": "equal",
        "rows": 1234,
        "largest_difference": 4e-7,
        "kinds": {
            "missing_values": {
                "rows": 34,
                "largest_difference": 4e-7,
                "label_mismatches": 0,
                "ties": 2,
                "only_one_answered": 0,
            }
        },
    },
    "inspection": ["30 numbers."],
    "notes": ["Saved with compression."],
    "scan": {
        "format": "joblib",
        "compression": "zlib",
        "top": "sklearn.X",
        "globals": ["numpy.ndarray"],
        "sklearn_versions": ["1.9.1"],
        "libraries": [],
    },
    "guards": {"no_network": True, "other_user": False},
    "sandbox": {"seconds": 7.5, "cpu_seconds": 6.25, "peak_bytes": 1048576},
    "steps": [STEP],
}


# --- Versions ---------------------------------------------------------------------------------------------


def test_a_build_report_reads_as_words_and_tables(root: Client, loans: MLModel) -> None:
    version = loans.versions.get()
    version.report = REPORT
    version.metrics = [{"name": "Accuracy", "value": 0.9649, "measured_on": "114 held-out rows"}]
    version.libraries = {"scikit-learn": "1.9.1"}
    version.save()
    body = root.get(f"/admin/predictions/modelversion/{version.pk}/change/").content.decode()
    for text in (
        "It answers as the original does on 1,234 rows; the largest difference is 4.0e-07.",
        "Missing values",
        "0.9649",
        "114 held-out rows",
        "scikit-learn",
        "Scan without opening",
        "1.5 s",
        "no network",
        "not here",
        "1.0\xa0MB of memory",
        version.artifact_sha256,
        version.source.sha256,
        "18 – 120 years",
        "good, bad",
    ):
        assert text in body, text
    assert "{&#x27;" not in body
    assert "&quot;verdict&quot;" not in body


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"parity": None, "steps": None, "scan": [], "guards": "no", "sandbox": {}, "inspection": "x"},
        {"parity": {"verdict": "different", "rows": 1, "largest_difference": None, "kinds": {"a": None}}},
        [],
    ],
)
def test_a_report_that_lacks_parts_still_reads(root: Client, loans: MLModel, report: object) -> None:
    version = loans.versions.get()
    version.report = report
    version.save()
    assert root.get(f"/admin/predictions/modelversion/{version.pk}/change/").status_code == 200


def test_a_report_is_never_markup(root: Client, loans: MLModel) -> None:
    evil = "<script>alert(1)</script>"
    version = loans.versions.get()
    kinds = {evil: {"rows": 1, "largest_difference": 0}}
    version.report = {
        "estimator": evil, "summary": evil, "notes": [evil], "scan": {"top": evil, "globals": [evil]},
        "guards": {evil: True}, "steps": [{"name": evil, "status": evil, "message": evil}], "parity": {"rows": 1, "kinds": kinds},
    }  # fmt: skip
    version.libraries = {evil: evil}
    version.metrics = [{"name": evil, "value": evil}]
    version.save()
    body = root.get(f"/admin/predictions/modelversion/{version.pk}/change/").content.decode()
    assert evil not in body


def test_an_edit_of_the_fields_can_be_read(root: Client, loans: MLModel) -> None:
    revision = loans.versions.get().current_revision
    assert revision is not None
    revision.changes = ["Age: unit years"]
    revision.save()
    body = root.get(f"/admin/predictions/signaturerevision/{revision.pk}/change/").content.decode()
    assert "Age: unit years" in body
    assert "A car, tv" in body


# --- Jobs -------------------------------------------------------------------------------------------------


@pytest.fixture
def running(root: Client) -> Job:
    log = [{"at": NOW.isoformat(), "text": "Opened <the> file."}]
    return Job.objects.create(
        kind="build",
        name="Loans",
        status="running",
        steps=[STEP, {**STEP, "name": "open", "status": "running", "finished_at": None, "message": ""}],
        log=log,
        created_by=User.objects.get(username="root"),
    )


def test_a_running_job_shows_its_steps_and_looks_again(root: Client, running: Job) -> None:
    body = root.get(f"/admin/predictions/job/{running.pk}/change/").content.decode()
    for text in ("Scan without opening", "Open in the sandbox", "1.5 s", "Opened &lt;the&gt; file."):
        assert text in body
    assert 'hx-trigger="every 2s"' in body
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in body


def test_a_failed_job_says_why_and_does_not_look_again(root: Client, running: Job) -> None:
    Job.objects.update(
        status="failed", error_code="sklearn_version", error_message="Save it again with 1.9.1."
    )
    body = root.get(f"/admin/predictions/job/{running.pk}/change/").content.decode()
    assert "Save it again with 1.9.1." in body
    assert "sklearn_version" in body
    assert "every 2s" not in body
    assert "Bring another file" in body
    assert "desk-cancel" not in body


def test_a_job_is_asked_to_stop(root: Client, running: Job) -> None:
    root.post(f"/admin/predictions/job/{running.pk}/cancel/")
    running.refresh_from_db()
    assert running.cancel_requested
    assert (
        "It stops at its next step."
        in root.get(f"/admin/predictions/job/{running.pk}/change/").content.decode()
    )


def test_a_job_that_is_over_cannot_be_cancelled(root: Client, running: Job) -> None:
    Job.objects.update(status="succeeded")
    response = root.post(f"/admin/predictions/job/{running.pk}/cancel/", follow=True)
    assert "This job is already over." in response.content.decode()


def test_jobs_of_others_do_not_exist_for_an_owner(running: Job) -> None:
    client = client_of(account(roles.MODEL_OWNERS, is_staff=True))
    assert list(client.get("/admin/predictions/job/").context["cl"].result_list) == []
    assert client.get(f"/admin/predictions/job/{running.pk}/change/").status_code == 302


def test_jobs_are_filtered_by_how_they_stand(root: Client, running: Job) -> None:
    failed = Job.objects.create(kind="build", name="Other", status="failed")
    found = root.get("/admin/predictions/job/?status__exact=failed").context["cl"].result_list
    assert list(found) == [failed]


# --- API keys ---------------------------------------------------------------------------------------------


@pytest.fixture
def operator(db: None) -> Client:
    return client_of(account(roles.OPERATORS, is_staff=True, username="otto"))


def test_a_key_is_shown_once_and_works(operator: Client) -> None:
    response = operator.post("/admin/predictions/apikey/add/", {"name": "Northwind"})
    text = response.context["secret"]
    assert text in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    key = ApiKey.objects.get()
    assert key_selectors.find(text) == key
    assert key.created_by is not None
    assert key.created_by.username == "otto"
    assert key.secret_sha256 == sha256(text.split("_", 2)[2].encode()).hexdigest()
    pages = ("/admin/", "/admin/predictions/apikey/", f"/admin/predictions/apikey/{key.pk}/change/")
    later = "".join(operator.get(page).content.decode() for page in pages)
    secret = text.split("_", 2)[2]
    assert secret not in later
    assert key.secret_sha256 not in later
    assert secret not in str(operator.session.items())
    assert secret not in str(operator.cookies)


def test_a_key_can_act_for_an_account(operator: Client) -> None:
    user = account(username="eve")
    operator.post("/admin/predictions/apikey/add/", {"name": "Script", "account": "eve"})
    assert ApiKey.objects.get().user == user


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": ""}, "Give the key a name that says who uses it."),
        ({"name": "   "}, "Give the key a name that says who uses it."),
        ({"name": "x", "account": "nobody"}, "There is no active account of that name."),
    ],
)
def test_a_key_without_a_use_is_not_made(operator: Client, data: dict[str, str], message: str) -> None:
    response = operator.post("/admin/predictions/apikey/add/", data)
    assert response.status_code == 422
    assert message in response.content.decode()
    assert not ApiKey.objects.exists()


def test_an_operator_cannot_borrow_a_staff_accounts_rights(operator: Client, reviewer: User) -> None:
    response = operator.post("/admin/predictions/apikey/add/", {"name": "x", "account": reviewer.username})
    assert response.status_code == 422
    assert not ApiKey.objects.exists()


def test_a_revoked_key_is_refused_and_stays_revoked(operator: Client) -> None:
    key, text = api_keys.create(name="Northwind")
    address = f"/admin/predictions/apikey/{key.pk}/revoke/"
    assert operator.post(address).status_code == 302
    first = ApiKey.objects.get().revoked_at
    assert first is not None
    assert key_selectors.find(text) is None
    operator.post(address)
    assert ApiKey.objects.get().revoked_at == first


def test_names_of_keys_are_never_markup(operator: Client) -> None:
    key, _text = api_keys.create(name="<b>x</b>")
    for page in ("/admin/predictions/apikey/", f"/admin/predictions/apikey/{key.pk}/change/"):
        assert "<b>x</b>" not in operator.get(page).content.decode()


# --- First page and sidebar -------------------------------------------------------------------------------


def tiles(client: Client) -> dict[str, str]:
    return {str(tile["text"]): tile["number"] for tile in client.get("/admin/").context["tiles"]}


def test_the_first_page_says_what_waits(root: Client, loans: MLModel, reviewer: User, answer: Record) -> None:
    answer(loans, loan(0.9), at=timezone.now() - timedelta(days=2))
    overrule(answer(loans, loan(0.9)), reviewer)
    Job.objects.create(kind="build", name="x", status="failed", finished_at=timezone.now())
    Job.objects.create(
        kind="build", name="x", status="failed", finished_at=timezone.now() - timedelta(days=8)
    )
    assert tiles(root) == {
        "answers to review": "1",
        "answers today": "1",
        "jobs failed in seven days": "1",
        "live ML models": "1",
    }


def test_what_waits_is_counted_up_to_99(
    root: Client, several: list[Prediction], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_selectors, "TO_REVIEW_CAP", 3)
    assert tiles(root)["answers to review"] == "3+"
    monkeypatch.setattr(desk_selectors, "TO_REVIEW_CAP", 5)
    assert tiles(root)["answers to review"] == "5+"
    monkeypatch.setattr(desk_selectors, "TO_REVIEW_CAP", 6)
    assert tiles(root)["answers to review"] == "5"


def test_the_first_page_costs_the_same_with_more_to_show(
    root: Client, loans: MLModel, reviewer: User, answer: Record
) -> None:
    with CaptureQueriesContext(connection) as empty:
        root.get("/admin/")
    for _ in range(9):
        overrule(answer(loans, loan(0.9)), reviewer)
        Job.objects.create(
            kind="build", name="x", status="failed", finished_at=timezone.now(), created_by=account()
        )
    with CaptureQueriesContext(connection) as full:
        root.get("/admin/")
    assert len(full) == len(empty)


def test_the_sidebar_shows_where_one_is(root: Client, several: list[Prediction]) -> None:
    def active(address: str) -> list[str]:
        groups = root.get(address).context["sidebar_navigation"]
        return [item["title"] for group in groups for item in group["items"] if item["active"]]

    base = "/admin/predictions/prediction/"
    assert active(base) == ["To review"]
    assert active(f"{base}?band=under60&order=uncertain") == ["Uncertain"]
    assert active(f"{base}{several[0].pk}/change/?_changelist_filters=verdict%3Dany") == ["All"]
    assert active("/admin/predictions/job/") == ["Jobs"]


def test_every_page_has_the_way_back_to_the_site(desk: Client) -> None:
    body = desk.get("/admin/").content.decode()
    assert "Open the site" in body
