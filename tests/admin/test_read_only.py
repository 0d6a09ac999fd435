"""History is read-only at the desk, for everybody and by every way."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client

from predictions.models import (
    ApiKey,
    Environment,
    Job,
    MLModel,
    ModelVersion,
    Prediction,
    Review,
    SignatureRevision,
    Source,
)
from predictions.services import api_keys
from tests.admin.conftest import LIST, overrule

NEVER_ADDED = (Prediction, Review, ModelVersion, SignatureRevision, Source, Job, Environment)
NEVER_CHANGED = (*NEVER_ADDED, ApiKey)


def address(row: Any, verb: str) -> str:
    return f"/admin/predictions/{row._meta.model_name}/{row.pk}/{verb}/"


@pytest.fixture
def rows(several: list[Prediction], reviewer: User) -> list[Any]:
    overrule(several[0], reviewer)
    version = ModelVersion.objects.get()
    key, _text = api_keys.create(name="Northwind")
    job = Job.objects.create(kind="build", name="Loans", status="succeeded")
    made = Environment.objects.create(checksum="0a1b", python="3.8", sklearn="0.24.2", lock="numpy==1.19.5")
    return [
        several[0],
        Review.objects.get(),
        version,
        version.current_revision,
        version.source,
        job,
        key,
        made,
    ]


def snapshot(rows: list[Any]) -> list[Any]:
    return [type(row).objects.values().get(pk=row.pk) for row in rows]


@pytest.mark.parametrize("verb", ["change", "delete"])
def test_posting_to_change_or_delete_is_refused(root: Client, rows: list[Any], verb: str) -> None:
    before = snapshot(rows)
    for row in rows:
        response = root.post(address(row, verb), {"post": "yes", "outcome": "x", "reason": "x", "name": "x"})
        assert response.status_code == 403, row
    assert snapshot(rows) == before


def test_the_page_for_deleting_is_refused(root: Client, rows: list[Any]) -> None:
    assert {root.get(address(row, "delete")).status_code for row in rows} == {403}


@pytest.mark.parametrize("model", NEVER_ADDED)
def test_nothing_of_history_is_added(root: Client, model: Any) -> None:
    path = f"/admin/predictions/{model._meta.model_name}/add/"
    assert root.get(path).status_code == 403
    assert root.post(path, {}).status_code == 403


@pytest.mark.parametrize("model", [*NEVER_CHANGED, MLModel])
def test_the_delete_action_does_not_exist(root: Client, rows: list[Any], model: Any) -> None:
    found = next((row for row in rows if isinstance(row, model)), None) or MLModel.objects.get()
    path = f"/admin/predictions/{model._meta.model_name}/"
    data = {"action": "delete_selected", "index": "0", "_selected_action": [str(found.pk)], "post": "yes"}
    root.post(path, data)
    assert model.objects.filter(pk=found.pk).exists()


def test_an_ml_model_is_not_deleted_either(root: Client, loans: MLModel) -> None:
    assert root.post(address(loans, "delete"), {"post": "yes"}).status_code == 403
    assert MLModel.objects.filter(pk=loans.pk).exists()


def test_accounts_are_switched_off_not_deleted(root: Client, reviewer: User) -> None:
    assert root.post(f"/admin/auth/user/{reviewer.pk}/delete/", {"post": "yes"}).status_code == 403


def test_no_permission_of_djangos_opens_a_row(rf: Any, root: Client) -> None:
    request: HttpRequest = rf.get("/")
    request.user = User.objects.get(username="root")
    for model in NEVER_CHANGED:
        desk = admin.site.get_model_admin(model)
        assert not desk.has_change_permission(request)
        assert not desk.has_delete_permission(request)


@pytest.mark.parametrize("method", ["put", "patch", "delete", "post"])
def test_the_page_of_an_answer_only_reads(root: Client, several: list[Prediction], method: str) -> None:
    response = getattr(root, method)(f"{LIST}{several[0].pk}/change/")
    assert response.status_code == 403


def test_a_verdict_is_not_given_by_a_link(root: Client, several: list[Prediction]) -> None:
    assert root.get(f"{LIST}{several[0].pk}/verdict/?verdict=confirmed").status_code == 405
    assert not Review.objects.exists()


def test_a_verdict_needs_the_sites_own_form(reviewer: User, several: list[Prediction]) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(reviewer)
    assert strict.post(f"{LIST}{several[0].pk}/verdict/", {"verdict": "confirmed"}).status_code == 403
    assert not Review.objects.exists()
