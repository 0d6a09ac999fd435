from __future__ import annotations

import io
import json

import pytest
from django.urls import reverse

from predictions.models import Deployment, Job, MLModel, Prediction, Source
from predictions.signature.fields import Signature
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(client):
    account = factories.user(is_staff=True)
    client.force_login(account)
    return account


def upload(client, **fields):
    file = io.BytesIO(fields.pop("content", b"something"))
    file.name = fields.pop("filename", "thing.joblib")
    data = {"file": file, "name": "Thing", "visibility": "private", **fields}
    return client.post(reverse("upload"), data)


def current(version):
    version.refresh_from_db()
    return Signature.from_document(version.current_revision.document)


def test_strangers_are_asked_to_sign_in_before_bringing_a_file(client):
    assert client.get(reverse("upload")).url.startswith("/accounts/login/")


def test_accounts_outside_the_staff_cannot_bring_a_file(client):
    client.force_login(factories.user())
    assert client.get(reverse("upload")).status_code == 403
    assert upload(client).status_code == 403
    assert not Source.objects.exists()


def test_an_upload_becomes_a_job_to_follow(client, owner):
    answer = upload(client, description="Says things", go_live="on")
    job = Job.objects.get()
    assert answer.url == reverse("job", args=[job.pk])
    assert job.created_by == owner
    assert job.request["go_live"] is True
    assert job.request["description"] == "Says things"
    assert b"thing.joblib" in client.get(answer.url).content


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"content": b""}, "empty"),
        ({"name": ""}, "name that people will recognize"),
        ({"name": "x" * 121}, "120"),
    ],
)
def test_a_bad_upload_is_refused_in_words_and_leaves_nothing(client, owner, fields, words):
    answer = upload(client, **fields)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Job.objects.exists()
    assert not Source.objects.exists()


def test_the_name_of_somebody_elses_ml_model_is_refused(client, owner):
    factories.version(owner=factories.user(is_staff=True), name="Taken", slug="taken")
    answer = upload(client, name="Taken")
    assert answer.status_code == 422
    assert "belongs to somebody else" in answer.content.decode()


def test_a_file_over_the_limit_is_refused_before_it_is_read(client, owner, settings):
    settings.MAX_UPLOAD_BYTES = 10
    answer = client.post(
        reverse("upload"),
        data=b"x",
        content_type="multipart/form-data; boundary=b",
        CONTENT_LENGTH="2000000000",
    )
    assert answer.status_code == 413
    assert b"too large" in answer.content


def test_the_same_limit_speaks_json_to_programs(client, settings):
    answer = client.post(
        "/api/v1/models", data=b"x", content_type="application/json", CONTENT_LENGTH="2000000000"
    )
    assert answer.status_code == 413
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "too_large"


def test_a_job_is_only_for_who_started_it(client, owner):
    upload(client)
    job = Job.objects.get()
    client.force_login(factories.user(is_staff=True))
    assert client.get(reverse("job", args=[job.pk])).status_code == 404
    assert client.post(reverse("job_cancel", args=[job.pk])).status_code == 404


def test_a_waiting_job_can_be_cancelled(client, owner):
    upload(client)
    job = Job.objects.get()
    client.post(reverse("job_cancel", args=[job.pk]))
    job.refresh_from_db()
    assert job.status == Job.Status.CANCELLED
    assert "cancelled" in client.get(reverse("job", args=[job.pk])).content.decode()


def test_a_failed_job_says_what_and_what_to_do(client, owner):
    Job.objects.create(
        kind="build",
        name="<b>Bad</b>",
        status="failed",
        error_code="no_predict",
        error_message="It has no predict.",
        created_by=owner,
    )
    page = client.get(reverse("job", args=[Job.objects.get().pk])).content.decode()
    assert "It has no predict." in page
    assert "Bring another file" in page
    assert "<b>Bad</b>" not in page


def test_the_running_part_of_a_job_comes_alone_for_htmx(client, owner):
    upload(client)
    page = client.get(
        reverse("job", args=[Job.objects.get().pk]), headers={"HX-Request": "true"}
    ).content.decode()
    assert "<html" not in page
    assert 'hx-trigger="every 1s"' in page


