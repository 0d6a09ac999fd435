"""A job turns a stored file into a live version, or says why not and leaves nothing."""

from __future__ import annotations

import io
import os
import pickle
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.utils import timezone
from pytest_django.fixtures import Settings
from sklearn.linear_model import LinearRegression

from predictions import repository, sandbox
from predictions.errors import BadModelFile
from predictions.ml.plan import Plan
from predictions.ml.runtimes import OnnxRuntime
from predictions.models import Deployment, Job, MLModel, ModelVersion, SignatureRevision, Source
from predictions.sandbox.confine import GUARDS
from predictions.services import builds, jobs, uploads
from predictions.signature.fields import Signature
from predictions.values import Actor, BuildRequest

pytestmark = pytest.mark.django_db
Brings = Callable[..., Job]
SAMPLE = b"x\n1\n2\n3\n"


@pytest.fixture
def owner() -> Actor:
    return Actor(user_id=User.objects.create_user("owner", is_staff=True).pk, is_staff=True)


@pytest.fixture
def brings(owner: Actor, artifacts_dir: Path) -> Brings:
    """Uploads a file and writes down its build."""

    def bring(
        content: bytes, name: str = "Line", actor: Actor = owner, sample: bytes = b"", **wish: Any
    ) -> Job:
        source = uploads.receive(
            actor=actor,
            stream=io.BytesIO(content),
            filename="line.joblib",
            sample_stream=io.BytesIO(sample) if sample else None,
        )
        request = BuildRequest(name=name, **wish)
        return jobs.create(kind=Job.Kind.BUILD, name=name, request=request, source=source, actor=actor)

    return bring


def line_file() -> bytes:
    stream = io.BytesIO()
    joblib.dump(LinearRegression().fit(np.array([[1.0], [2.0], [3.0]]), [2.0, 4.0, 6.0]), stream)
    return stream.getvalue()


def command_file() -> bytes:
    class Command:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, ("true",)

    return pickle.dumps(Command())


def ran(job: Job) -> Job:
    builds.run(job.pk)
    job.refresh_from_db()
    return job


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def require_nothing_left(job: Job, artifacts_dir: Path) -> None:
    assert files_in(artifacts_dir) == []
    assert not MLModel.objects.exists()
    assert not ModelVersion.objects.exists()
    source = Source.objects.get()
    assert (source.key, source.sample_key, source.filename) == ("", "", "line.joblib")
    assert len(source.sha256) == 64
    assert job.version is None


def test_a_file_becomes_a_live_version_that_answers(brings: Brings, owner: Actor) -> None:
    edits = {"inputs": {"x": {"label": "Size", "unit": "m²"}}}
    job = ran(
        brings(
            line_file(),
            name="House prices",
            sample=SAMPLE,
            description="What a house costs.",
            go_live=True,
            visibility="members",
            signature_edits=edits,
        )
    )
    assert (job.status, job.error_code, job.error_message) == ("succeeded", "", "")
    version = job.version
    assert version is not None
    ml_model = version.ml_model
    assert (ml_model.slug, ml_model.visibility, ml_model.owner_id) == (
        "house-prices",
        "members",
        owner.user_id,
    )
    assert ml_model.description == "What a house costs."
    assert (version.number, version.runtime, version.created_by_id) == (1, "onnx", owner.user_id)
    assert Deployment.objects.get(ended_at=None).version == version
    assert job.ml_model == ml_model
    source = version.source
    assert (source.ml_model, source.format) == (ml_model, "joblib")
    assert repository.read_verified(source.key, source.sha256) == line_file()
    revision = version.current_revision
    assert revision is not None
    signature = Signature.from_document(revision.document)
    assert (signature.inputs[0].name, signature.inputs[0].shown, signature.inputs[0].unit) == (
        "x",
        "Size",
        "m²",
    )
    assert revision.changes
    runtime = OnnxRuntime(
        repository.read_verified(version.artifact_key, version.artifact_sha256),
        Plan.from_document(version.plan or {}),
        signature,
    )
    value = runtime.predict([(5.0,)])[0].value
    assert value == pytest.approx(10.0)
    assert [step["name"] for step in job.steps] == [
        "store",
        "scan",
        "open",
        "inspect",
        "convert",
        "parity",
        "prove",
        "seal",
    ]
    assert {step["status"] for step in job.steps} == {"done"}
    assert all(step["started_at"] <= step["finished_at"] and step["message"] for step in job.steps)
    report = version.report
    assert report["scan"]["verdict"] == "accept"
    assert report["parity"]["verdict"] == "equal"
    assert set(report["guards"]) == set(GUARDS)
    assert "scikit-learn" in version.libraries

    before = list(ModelVersion.objects.values_list("pk", flat=True))
    builds.run(job.pk)
    assert list(ModelVersion.objects.values_list("pk", flat=True)) == before


