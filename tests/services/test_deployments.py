"""Which version answers, and what a failed proof takes: a reason that is kept."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import joblib
import pytest
from django.contrib.auth.models import User
from sklearn.dummy import DummyClassifier

from predictions.errors import InvalidRequest, NotAllowed, NotProven
from predictions.models import Deployment, Job, ModelVersion
from predictions.services import builds, deployments, jobs, uploads
from predictions.values import Actor, BuildRequest
from tests import factories
from tests.support.ml_models import SUM, add_version, failed_proof, make_ml_model, proof

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return User.objects.create_user("owner", is_staff=True)


@pytest.fixture
def actor(owner: User) -> Actor:
    return factories.actor_for(owner)


@pytest.fixture
def version(owner: User) -> ModelVersion:
    """The second version, which failed two checks; the first is live."""
    ml_model = make_ml_model("sum", SUM, owner=owner)
    return add_version(ml_model, SUM, live=False, report={"proof": failed_proof("finite", "determinism")})


def live(version: ModelVersion) -> ModelVersion:
    return Deployment.objects.get(ml_model=version.ml_model, ended_at=None).version


@pytest.mark.parametrize("reason", ["", "   ", "42 !!", "ok", "\x00\x00"])
def test_what_failed_stays_where_it_is_without_a_reason(
    version: ModelVersion, actor: Actor, reason: str
) -> None:
    before = live(version)
    with pytest.raises(NotProven) as refused:
        deployments.go_live(version=version, actor=actor, reason=reason)
    assert refused.value.checks == ("finite", "determinism")
    assert (refused.value.code, refused.value.field) == ("not_proven", "reason")
    assert "Finite numbers, Same case, same answer" in refused.value.message
    assert live(version) == before


def test_with_a_reason_it_goes_live_and_all_of_it_is_kept(
    version: ModelVersion, actor: Actor, owner: User
) -> None:
    made = deployments.go_live(version=version, actor=actor, reason="  A trial until Monday.\n")
    made.refresh_from_db()
    assert live(version) == version
    assert (made.reason, made.overridden) == ("A trial until Monday.", ["finite", "determinism"])
    assert made.started_by == owner
    again = deployments.go_live(version=version, actor=actor)
    assert again == made


def test_a_reason_in_another_script_is_one(version: ModelVersion, actor: Actor) -> None:
    assert deployments.go_live(version=version, actor=actor, reason="试运行").reason == "试运行"


def test_going_back_to_what_failed_takes_a_reason_again(version: ModelVersion, actor: Actor) -> None:
    first = live(version)
    deployments.go_live(version=version, actor=actor, reason="A trial.")
    deployments.go_live(version=first, actor=actor)
    with pytest.raises(NotProven):
        deployments.go_live(version=version, actor=actor)


def test_a_reason_has_an_end(version: ModelVersion, actor: Actor) -> None:
    with pytest.raises(InvalidRequest):
        deployments.go_live(version=version, actor=actor, reason="a" * 2001)


def test_others_cannot_set_it_aside_with_any_reason(version: ModelVersion) -> None:
    other = factories.actor_for(factories.user(is_staff=True))
    with pytest.raises(NotAllowed):
        deployments.go_live(version=version, actor=other, reason="Because I say so.")


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"proof": None},
        {"proof": proof(accuracy="warned", unseen="not_applicable", loads="passed")},
        {"proof": {"checks": "nonsense"}},
        {"proof": {"checks": [None, {"code": "finite"}, {"code": "x", "verdict": "FAILED"}]}},
    ],
    ids=["older", "none", "warned", "odd", "odder"],
)
def test_nothing_else_needs_a_reason(owner: User, actor: Actor, report: dict[str, Any]) -> None:
    version = add_version(make_ml_model("sum", SUM, owner=owner), SUM, live=False, report=report)
    made = deployments.go_live(version=version, actor=actor)
    assert (made.reason, made.overridden) == ("", [])


def test_a_build_that_failed_its_proof_is_sealed_but_does_not_go_live(
    actor: Actor, artifacts_dir: Path
) -> None:
    stream = io.BytesIO()
    table = [[float(place), 1.0] for place in range(40)]
    joblib.dump(DummyClassifier(strategy="stratified").fit(table, [0, 1] * 20), stream)
    stream.seek(0)
    source = uploads.receive(actor=actor, stream=stream, filename="dice.joblib")
    request = BuildRequest(name="Dice", go_live=True)
    job = jobs.create(kind=Job.Kind.BUILD, name="Dice", request=request, source=source, actor=actor)
    builds.run(job.pk)
    job.refresh_from_db()
    assert (job.status, job.error_message) == ("succeeded", "")
    version = job.version
    assert version is not None
    assert version.report["proof"]["checks"]
    assert not Deployment.objects.exists()
    assert job.steps[-1]["message"] == (
        "Version 1 of Dice is sealed, but not live: it failed its proof (Same case, same answer)."
    )
    with pytest.raises(NotProven):
        deployments.go_live(version=version, actor=actor)
    deployments.go_live(version=version, actor=actor, reason="It is meant to be a dice.")
    assert live(version) == version
