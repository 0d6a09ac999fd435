"""The demos go the way of anybody's file."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from predictions import repository
from predictions.ml.demos import recipes
from predictions.ml.plan import Plan
from predictions.ml.runtimes import OnnxRuntime
from predictions.models import Deployment, Job, ModelVersion
from predictions.selectors import demos as listed
from predictions.services import demos, jobs
from predictions.signature.fields import Signature
from predictions.values import Actor, BuildRequest

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Actor:
    user = User.objects.create_superuser("admin")
    return Actor(user_id=user.pk, is_staff=True, is_superuser=True)


def asked_for(slug: str, actor: Actor) -> Job:
    request = BuildRequest(name=slug, go_live=True)
    return jobs.create(kind=Job.Kind.DEMO, name=slug, request=request, actor=actor, slug=slug)


def ran(job: Job) -> Job:
    demos.run(job.pk)
    job.refresh_from_db()
    return job


def answer_of(version: ModelVersion, *row: float) -> object:
    assert version.current_revision is not None
    signature = Signature.from_document(version.current_revision.document)
    data = repository.read_verified(version.artifact_key, version.artifact_sha256)
    return OnnxRuntime(data, Plan.from_document(version.plan or {}), signature).predict([row])[0].value


def test_the_line_is_trained_built_and_live_and_only_once(admin: Actor, artifacts_dir: Path) -> None:
    job = ran(asked_for("line", admin))
    assert (job.status, job.error_message) == ("succeeded", "")
    version = job.version
    assert version is not None
    assert (version.ml_model.slug, version.ml_model.visibility) == ("line", "public")
    assert version.ml_model.card["equation"] == "y = 2x + 0"
    assert version.metrics == version.ml_model.card["metrics"] != []
    assert answer_of(version, 5.0) == pytest.approx(10.0)
    assert Deployment.objects.get(ended_at=None).version == version
    assert job.steps[0]["name"] == "train"
    assert job.source == version.source
    assert version.source.sample_filename == "line.csv"

    again = ran(asked_for("line", admin))
    assert (again.status, again.version) == ("succeeded", version)
    assert ModelVersion.objects.count() == 1


def test_the_sequence_is_the_sites_default_and_continues_one_two_three(
    admin: Actor, artifacts_dir: Path
) -> None:
    job = ran(asked_for("sequence", admin))
    assert job.version is not None, job.error_message
    assert job.version.ml_model.is_default
    assert answer_of(job.version, 1.0, 2.0, 3.0) == pytest.approx(4.0)


def test_a_demo_that_is_interrupted_after_training_leaves_no_second_source(
    admin: Actor, artifacts_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*arguments: object) -> None:
        raise Killed

    job = asked_for("line", admin)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demos, "build", killed)
        with pytest.raises(Killed):
            demos.run(job.pk)
    Job.objects.update(heartbeat_at="2020-01-01T00:00:00Z")
    assert ran(job).status == "succeeded"
    files = [path for path in artifacts_dir.rglob("*") if path.is_file()]
    assert len(files) == 3  # source, sample, artifact


def test_an_unknown_demo_fails_with_words(admin: Actor, artifacts_dir: Path) -> None:
    job = ran(asked_for("nothing", admin))
    assert (job.status, job.error_code) == ("failed", "not_found")


def test_the_list_of_demos_names_each_recipe() -> None:
    assert sorted(slug for slug, _ in listed.DEMOS) == sorted(recipe.slug for recipe in recipes())