def test_a_second_file_of_that_name_is_the_next_version_with_the_owners_words(
    brings: Brings, owner: Actor
) -> None:
    edits = {"inputs": {"x": {"label": "Size"}}}
    first = ran(brings(line_file(), sample=SAMPLE, signature_edits=edits, go_live=True))
    assert first.status == "succeeded", first.error_message
    second = ran(brings(line_file(), sample=SAMPLE, name="LINE"))
    assert second.status == "succeeded", second.error_message
    assert first.version is not None
    assert second.version is not None
    assert (second.version.ml_model, second.version.number) == (first.version.ml_model, 2)
    assert Deployment.objects.get(ended_at=None).version == first.version
    assert second.version.current_revision is not None
    signature = Signature.from_document(second.version.current_revision.document)
    assert signature.inputs[0].shown == "Size"


def test_a_file_that_would_run_a_command_fails_and_leaves_nothing(
    brings: Brings, artifacts_dir: Path
) -> None:
    job = ran(brings(command_file(), sample=b"x\n1\n"))
    assert (job.status, job.error_code) == ("failed", "dangerous_code")
    assert job.error_message
    assert [(step["name"], step["status"]) for step in job.steps] == [("store", "done"), ("scan", "failed")]
    require_nothing_left(job, artifacts_dir)


def test_a_limit_that_is_passed_fails_with_words(
    brings: Brings, artifacts_dir: Path, settings: Settings
) -> None:
    settings.SANDBOX_CPU_SECONDS = settings.SANDBOX_WALL_SECONDS = 1
    job = ran(brings(line_file()))
    assert (job.status, job.error_code) == ("failed", "too_slow")
    require_nothing_left(job, artifacts_dir)


def test_bytes_that_changed_in_storage_are_not_built(brings: Brings, artifacts_dir: Path) -> None:
    job = brings(line_file())
    assert job.source is not None
    (artifacts_dir / job.source.key).write_bytes(command_file())
    ran(job)
    assert (job.status, job.error_code) == ("failed", "artifact_damaged")
    require_nothing_left(job, artifacts_dir)


def test_a_job_cancelled_while_the_sandbox_runs_stops_and_leaves_nothing(
    brings: Brings, owner: Actor, artifacts_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = brings(line_file())
    run = sandbox.run

    def cancelled_meanwhile(*arguments: Any, **named: Any) -> Any:
        jobs.request_cancel(Job.objects.get(), owner)
        return run(*arguments, **named)

    monkeypatch.setattr(sandbox, "run", cancelled_meanwhile)
    ran(job)
    assert (job.status, job.error_code) == ("cancelled", "")
    assert job.steps[-1]["status"] == "cancelled"
    require_nothing_left(job, artifacts_dir)


def test_an_error_of_ours_is_not_shown_to_people(
    brings: Brings, artifacts_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **named: Any) -> Any:
        raise RuntimeError("table patients")

    monkeypatch.setattr(sandbox, "run", broken)
    job = ran(brings(line_file()))
    assert (job.status, job.error_code) == ("failed", "internal")
    assert "patients" not in job.error_message
    require_nothing_left(job, artifacts_dir)


def test_a_database_that_goes_away_leaves_the_job_to_the_next_worker(
    brings: Brings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*arguments: Any, **named: Any) -> Any:
        raise OperationalError("server closed the connection")

    job = brings(line_file())
    monkeypatch.setattr(sandbox, "run", away)
    with pytest.raises(OperationalError):
        builds.run(job.pk)
    job.refresh_from_db()
    assert job.status == "running"
    assert job.source is not None
    assert job.source.key


def test_a_build_whose_worker_was_killed_goes_on_in_another(
    brings: Brings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*arguments: Any, **named: Any) -> Any:
        raise Killed

    job = brings(line_file())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox, "run", killed)
        with pytest.raises(Killed):
            builds.run(job.pk)
    Job.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=10), sent_at=None)
    assert jobs.stale() == [job]
    ran(job)
    assert (job.status, job.attempts, ModelVersion.objects.count()) == ("succeeded", 2, 1)


