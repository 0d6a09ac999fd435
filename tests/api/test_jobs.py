"""``/api/v1/jobs``"""

from __future__ import annotations

from typing import Any

import pytest

from predictions.models import Job
from predictions.services import jobs
from predictions.values import Actor, BuildRequest
from tests.api.conftest import People, problem


@pytest.fixture
def job(people: People) -> Job:
    """A waiting build of ``staff``."""
    return _job(people)


def _job(people: People, **columns: Any) -> Job:
    actor = Actor(user_id=people.accounts["staff"].pk, is_staff=True)
    row = jobs.create(kind=Job.Kind.BUILD, name="New", request=BuildRequest(name="New"), actor=actor)
    Job.objects.filter(pk=row.pk).update(**columns)
    return row


def test_the_one_who_started_it_follows_it(people: People, job: Job) -> None:
    for api in (people.staff, people.staff_key, people.root):
        assert [row["id"] for row in api.get("jobs").json()["results"]] == [str(job.pk)]
        body = api.get(f"jobs/{job.pk}").json()
        assert (body["status"], body["steps"], body["log"], body["error"]) == ("queued", [], [], None)


def test_steps_log_and_error_are_shown(people: People, job: Job) -> None:
    running = jobs.claim(job.pk)
    assert running is not None
    jobs.start_step(running, "scan")
    jobs.add_log(running, "Looking at the file.")
    jobs.fail(running, "not_a_model", "This is a picture; bring a model file.")
    body = people.staff.get(f"jobs/{job.pk}").json()
    assert body["status"] == "failed"
    assert body["error"] == {"code": "not_a_model", "message": "This is a picture; bring a model file."}
    assert [(step["name"], step["status"]) for step in body["steps"]] == [("scan", "failed")]
    assert [line["text"] for line in body["log"]] == ["Looking at the file."]
    assert body["started_at"]
    assert body["finished_at"]


@pytest.mark.parametrize("caller", ["user", "other_user", "key", "other_key", "user_key"])
def test_others_do_not_know_of_it(people: People, job: Job, caller: str) -> None:
    api = people.all()[caller]
    assert api.get("jobs").json()["results"] == []
    problem(api.get(f"jobs/{job.pk}"), 404, "not_found")
    problem(api.post(f"jobs/{job.pk}/cancel"), 404, "not_found")
    assert Job.objects.get().status == Job.Status.QUEUED


def test_strangers_are_asked_who_they_are(people: People, job: Job) -> None:
    for response in (people.anonymous.get("jobs"), people.visitor.get(f"jobs/{job.pk}")):
        problem(response, 401, "not_authenticated")


def test_a_waiting_job_is_cancelled_at_once(people: People, job: Job) -> None:
    body = people.staff.post(f"jobs/{job.pk}/cancel").json()
    assert (body["status"], body["cancel_requested"]) == ("cancelled", True)


def test_a_running_job_is_asked_to_stop(people: People, job: Job) -> None:
    assert jobs.claim(job.pk) is not None
    body = people.staff_key.post(f"jobs/{job.pk}/cancel").json()
    assert (body["status"], body["cancel_requested"]) == ("running", True)


def test_a_job_that_is_over_stays_as_it_is(people: People) -> None:
    job = _job(people, status=Job.Status.SUCCEEDED)
    problem(people.staff.post(f"jobs/{job.pk}/cancel"), 409, "conflict")
