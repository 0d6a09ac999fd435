"""Background runs as rows: one worker at a time, found again when it dies."""

from __future__ import annotations

import io
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from predictions.errors import Conflict, DeskError, NotAllowed
from predictions.models import Job, MLModel
from predictions.services import jobs, uploads
from predictions.values import Actor, BuildRequest

LONG_AGO = timedelta(minutes=10)


@pytest.fixture
def owner(db: None) -> Actor:
    return Actor(user_id=User.objects.create_user("owner", is_staff=True).pk, is_staff=True)


@pytest.fixture
def job(owner: Actor, artifacts_dir: Path) -> Job:
    source = uploads.receive(actor=owner, stream=io.BytesIO(b"model"), filename="a.joblib")
    request = BuildRequest(name="A")
    return jobs.create(kind=Job.Kind.BUILD, name="A", request=request, source=source, actor=owner)


def claimed(job: Job) -> Job:
    found = jobs.claim(job.pk)
    assert found is not None
    return found


def fresh(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def make_silent(job: Job, **columns: Any) -> None:
    Job.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now() - LONG_AGO, **columns)


def test_a_new_job_waits_with_what_was_asked_for(job: Job, owner: Actor) -> None:
    assert (job.status, job.created_by_id, job.attempts) == ("queued", owner.user_id, 0)
    assert BuildRequest(**job.request) == BuildRequest(name="A")


def test_a_waiting_job_is_claimed_once(job: Job) -> None:
    assert claimed(job).attempts == 1
    assert jobs.claim(job.pk) is None
    assert fresh(job).status == "running"


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_gets_the_job(job: Job) -> None:
    gotten: list[Job | None] = []

    def claim() -> None:
        gotten.append(jobs.claim(job.pk))
        connection.close()

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([found for found in gotten if found is not None]) == 1


def test_a_job_whose_worker_is_alive_cannot_be_claimed(job: Job, settings: Settings) -> None:
    settings.JOB_STALE_SECONDS = 60
    claimed(job)
    Job.objects.update(heartbeat_at=timezone.now() - timedelta(seconds=50))
    assert jobs.claim(job.pk) is None


def test_a_job_whose_worker_went_silent_begins_again(job: Job) -> None:
    first = claimed(job)
    jobs.start_step(first, "store")
    make_silent(job)
    second = claimed(job)
    assert (second.attempts, second.steps) == (2, [])
    assert "begins again" in second.log[-1]["text"]


def test_a_worker_taken_for_dead_changes_nothing_any_more(job: Job) -> None:
    ml_model = MLModel.objects.create(slug="a", name="A")
    first = claimed(job)
    make_silent(job)
    second = claimed(job)
    for write in (
        lambda: jobs.heartbeat(first),
        lambda: jobs.start_step(first, "seal"),
        lambda: jobs.add_log(first, "I live"),
        lambda: jobs.succeed(first, ml_model=ml_model, version=None),
    ):
        with pytest.raises(jobs.Lost):
            write()
    jobs.fail(first, "late", "Too late.")
    now = fresh(job)
    assert (now.status, now.error_code, now.steps) == ("running", "", [])
    assert now.source is not None
    assert now.source.key
    assert second.log == now.log


def test_steps_and_log_are_told_as_they_happen(job: Job) -> None:
    running = claimed(job)
    jobs.start_step(running, "store")
    jobs.add_log(running, "Stored.")
    assert fresh(job).steps[0]["status"] == "running"
    jobs.finish_step(running, "Done.")
    (step,) = fresh(job).steps
    assert (step["name"], step["status"], step["message"]) == ("store", "done", "Done.")
    assert step["started_at"] <= step["finished_at"]
    assert fresh(job).log[-1]["text"] == "Stored."


def test_the_log_keeps_its_newest_lines_only(job: Job) -> None:
    running = claimed(job)
    running.log = [{"at": "", "text": str(number)} for number in range(jobs.MAX_LOG_LINES)]
    jobs.add_log(running, "x" * 10_000)
    log = fresh(job).log
    assert len(log) == jobs.MAX_LOG_LINES
    assert (log[0]["text"], len(log[-1]["text"])) == ("1", 500)