def test_a_version_goes_live_and_back(client, owner):
    first = factories.version(owner=owner)
    second = factories.version(ml_model=first.ml_model, live=False)
    slug = first.ml_model.slug
    client.post(reverse("version_live", args=[slug, second.number]))
    assert Deployment.objects.get(ended_at=None).version == second
    client.post(reverse("version_live", args=[slug, first.number]))
    assert Deployment.objects.get(ended_at=None).version == first
    assert Deployment.objects.count() == 3
    page = client.get(reverse("versions", args=[slug])).content.decode()
    assert "Version 2" in page


@pytest.mark.parametrize("name", ["versions", "version", "signature"])
def test_owner_pages_do_not_exist_for_others(client, name):
    version = factories.version(owner=factories.user(is_staff=True))
    args = [version.ml_model.slug] if name == "versions" else [version.ml_model.slug, version.number]
    client.force_login(factories.user(is_staff=True))
    assert client.get(reverse(name, args=args)).status_code == 404


def test_describing_an_ml_model_keeps_its_address(client, owner):
    version = factories.version(owner=owner)
    slug = version.ml_model.slug
    client.post(
        reverse("versions", args=[slug]), {"name": "New", "description": "Words", "visibility": "members"}
    )
    row = MLModel.objects.get(slug=slug)
    assert (row.name, row.description, row.visibility) == ("New", "Words", "members")


def fields_form(version, **changes):
    page = {"revision": str(version.current_revision.number)}
    for index, field in enumerate(current(version).inputs):
        page[f"in-{index}-label"] = field.label
        if field.required:
            page[f"in-{index}-required"] = "on"
    return {**page, **changes}


def test_editing_fields_makes_a_new_revision_and_leaves_old_rows_alone(client, owner):
    version = factories.sign_version(owner=owner)
    old = version.current_revision
    assert old is not None
    row = Prediction.objects.create(
        ml_model=version.ml_model,
        version=version,
        revision=old,
        own=json.dumps([[1, 2], {"label": "above"}, []]),
        outcome="above",
        face="form",
        created_at=old.created_at,
        duration_ms=1,
    )
    answer = client.post(
        reverse("signature", args=[version.ml_model.slug, version.number]),
        fields_form(
            version,
            **{"in-0-label": "Length", "in-0-unit": "cm", "in-1-maximum": "7.5", "out-0-class-1": "up"},
        ),
    )
    assert answer.status_code == 302
    signature = current(version)
    assert (signature.inputs[0].label, signature.inputs[0].unit) == ("Length", "cm")
    assert signature.inputs[1].maximum == 7.5
    assert signature.main_output.classes[1].label == "up"
    assert version.current_revision.number == 2
    assert version.current_revision.changes
    row.refresh_from_db()
    assert row.revision == old


def test_saving_without_a_change_makes_no_revision(client, owner):
    version = factories.sign_version(owner=owner)
    client.post(reverse("signature", args=[version.ml_model.slug, version.number]), fields_form(version))
    version.refresh_from_db()
    assert version.current_revision.number == 1


def test_a_contradiction_is_refused_at_its_field_and_nothing_is_lost(client, owner):
    version = factories.sign_version(owner=owner)
    answer = client.post(
        reverse("signature", args=[version.ml_model.slug, version.number]),
        fields_form(version, **{"in-0-minimum": "9", "in-0-maximum": "3", "in-0-help": "kept text"}),
    )
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Nothing was saved" in page
    assert "kept text" in page
    version.refresh_from_db()
    assert version.current_revision.number == 1


def test_words_where_a_limit_belongs_are_refused(client, owner):
    version = factories.sign_version(owner=owner)
    answer = client.post(
        reverse("signature", args=[version.ml_model.slug, version.number]),
        fields_form(version, **{"in-0-minimum": "small"}),
    )
    assert answer.status_code == 422


def test_an_edit_based_on_an_older_revision_is_refused(client, owner):
    version = factories.sign_version(owner=owner)
    url = reverse("signature", args=[version.ml_model.slug, version.number])
    stale = fields_form(version, **{"in-0-label": "Mine"})
    client.post(url, fields_form(version, **{"in-0-label": "Theirs"}))
    answer = client.post(url, stale)
    assert answer.status_code == 422
    assert "in the meantime" in answer.content.decode()


def test_the_report_page_shows_what_the_version_is(client, owner):
    version = factories.sign_version(owner=owner)
    page = client.get(reverse("version", args=[version.ml_model.slug, 1])).content.decode()
    assert version.artifact_sha256 in page
    assert "ONNX Runtime" in page
