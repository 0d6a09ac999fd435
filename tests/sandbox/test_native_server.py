"""A confined process that lives long and answers with the original library."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import psutil
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from predictions import repository
from predictions.errors import ModelFailed, TryLater
from predictions.sandbox import NativeServer, StoredFile
from predictions.sandbox.confine import GUARDS
from predictions.sandbox.supervisor import NICENESS
from tests.sandbox.conftest import SMALL, sandboxed_processes

LIMITS = replace(SMALL, memory_bytes=4 << 30, cpu_seconds=None, wall_seconds=30)
NAMES = ("a", "b", "c", "d")
IRIS = {
    "format": 1,
    "task": "classification",
    "inputs": [{"name": name, "kind": "number"} for name in NAMES],
    "outputs": [
        {
            "name": "kind",
            "kind": "class",
            "probabilities": True,
            "classes": [{"value": value} for value in (0, 1, 2)],
        }
    ],
    "drawing": None,
}

ANSWERING = """
import os, sys, time
from predictions.sandbox import frames
def send(data): os.write(orders.events, data)
def receive():
    size = int.from_bytes(sys.stdin.buffer.read(4), "big")
    return frames.requests.decode(sys.stdin.buffer.read(size)) if size else sys.exit()
send(frames.pack(frames.Response(answers=[])))
while True:
    rows = receive().rows
    command = rows[0][0]
    if command == "crash": os._exit(1)
    if command == "sleep": time.sleep(60)
    if command == "garbage": send(b"\\xff" * 64)
    if command == "huge": send(b"\\x7f\\xff\\xff\\xff")
    if command == "fewer": rows = []
    if command == "wrong": send(frames.pack(frames.Request([["not an answer"]])))
    if command == "print": print("x" * 10_000_000)
    if command == "error": send(frames.pack(frames.Response(code="model_failed", message="No.")))
    elif command != "wrong": send(frames.pack(frames.Response(answers=[frames.Answer(value=float(os.getpid()))] * len(rows))))
"""

Serves = Callable[..., Any]


@pytest.fixture(scope="module")
def estimator() -> LogisticRegression:
    rows, kinds = load_iris(return_X_y=True)
    return LogisticRegression(max_iter=500).fit(rows, kinds)


@pytest.fixture
def hostile_server(hostile_launcher: Path, code_file: Callable[[str], Path]) -> Iterator[NativeServer]:
    limits = replace(SMALL, cpu_seconds=None, wall_seconds=1.0)
    server = NativeServer(code_file(ANSWERING), "joblib", IRIS, limits)
    yield server
    server.close()
    assert sandboxed_processes() == []


def test_it_answers_as_the_estimator_does_in_every_guard(
    estimator: LogisticRegression, tmp_path: Path
) -> None:
    path = tmp_path / "iris.joblib"
    joblib.dump(estimator, path)
    rows, _ = load_iris(return_X_y=True)
    server = NativeServer(path, "joblib", IRIS, LIMITS)
    try:
        answers = server.predict(rows.tolist())
        assert [answer.class_index for answer in answers] == estimator.predict(rows).tolist()
        expected = estimator.predict_proba(rows).tolist()
        assert [list(answer.probabilities or ()) for answer in answers] == expected
        assert server.predict([]) == []
        assert set(server.report.guards) == set(GUARDS)
        assert server.report.guards["no_network"]
        with pytest.raises(ModelFailed):
            server.predict([["text", 1.0, 2.0, 3.0]])
        assert len(server.predict(rows[:2].tolist())) == 2
    finally:
        server.close()


def test_an_artifact_is_served_from_the_repository(
    estimator: LogisticRegression, artifacts_dir: Path, tmp_path: Path
) -> None:
    path = tmp_path / "iris.joblib"
    joblib.dump(estimator, path)
    with path.open("rb") as stream:
        stored = repository.store(stream, kind="sources", max_bytes=1 << 20)
    server = NativeServer.of_files([StoredFile("iris.joblib", stored.key, stored.sha256, "joblib")], IRIS)
    try:
        assert server.predict([[5.1, 3.5, 1.4, 0.2]])[0].class_index == 0
    finally:
        server.close()


def test_a_changed_artifact_is_not_opened(artifacts_dir: Path) -> None:
    server = NativeServer.of_files([StoredFile("a", "sources/00/" + "0" * 32, "0" * 64, "joblib")], IRIS)
    with pytest.raises(repository.DamagedArtifact):
        server.predict([[1.0]])


def test_one_process_answers_all_calls(hostile_server: NativeServer) -> None:
    first = hostile_server.predict([["a"], ["b"]])
    assert len(first) == 2
    assert hostile_server.predict([["c"]])[0] == first[0]


def test_it_lets_the_site_itself_go_first(hostile_server: NativeServer) -> None:
    hostile_server.predict([[1.0, 2.0, 3.0, 4.0]])
    assert any(psutil.Process(pid).nice() == NICENESS for pid in sandboxed_processes())


def test_a_crash_fails_one_call_and_the_next_starts_it_again(hostile_server: NativeServer) -> None:
    with pytest.raises(ModelFailed):
        hostile_server.predict([["crash"]])
    assert len(hostile_server.predict([["a"]])) == 1


def test_a_call_that_takes_too_long_is_ended_and_the_next_starts_it_again(
    hostile_server: NativeServer,
) -> None:
    started = time.monotonic()
    with pytest.raises(TryLater):
        hostile_server.predict([["sleep"]])
    assert time.monotonic() - started < 5
    assert len(hostile_server.predict([["a"]])) == 1


@pytest.mark.parametrize("command", ["garbage", "huge", "wrong", "fewer"])
def test_what_is_no_answer_fails_the_call_only(hostile_server: NativeServer, command: str) -> None:
    with pytest.raises((ModelFailed, TryLater)):
        hostile_server.predict([[command]])
    assert len(hostile_server.predict([["a"]])) == 1


def test_an_error_of_the_estimator_leaves_the_process_running(hostile_server: NativeServer) -> None:
    first = hostile_server.predict([["a"]])
    with pytest.raises(ModelFailed, match=r"^No\.$"):
        hostile_server.predict([["error"]])
    assert hostile_server.predict([["a"]]) == first


def test_printing_does_not_block_it(hostile_server: NativeServer) -> None:
    assert len(hostile_server.predict([["print"]])) == 1


def test_a_request_larger_than_a_pipe_arrives(hostile_server: NativeServer) -> None:
    assert len(hostile_server.predict([["x" * 3_000]] * 1_000)) == 1_000


def test_calls_of_several_threads_do_not_mix(hostile_server: NativeServer) -> None:
    lengths: dict[int, int] = {}

    def call(number: int) -> None:
        lengths[number] = len(hostile_server.predict([["a"]] * number))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(1, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lengths == {number: number for number in range(1, 20)}


def test_a_closed_server_leaves_no_process(hostile_server: NativeServer) -> None:
    hostile_server.predict([["a"]])
    assert sandboxed_processes() != []
    hostile_server.close()
    assert sandboxed_processes() == []


def test_a_file_that_does_not_open_says_that_it_cannot_start(
    hostile_launcher: Path, code_file: Callable[[str], Path]
) -> None:
    server = NativeServer(code_file("raise ValueError"), "joblib", IRIS, SMALL)
    with pytest.raises(ModelFailed, match="could not be started"):
        server.predict([["a"]])
    assert sandboxed_processes() == []