def test_a_worker_that_lost_its_job_leaves_no_version_and_no_bytes(
    brings: Brings, artifacts_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = brings(line_file())
    store = repository.store

    def taken_meanwhile(*arguments: Any, **named: Any) -> Any:
        Job.objects.update(attempts=2)
        return store(*arguments, **named)

    monkeypatch.setattr(repository, "store", taken_meanwhile)
    ran(job)
    assert job.status == "running"
    assert not ModelVersion.objects.exists()
    assert job.source is not None
    assert [path.relative_to(artifacts_dir).as_posix() for path in files_in(artifacts_dir)] == [
        job.source.key
    ]


def test_somebody_elses_name_is_refused_even_when_it_was_taken_meanwhile(
    brings: Brings, artifacts_dir: Path
) -> None:
    job = brings(line_file())
    MLModel.objects.create(slug="line", name="Line", owner=User.objects.create_user("other"))
    ran(job)
    assert (job.status, job.error_code) == ("failed", "not_allowed")
    assert files_in(artifacts_dir) == []
    assert not SignatureRevision.objects.exists()


def test_a_job_without_its_file_says_so(brings: Brings) -> None:
    job = brings(line_file())
    Source.objects.update(key="")
    ran(job)
    assert (job.status, job.error_code) == ("failed", "source_gone")


def test_a_reply_nobody_can_believe_fails_the_job(
    brings: Brings, artifacts_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forged(*arguments: Any, **named: Any) -> sandbox.SandboxResult:
        folder = tmp_path / "kept"
        folder.mkdir()
        return sandbox.SandboxResult({"signature": "x"}, {}, sandbox.SandboxReport(), folder)

    monkeypatch.setattr(sandbox, "run", forged)
    job = ran(brings(line_file()))
    assert (job.status, job.error_code) == ("failed", "unreadable")
    assert not (tmp_path / "kept").exists()
    require_nothing_left(job, artifacts_dir)


def test_the_words_of_a_refusal_reach_the_job(brings: Brings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **named: Any) -> Any:
        raise BadModelFile("Bring another file.", code="other_version")

    monkeypatch.setattr(sandbox, "run", refuse)
    job = ran(brings(line_file()))
    assert (job.error_code, job.error_message) == ("other_version", "Bring another file.")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_worker_that_lost_its_job_to_another_leaves_no_temporary_files(
    brings: Brings, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = sandbox.run

    def taken_meanwhile(*arguments: Any, **named: Any) -> Any:
        result = run(*arguments, **named)
        Job.objects.update(attempts=2)
        return result

    monkeypatch.setattr(sandbox, "run", taken_meanwhile)
    assert ran(brings(line_file())).status == "running"
    assert list(temporary.iterdir()) == []


def test_a_commit_whose_confirmation_was_lost_keeps_its_artifact(
    brings: Brings, artifacts_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal = builds._seal

    def unconfirmed(*arguments: Any, **named: Any) -> Any:
        seal(*arguments, **named)
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(builds, "_seal", unconfirmed)
    job = brings(line_file())
    with pytest.raises(OperationalError):
        builds.run(job.pk)
    job.refresh_from_db()
    assert job.status == "succeeded"
    version = ModelVersion.objects.get()
    assert repository.read_verified(version.artifact_key, version.artifact_sha256)
