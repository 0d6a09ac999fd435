"""``/health/live`` and ``/health/ready``; the real inference is in test_end_to_end.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection

from deploy_site.supervisor import Supervisor
from predictions import gateway
from predictions.api import health
from predictions.api.health import Finding, Watch
from predictions.errors import ModelFailed, TryLater
from predictions.gateway import pings
from tests.api.conftest import Api, People, Shelf, problem
from tests.support.workers import halted


def test_live_touches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No database mark on this test: a query would fail it."""
    response = Api().get("/health/live")
    assert response.json() == {"status": "live"}


def test_ready_asks_the_default_ml_model(
    people: People, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def probe(target: Any) -> float:
        asked.append(target.slug)
        return 0.004

    monkeypatch.setattr(gateway, "probe", probe)
    body = people.anonymous.get("/health/ready").json()
    assert body == {
        "status": "ready",
        "parts": {"database": "ok", "queue": "ok", "worker": "ok"},
        "inference_seconds": 0.004,
    }
    assert asked == ["sum"]


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (TryLater("No.", code="queue_unavailable"), {"database": "ok", "queue": "down", "worker": "unknown"}),
        (TryLater("No.", code="deadline_passed"), {"database": "ok", "queue": "ok", "worker": "down"}),
        (
            TryLater("No.", code="database_unavailable"),
            {"database": "down", "queue": "ok", "worker": "unknown"},
        ),
        (ModelFailed("It failed."), {"database": "ok", "queue": "ok", "worker": "down"}),
    ],
)
def test_the_part_that_is_down_is_named(
    people: People, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, error: Exception, parts: dict[str, str]
) -> None:
    def probe(_target: Any) -> float:
        raise error

    monkeypatch.setattr(gateway, "probe", probe)
    response = people.anonymous.get("/health/ready")
    document = problem(response, 503, "not_ready")
    assert document["parts"] == parts
    (down,) = [part for part, state in parts.items() if state == "down"]
    assert down in document["detail"]
    assert int(response["Retry-After"]) > 0


def test_a_database_that_is_away_is_named(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("no connection")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "cursor", away)
        response = people.anonymous.get("/health/ready")
    document = problem(response, 503, "not_ready")
    assert document["parts"] == {"database": "down", "queue": "unknown", "worker": "unknown"}


def test_a_site_without_ml_models_asks_for_a_worker(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pings, "ping", lambda: None)
    assert people.anonymous.get("/health/ready").json()["inference_seconds"] is None

    def nobody() -> None:
        raise TryLater("No worker.", code="no_worker")

    monkeypatch.setattr(pings, "ping", nobody)
    health.watch.forget()
    document = problem(people.anonymous.get("/health/ready"), 503, "not_ready")
    assert document["parts"]["worker"] == "down"


def test_without_a_worker_a_ping_finds_none(worker: Supervisor) -> None:
    with halted(worker), pytest.raises(TryLater) as caught:
        pings.ping(seconds=0.2)
    assert caught.value.code == "no_worker"


def _looks(*findings: Finding) -> Callable[[], Finding]:
    left = list(findings)
    return lambda: left.pop(0)


def test_a_good_finding_is_used_for_a_while_and_a_bad_one_hardly() -> None:
    now = [0.0]
    good = Finding({"database": "ok"})
    bad = Finding({"database": "down"})
    watch = Watch(_looks(good, bad, good), clock=lambda: now[0])
    assert watch.finding() is good
    now[0] += health.GOOD_FOR_SECONDS
    assert watch.finding() is good
    now[0] += 0.1
    assert watch.finding() is bad
    now[0] += health.BAD_FOR_SECONDS + 0.1
    assert watch.finding() is good
