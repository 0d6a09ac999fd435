"""Who comes back the moment it is refused hears the same at once; nobody else does."""

from __future__ import annotations

from typing import Any

import pytest

from predictions.api import echoes
from predictions.api.echoes import ECHO_SECONDS, Echoes

MESSAGES = ({"type": "http.response.start", "status": 429}, {"type": "http.response.body", "body": b"{}"})


def scope(slug: str = "sum", key: str = "one", length: int = 100, method: str = "POST") -> dict[str, Any]:
    headers = [(b"host", b"x"), (b"authorization", key.encode()), (b"content-length", str(length).encode())]
    return {"type": "http", "method": method, "path": f"/api/v1/models/{slug}/predict", "headers": headers}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("predictions.api.echoes.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def told(clock: list[float]) -> Echoes:
    held = Echoes()
    held.keep(scope(), "sum", MESSAGES)
    return held


def test_the_same_caller_is_told_the_same_for_a_moment(told: Echoes, clock: list[float]) -> None:
    clock[0] += ECHO_SECONDS * 0.9
    said = told.of(scope(length=120))
    assert said is not None
    assert (said.slug, said.messages) == ("sum", MESSAGES)


def test_a_moment_later_the_site_looks_again(told: Echoes, clock: list[float]) -> None:
    clock[0] += ECHO_SECONDS * 1.1
    assert told.of(scope()) is None
    clock[0] -= ECHO_SECONDS
    assert told.of(scope()) is None, "it is forgotten"


@pytest.mark.parametrize(
    "other",
    [
        scope(key="two"),
        scope(key=""),
        scope(slug="other"),
        scope(method="GET"),
        scope(length=10),
        {"type": "lifespan"},
    ],
    ids=["another key", "no key", "another ml_model", "another method", "far less", "not a request"],
)
def test_nobody_hears_what_it_was_not_told(told: Echoes, other: dict[str, Any]) -> None:
    assert told.of(other) is None


def test_no_key_is_kept() -> None:
    held = Echoes()
    held.keep(scope(key="Bearer md_secret"), "sum", MESSAGES)
    assert "md_secret" not in repr(held._held)


def test_what_is_held_is_bounded() -> None:
    held = Echoes()
    for number in range(echoes.MOST_HELD + 5):
        held.keep(scope(key=str(number)), "sum", MESSAGES)
    assert len(held._held) <= echoes.MOST_HELD
