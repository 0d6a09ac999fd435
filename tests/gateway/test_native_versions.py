"""A version that cannot become ONNX, from its file to answers, through a real worker and its confined process."""

from __future__ import annotations

import io
import os
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import joblib
import numpy as np
import psutil
import pytest
from sklearn.datasets import load_iris
from sklearn.semi_supervised import LabelPropagation

from deploy_site.supervisor import Process, Supervisor
from predictions import gateway
from predictions.errors import DeskError
from predictions.models import Job, ModelVersion, Prediction
from predictions.registry import Registry
from predictions.sandbox import NativeServer
from predictions.selectors.targets import Target
from predictions.services import builds, jobs, sources, uploads
from predictions.values import Actor, BuildRequest, GivenAnswer
from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]

ROWS, KINDS = load_iris(return_X_y=True)
PATIENCE_SECONDS = 30


@pytest.fixture(scope="module")
def estimator() -> LabelPropagation:
    return LabelPropagation().fit(ROWS, KINDS)


def built(estimator: Any) -> ModelVersion:
    """The version a build makes of the estimator's file."""
    actor = factories.actor_for(factories.user(is_staff=True))
    stream = io.BytesIO()
    joblib.dump(estimator, stream)
    stream.seek(0)
    source = uploads.receive(actor=actor, stream=stream, filename="spread.joblib")
    request = BuildRequest(name="Spread", go_live=True, visibility="public")
    job = jobs.create(kind=Job.Kind.BUILD, name="Spread", request=request, source=source, actor=actor)
    builds.run(job.pk)
    job.refresh_from_db()
    assert job.status == "succeeded", job.error_message
    assert job.version is not None
    assert job.version.runtime == "native"
    return job.version


def answer(target: Target, rows: Any) -> list[GivenAnswer]:
    checked = target.validator.check_payload(rows.tolist(), max_rows=500)
    return gateway.answer(
        target=target, rows=checked, actor=Actor(visitor=uuid4()), face="api", seconds=PATIENCE_SECONDS
    )


def shares(given: list[GivenAnswer]) -> list[list[float]]:
    return [list(one.outputs["probabilities"].values()) for one in given]


def servers_of(pid: int) -> list[psutil.Process]:
    """Every process of every native runtime below a process."""
    return [one for one in psutil.Process(pid).children(recursive=True) if is_server(one)]


def is_server(process: psutil.Process) -> bool:
    """Whether a process is alive and part of a native runtime."""
    try:
        return "launcher.py" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def has_ended(process: psutil.Process) -> bool:
    """Whether a process is gone for its parent too; one that is ending has no command line any more."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.05)


def interactive(worker: Supervisor) -> Process:
    return next(process for process in worker.processes if process.name == "interactive")


def test_it_is_served_by_its_library_and_outlives_its_process(
    worker: Supervisor, estimator: LabelPropagation
) -> None:
    target = factories.target(built(estimator))
    expected = estimator.predict_proba(ROWS[:100]).tolist()
    assert shares(answer(target, ROWS[:100])) == expected
    assert Prediction.objects.count() == 100

    process = interactive(worker)
    started = servers_of(process.group)
    assert started
    started[-1].kill()
    wait_for(lambda: all(map(has_ended, started)))
    # Other cases: those answered before would come from the cache, without the process.
    again = ROWS[50:][:100]
    np.testing.assert_allclose(shares(answer(target, again)), estimator.predict_proba(again))
    assert Prediction.objects.count() == 200

    second = servers_of(process.group)
    process.stop()
    try:
        wait_for(lambda: not any(map(is_server, second)))
    finally:
        process.start()
    # One row goes through other BLAS routines than a hundred: the last digits differ.
    assert shares(answer(target, ROWS[:1]))[0] == pytest.approx(expected[0])


def confined_one(worker: Supervisor, target: Target) -> psutil.Process:
    """The process that opened the file and answers for ``target``; it has answered one row."""
    before = servers_of(interactive(worker).group)
    answer(target, ROWS[:1])
    started = [one for one in servers_of(interactive(worker).group) if one not in before]
    # It alone has no process below it.
    (found,) = (one for one in started if not one.children())
    return found


def ask_twenty(target: Target, seconds: float) -> None:
    gateway.answer(
        target=target,
        rows=target.validator.check_payload(ROWS[:20].tolist(), max_rows=500),
        actor=Actor(visitor=uuid4()),
        face="api",
        seconds=seconds,
    )


def test_a_call_whose_process_is_killed_fails_whole_and_the_next_is_answered(
    worker: Supervisor, estimator: LabelPropagation
) -> None:
    target = factories.target(built(estimator))
    answering = confined_one(worker, target)
    answering.suspend()
    killer = threading.Timer(0.5, answering.kill)
    killer.start()
    with pytest.raises(DeskError):
        ask_twenty(target, seconds=20)
    killer.join()
    assert len(answer(target, ROWS[:2])) == 2
    assert Prediction.objects.count() == 3


def test_one_that_hangs_is_ended_when_its_callers_have_gone_and_the_next_is_answered(
    worker: Supervisor, estimator: LabelPropagation
) -> None:
    target = factories.target(built(estimator))
    hanging = confined_one(worker, target)
    hanging.suspend()
    with pytest.raises(DeskError):
        ask_twenty(target, seconds=1.5)
    # Long before the 30 s that a call may take where somebody waits for it.
    hanging.wait(timeout=15)
    assert len(answer(target, ROWS[:2])) == 2
    assert Prediction.objects.count() == 3


def test_its_process_ends_when_others_take_its_place(estimator: LabelPropagation) -> None:
    version = built(estimator)
    assert version.current_revision is not None
    document = version.current_revision.document
    loaded: list[NativeServer] = []

    def load(version_id: int) -> NativeServer:
        loaded.append(NativeServer.of_files(sources.stored_files(version.source), document))
        return loaded[-1]

    before = servers_of(os.getpid())
    registry = Registry(load=load, limit=1)
    for version_id in (1, 2):
        with registry.lease(version_id) as runtime:
            assert len(runtime.predict(ROWS[:2].tolist())) == 2
    assert loaded[0]._child is None
    assert loaded[1]._child is not None
    assert len(servers_of(os.getpid())) > len(before)
    registry.close()
    assert [one for one in servers_of(os.getpid()) if one not in before] == []


def test_the_same_case_again_is_answered_without_its_process_in_a_row_of_its_own(
    worker: Supervisor, estimator: LabelPropagation
) -> None:
    target = factories.target(built(estimator))
    before = servers_of(interactive(worker).group)
    (first,) = answer(target, ROWS[:1])
    started = [one for one in servers_of(interactive(worker).group) if one not in before]
    assert started
    for one in started:
        one.kill()
    wait_for(lambda: all(map(has_ended, started)))

    (second,) = answer(target, ROWS[:1])
    assert second.outputs == first.outputs
    assert second.id != first.id
    # Nothing was started for it.
    assert [one for one in servers_of(interactive(worker).group) if one not in before] == []
    assert Prediction.objects.get(pk=second.id).cached
    assert not Prediction.objects.get(pk=first.id).cached

    mixed = answer(target, ROWS[:3])
    assert [Prediction.objects.get(pk=one.id).cached for one in mixed] == [True, False, False]
    np.testing.assert_allclose(shares(mixed), estimator.predict_proba(ROWS[:3]))
