"""Do later: a row first, then a hint; a queue that is away costs time and nothing else."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import current_app
from django.db import OperationalError
from kombu.exceptions import OperationalError as QueueAway

from predictions import dispatch
from predictions.models import Job, Source
from predictions.services import jobs
from predictions.values import BuildRequest
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def brought() -> Job:
    actor = factories.actor_for(factories.user(is_staff=True))
    return dispatch.build(
        actor=actor, request=BuildRequest(name="A"), stream=io.BytesIO(b"model"), filename="a.joblib"
    )


def raising(error: Exception) -> Any:
    def broken(*arguments: Any, **named: Any) -> Any:
        raise error

    return broken


def test_a_hint_is_sent_with_the_id_only(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append((name, args)))
    job = brought()
    assert sent == [("predictions.tasks.run_build", [str(job.pk)])]
    job.refresh_from_db()
    assert job.sent_at is not None


@pytest.mark.parametrize(
    "error",
    [
        QueueAway("refused"),
        redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'."),
        redis.TimeoutError("Timeout reading from socket"),
        ConnectionResetError(104, "Connection reset by peer"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_without_a_queue_the_job_waits_for_the_sweeper(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(current_app, "send_task", raising(error))
    job = brought()
    job.refresh_from_db()
    assert (job.status, job.sent_at) == ("queued", None)
    assert job.source is not None
    assert job.source.key


def test_a_job_that_cannot_be_written_leaves_no_bytes(
    monkeypatch: pytest.MonkeyPatch, artifacts_dir: Path
) -> None:
    monkeypatch.setattr(jobs, "create", raising(ValueError("no")))
    with pytest.raises(ValueError, match="no"):
        brought()
    assert [path for path in artifacts_dir.rglob("*") if path.is_file()] == []
    assert Source.objects.get().key == ""


def test_a_job_that_is_written_keeps_its_file_whatever_comes_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", raising(ValueError("no")))
    with pytest.raises(ValueError, match="no"):
        brought()
    assert Job.objects.get().source.key


def test_a_hint_that_cannot_be_noted_is_sent_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda name, args: None)
    monkeypatch.setattr(jobs, "note_sent", raising(OperationalError("server closed the connection")))
    assert brought().status == "queued"


def test_going_live_has_the_version_loaded_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, expires: sent.append((name, args)))
    owner = factories.user(is_staff=True)
    version = factories.version(owner=owner, live=False)
    deployment = dispatch.go_live(version=version, actor=factories.actor_for(owner))
    assert deployment.version == version
    assert sent == [("predictions.tasks.warm", [version.ml_model.slug])]


def test_a_version_goes_live_without_a_queue_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", raising(QueueAway("refused")))
    owner = factories.user(is_staff=True)
    version = factories.version(owner=owner, live=False)
    assert dispatch.go_live(version=version, actor=factories.actor_for(owner)).ended_at is None