def test_a_failed_job_lets_the_bytes_go_and_keeps_what_they_were(job: Job, artifacts_dir: Path) -> None:
    running = claimed(job)
    jobs.start_step(running, "scan")
    jobs.fail(running, "not_a_model_file", "This is no model file.")
    now = fresh(job)
    assert (now.status, now.error_code, now.error_message) == (
        "failed",
        "not_a_model_file",
        "This is no model file.",
    )
    assert now.steps[-1]["status"] == "failed"
    assert now.finished_at is not None
    assert now.source is not None
    assert (now.source.key, now.source.filename, now.source.size) == ("", "a.joblib", 5)
    assert [path for path in artifacts_dir.rglob("*") if path.is_file()] == []


def test_a_job_that_is_over_is_never_claimed_again(job: Job) -> None:
    jobs.fail(claimed(job), "x", "X.")
    make_silent(job)
    assert jobs.claim(job.pk) is None


def test_cancelling_a_waiting_job_ends_it_at_once(job: Job, owner: Actor, artifacts_dir: Path) -> None:
    jobs.request_cancel(job, owner)
    assert job.status == "cancelled"
    assert jobs.claim(job.pk) is None
    assert [path for path in artifacts_dir.rglob("*") if path.is_file()] == []


def test_cancelling_a_running_job_asks_its_worker(job: Job, owner: Actor) -> None:
    running = claimed(job)
    assert jobs.heartbeat(running) is False
    jobs.request_cancel(job, owner)
    assert job.status == "running"
    assert jobs.heartbeat(running) is True


def test_a_job_that_is_over_cannot_be_cancelled(job: Job, owner: Actor) -> None:
    jobs.fail(claimed(job), "x", "X.")
    with pytest.raises(Conflict):
        jobs.request_cancel(job, owner)


def test_only_who_started_a_job_or_a_superuser_cancels_it(job: Job) -> None:
    with pytest.raises(NotAllowed):
        jobs.request_cancel(job, Actor(user_id=0, is_staff=True))
    with pytest.raises(NotAllowed):
        jobs.request_cancel(job, Actor())
    jobs.request_cancel(job, Actor(user_id=0, is_superuser=True))


def test_a_hint_the_queue_lost_is_sent_again(job: Job) -> None:
    assert jobs.stale() == []
    Job.objects.update(created_at=timezone.now() - timedelta(seconds=30))
    assert jobs.stale() == [job]
    jobs.note_sent(job.pk)
    assert jobs.stale() == []
    Job.objects.update(sent_at=timezone.now() - LONG_AGO)
    assert jobs.stale() == [job]


def test_a_job_whose_worker_died_is_sent_again(job: Job) -> None:
    jobs.note_sent(job.pk)
    claimed(job)
    assert jobs.stale() == []
    make_silent(job, sent_at=timezone.now() - LONG_AGO)
    assert jobs.stale() == [job]
    jobs.note_sent(job.pk)
    assert jobs.stale() == []


def test_a_job_that_kills_its_workers_is_given_up(job: Job, artifacts_dir: Path) -> None:
    for _ in range(jobs.MAX_ATTEMPTS):
        claimed(job)
        make_silent(job)
    assert jobs.claim(job.pk) is None
    assert jobs.stale() == []
    now = fresh(job)
    assert (now.status, now.error_code) == ("failed", "worker_lost")
    assert "3 times" in now.error_message
    assert [path for path in artifacts_dir.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("name", "code"),
    [("", "name_missing"), ("  ", "name_missing"), ("x" * 121, "name_too_long"), ("a\x00", "name_unusable")],
)
def test_a_name_nobody_can_use_is_refused(owner: Actor, name: str, code: str) -> None:
    with pytest.raises(DeskError) as caught:
        jobs.require_usable_name(actor=owner, name=name)
    assert caught.value.code == code


def test_the_name_of_anothers_ml_model_is_refused(owner: Actor) -> None:
    MLModel.objects.create(slug="credit-risk", name="Credit risk", owner=User.objects.create_user("other"))
    for name in ("Credit risk", "CREDIT RISK ", "credit-risk"):
        with pytest.raises(NotAllowed):
            jobs.require_usable_name(actor=owner, name=name)
    jobs.require_usable_name(actor=Actor(user_id=0, is_superuser=True), name="Credit risk")
    jobs.require_usable_name(actor=owner, name="Credit risks")
