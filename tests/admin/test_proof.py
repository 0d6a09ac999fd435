"""The proof at the desk, and going live in spite of it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from predictions.models import Deployment, MLModel
from predictions.services import roles
from tests.admin.conftest import account, client_of
from tests.support.ml_models import LOAN, add_version, failed_proof, make_ml_model, proof

LIST = "/admin/predictions/mlmodel/"


@pytest.fixture
def owner(db: None) -> User:
    return account(roles.MODEL_OWNERS, username="olaf", is_staff=True)


@pytest.fixture
def owned(owner: User) -> MLModel:
    """A live version, and a second that failed its proof."""
    ml_model = make_ml_model("scores", LOAN, owner=owner)
    add_version(ml_model, LOAN, report={"proof": failed_proof("determinism")})
    return ml_model


def test_the_list_of_versions_marks_what_failed_and_asks_for_a_reason(owner: User, owned: MLModel) -> None:
    body = client_of(owner).get(f"{LIST}{owned.pk}/change/").content.decode()
    assert "failed its proof" in body
    assert "It failed its proof (Same case, same answer)." in body
    assert 'name="reason"' in body


def test_without_a_reason_it_stays_and_with_one_it_goes_live(owner: User, owned: MLModel) -> None:
    client = client_of(owner)
    response = client.post(f"{LIST}{owned.pk}/go-live/", {"version": "2", "reason": " "}, follow=True)
    assert "failed its proof (Same case, same answer)" in response.content.decode()
    assert owned.deployments.get(ended_at=None).version.number == 1
    reason = "Wanted <so> for a trial."
    body = client.post(f"{LIST}{owned.pk}/go-live/", {"version": "2", "reason": reason}, follow=True).content
    row = Deployment.objects.get(ml_model=owned, ended_at=None)
    assert (row.version.number, row.reason, row.overridden, row.started_by) == (
        2,
        reason,
        ["determinism"],
        owner,
    )
    assert "although it failed: Same case, same answer" in body.decode()
    assert "Wanted &lt;so&gt; for a trial." in body.decode()


def test_the_page_of_a_version_shows_its_proof_and_history(owner: User, owned: MLModel) -> None:
    version = owned.versions.get(number=2)
    client = client_of(owner)
    address = f"/admin/predictions/modelversion/{version.pk}/change/"
    body = client.get(address).content.decode()
    assert "1 of 2 checks passed; 1 failed" in body
    assert "What was found by determinism." in body
    assert 'name="reason"' in body
    client.post(f"{LIST}{owned.pk}/go-live/", {"version": "2", "reason": "Wanted so."})
    body = client.get(address).content.decode()
    assert 'name="reason"' not in body
    assert "Wanted so." in body


def test_who_may_not_manage_sees_the_proof_but_no_form(owned: MLModel) -> None:
    version = owned.versions.get(number=2)
    client = client_of(account(roles.MODEL_OWNERS, is_staff=True))
    body = client.get(f"/admin/predictions/modelversion/{version.pk}/change/").content.decode()
    assert "What was found by determinism." in body
    assert 'name="reason"' not in body
    refused = client.post(f"{LIST}{owned.pk}/go-live/", {"version": "2", "reason": "Because I can."})
    assert refused.status_code == 403


def test_many_versions_cost_no_more_queries(owner: User, owned: MLModel) -> None:
    client = client_of(owner)
    with CaptureQueriesContext(connection) as few:
        client.get(f"{LIST}{owned.pk}/change/")
    for _ in range(5):
        add_version(owned, LOAN, report={"proof": proof(loads="passed")})
    with CaptureQueriesContext(connection) as many:
        client.get(f"{LIST}{owned.pk}/change/")
    assert len(many) == len(few)
