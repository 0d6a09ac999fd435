"""Files of cases with real workers: several at once, killed ones, a queue that forgets, and somebody who cancels."""

from __future__ import annotations

import csv
import io
import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from celery import current_app
from django.conf import settings
from django.utils import timezone

from deploy_site.supervisor import Process, Supervisor
from predictions import dispatch, tasks
from predictions.models import Job, Prediction, PredictionBlock, ScoreFile, ScorePiece
from predictions.selectors.targets import Target
from predictions.services import jobs, score_files
from predictions.values import Actor
from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]

PATIENCE_SECONDS = 90
ROWS = 60_000


@pytest.fixture
def target() -> Target:
    return factories.target(factories.sign_version(slug="sign"))


@pytest.fixture
def actor() -> Actor:
    return factories.actor_for(factories.user())


def content(rows: int) -> bytes:
    table = np.random.default_rng(7).normal(size=(rows, 2)).round(4)
    lines = (f"{number},{a},{b}" for number, (a, b) in enumerate(table.tolist()))
    return ("number,a,b\n" + "\n".join(lines) + "\n").encode()


def send(actor: Actor, target: Target, data: bytes) -> Job:
    return dispatch.score(actor=actor, target=target, stream=io.BytesIO(data), filename="rows.csv")


def wait_for(condition: Callable[[], Any]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.05)


def ended(job: Job) -> Job:
    wait_for(lambda: Job.objects.get(pk=job.pk).is_over)
    found = Job.objects.select_related("score_file").get(pk=job.pk)
    return found


def pretend_time_passed() -> None:
    """As if every sign of life were older than a worker may be silent."""
    long_ago = timezone.now() - timedelta(seconds=settings.JOB_STALE_SECONDS + 5)
    Job.objects.update(heartbeat_at=long_ago, sent_at=long_ago)
    ScorePiece.objects.filter(is_done=False, claimed_at__isnull=False).update(claimed_at=long_ago)


def check_whole(job: Job, rows: int) -> None:
    """The result holds every row once and in order, each with the id of its own stored answer, and nothing is left."""
    assert job.status == "succeeded", (job.error_message, job.log)
    _file, chunks = score_files.result_chunks(job)
    found = list(csv.DictReader(io.StringIO(b"".join(chunks).decode(), newline="")))
    assert [row["number"] for row in found] == [str(number) for number in range(rows)]
    assert Prediction.objects.count() == rows
    stored = {str(pk): outcome for pk, outcome in Prediction.objects.values_list("pk", "outcome").iterator()}
    assert {row["prediction_id"]: row["outcome"] for row in found} == stored
    for row in found[:: rows // 20]:
        case = Prediction.objects.get(pk=row["prediction_id"])
        assert case.inputs == [float(row["a"]), float(row["b"])]
        assert case.outputs["probabilities"]["above"] == float(row["probability.above"])
    assert sum(PredictionBlock.objects.values_list("rows", flat=True)) == rows
    assert not ScorePiece.objects.exists()
    assert files_below("cases") == files_below("parts") == []


def files_below(kind: str) -> list[Path]:
    return [path for path in (Path(settings.ARTIFACTS_DIR) / kind).rglob("*") if path.is_file()]


def background(worker: Supervisor) -> Process:
    return next(process for process in worker.processes if process.name == "background")


def hands_of(worker: Supervisor) -> list[int]:
    """The processes that do the work of the background worker."""
    return [child.pid for child in psutil.Process(background(worker).group).children()]


def test_two_processes_score_one_file_together(worker: Supervisor, actor: Actor, target: Target) -> None:
    job = ended(send(actor, target, content(ROWS)))
    check_whole(job, ROWS)
    assert (job.score_file.rows, job.score_file.answered) == (ROWS, ROWS)


def test_the_pieces_of_killed_workers_are_done_again_and_no_row_is_there_twice(
    worker: Supervisor, actor: Actor, target: Target
) -> None:
    job = send(actor, target, content(ROWS))
    wait_for(lambda: ScoreFile.objects.get(job=job).answered > 0)
    for pid in hands_of(worker):
        os.kill(pid, signal.SIGKILL)
    if not Job.objects.get(pk=job.pk).is_over:
        # The hint of a killed process is lost with it.
        wait_for(lambda: len(hands_of(worker)) >= 2)
        time.sleep(0.5)
        pretend_time_passed()
        tasks.sweep_jobs()
    check_whole(ended(job), ROWS)


def test_a_queue_that_forgets_only_delays(
    worker: Supervisor, actor: Actor, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as forgetful:
        forgetful.setattr(current_app, "send_task", lambda *_arguments, **_named: None)
        job = send(actor, target, content(3_000))
    time.sleep(0.5)
    assert Job.objects.get(pk=job.pk).status == "queued"
    pretend_time_passed()
    tasks.sweep_jobs()
    check_whole(ended(job), 3_000)


def test_hints_that_come_twice_change_nothing(worker: Supervisor, actor: Actor, target: Target) -> None:
    job = send(actor, target, content(3_000))
    for _ in range(5):
        dispatch.send(job.pk, Job.Kind.SCORE)
    check_whole(ended(job), 3_000)


def test_a_cancelled_file_stops_soon_and_leaves_only_answers(
    worker: Supervisor, actor: Actor, target: Target
) -> None:
    job = send(actor, target, content(10 * ROWS))
    wait_for(lambda: ScoreFile.objects.get(job=job).answered > 0)
    jobs.request_cancel(job, actor)
    begun = time.monotonic()
    assert ended(job).status == "cancelled"
    assert time.monotonic() - begun < 15
    answered = ScoreFile.objects.get(job=job).answered
    assert 0 < answered < 10 * ROWS
    wait_for(lambda: files_below("cases") == files_below("parts") == [])
    assert Prediction.objects.count() == answered
    assert not ScorePiece.objects.exists()
