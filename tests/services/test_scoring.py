"""Files of cases on the worker's side, one step after the other in this process."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from predictions.models import Job, Prediction, ScoreFile
from predictions.selectors import jobs as job_rows
from predictions.selectors.targets import Target
from predictions.services import score_files, scoring
from predictions.values import Actor
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def target() -> Target:
    return factories.target(factories.sign_version(slug="sign"))


@pytest.fixture
def actor() -> Actor:
    return factories.actor_for(factories.user())


def brought(actor: Actor, target: Target, content: str | bytes) -> Job:
    data = content if isinstance(content, bytes) else content.encode()
    return score_files.receive(actor=actor, target=target, stream=io.BytesIO(data), filename="rows.csv")


def scored(actor: Actor, target: Target, content: str | bytes) -> Job:
    job = brought(actor, target, content)
    scoring.run(job.pk)
    return job_rows.get(actor, job.pk)


def result_of(job: Job) -> bytes:
    _file, chunks = score_files.result_chunks(job)
    return b"".join(chunks)


def rows_of(job: Job) -> list[dict[str, Any]]:
    assert job.status == "succeeded", (job.error_message, job.log)
    return list(csv.DictReader(io.StringIO(result_of(job).decode("utf-8-sig"), newline="")))


def test_every_row_comes_back_with_its_answer_and_its_id(actor: Actor, target: Target) -> None:
    job = scored(actor, target, "b,name,a\n1,first,1\n-5.5,second,2\n")
    first, second = rows_of(job)
    assert (first["b"], first["name"], first["a"]) == ("1", "first", "1")
    assert first["outcome"] == "above"
    assert second["outcome"] == "below"
    row = Prediction.objects.get(pk=second["prediction_id"])
    assert row.inputs == [2.0, -5.5]
    assert row.outputs["label"] == "below"
    assert row.outputs["probabilities"]["below"] == float(second["probability.below"])
    assert (row.face, row.user_id, row.outcome) == ("file", actor.user_id, "below")
    file = ScoreFile.objects.get(job=job)
    assert (file.rows, file.answered, file.faulty, file.key) == (2, 2, 0, "")
