"""A native runtime that grows is exchanged, and one that died is there again for the next caller."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from predictions.errors import ModelFailed, TryLater
from predictions.sandbox import NativeServer, growth
from predictions.sandbox.growth import CHECK_SECONDS, REST_SECONDS, Growth
from tests.sandbox.conftest import SMALL, sandboxed_processes
from tests.sandbox.test_native_server import IRIS

MB = 1 << 20

LEAKING = """
import os, sys, time
from predictions.sandbox import frames
kept = []
# Process numbers are the same in each process namespace.
me = float(int.from_bytes(os.urandom(6), "big"))
def send(data): os.write(orders.events, data)
def receive():
    size = int.from_bytes(sys.stdin.buffer.read(4), "big")
    return frames.requests.decode(sys.stdin.buffer.read(size)) if size else sys.exit()
send(frames.pack(frames.Response(answers=[])))
while True:
    rows = receive().rows
    for row in rows:
        if row[0] == "leak": kept.append(b"x" * (row[1] << 20))
        if row[0] == "hang": time.sleep(60)
        if row[0] == "die": os._exit(1)
    send(frames.pack(frames.Response(answers=[frames.Answer(value=me)] * len(rows))))
"""


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def looks(watched: Growth, clock: Clock, megabytes: int, after: float = CHECK_SECONDS) -> bool:
    clock.now += after
    return watched.is_too_much(lambda: megabytes * MB)


def test_what_it_weighs_after_its_first_answer_is_its_own(clock: Clock) -> None:
    watched = Growth(100 * MB, clock=clock)
    assert not looks(watched, clock, 900, REST_SECONDS)
    assert not looks(watched, clock, 1_790)
    assert looks(watched, clock, 1_810)


def test_a_small_one_may_grow_by_what_is_allowed(clock: Clock) -> None:
    watched = Growth(100 * MB, clock=clock)
    assert not looks(watched, clock, 10, REST_SECONDS)
    assert not looks(watched, clock, 105)
    assert looks(watched, clock, 115)


def test_a_fresh_one_is_left_alone_for_a_while(clock: Clock) -> None:
    watched = Growth(100 * MB, clock=clock)
    assert not looks(watched, clock, 10)
    assert not looks(watched, clock, 500)
    assert looks(watched, clock, 500, REST_SECONDS)


def test_it_is_not_weighed_for_every_answer(clock: Clock) -> None:
    watched = Growth(100 * MB, clock=clock)
    asked: list[float] = []

    def weigh() -> int:
        asked.append(clock.now)
        return MB

    for _ in range(50):
        clock.now += CHECK_SECONDS / 10
        watched.is_too_much(weigh)
    assert 4 <= len(asked) <= 6


@pytest.fixture
def server(
    hostile_launcher: Path, code_file: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[NativeServer]:
    """One that leaks, hangs and dies as it is told, and may grow by 60 MB."""
    monkeypatch.setattr(growth, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(growth, "REST_SECONDS", 0.0)
    limits = replace(SMALL, cpu_seconds=None, wall_seconds=20.0)
    found = NativeServer(code_file(LEAKING), "joblib", IRIS, limits, growth_bytes=60 * MB)
    yield found
    found.close()
    until = time.monotonic() + 20
    while sandboxed_processes() and time.monotonic() < until:
        time.sleep(0.05)
    assert sandboxed_processes() == []


def process_of(server: NativeServer) -> float:
    value = server.predict([["ask", 0]])[0].value
    assert isinstance(value, float)
    return value


def test_one_that_leaks_is_exchanged_while_it_answers(server: NativeServer) -> None:
    first = process_of(server)
    seen = {first}
    until = time.monotonic() + 30
    while len(seen) == 1 and time.monotonic() < until:
        begun = time.monotonic()
        answers = server.predict([["leak", 5]])
        assert len(answers) == 1
        # Nobody waits for the fresh one.
        assert time.monotonic() - begun < 2
        seen.add(float(answers[0].value))  # type: ignore[arg-type]
        time.sleep(0.02)
    assert len(seen) == 2
    assert server.memory_bytes() < 250 * MB


def test_after_a_death_it_starts_again_beside_the_callers(server: NativeServer) -> None:
    first = process_of(server)
    with pytest.raises(ModelFailed):
        server.predict([["die", 0]])
    until = time.monotonic() + 20
    while server.memory_bytes() == 0 and time.monotonic() < until:
        time.sleep(0.02)
    # There before anybody asked.
    assert server.memory_bytes() > 0
    assert process_of(server) != first


def test_one_that_hangs_is_ended_when_its_caller_has_gone(server: NativeServer) -> None:
    first = process_of(server)
    begun = time.monotonic()
    with pytest.raises(TryLater):
        server.predict([["hang", 0]], seconds=0.5)
    assert time.monotonic() - begun < 10
    assert process_of(server) != first


def test_a_closed_one_is_not_started_again_by_what_was_under_way(server: NativeServer) -> None:
    process_of(server)
    with pytest.raises(ModelFailed):
        server.predict([["die", 0]])
    server.close()
    time.sleep(1.0)
    assert server.memory_bytes() == 0
