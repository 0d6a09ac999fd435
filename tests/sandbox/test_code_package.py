"""Own code beside a model file: it answers in the real sandbox, and reaches nothing from there."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from predictions import repository
from predictions.errors import BadModelFile
from predictions.sandbox import NativeServer, SandboxResult, StoredCode, StoredFile, process
from tests.ml.estimators import IRIS
from tests.sandbox.conftest import SMALL
from tests.support.own_code import TWICE, WHEEL, file_of, package_of

LIMITS = replace(SMALL, memory_bytes=4 << 30, cpu_seconds=60, wall_seconds=120)

PRYING = """
import os, socket, subprocess
found = {}
def attempt(name, action):
    try:
        found[name] = repr(action())[:200]
    except BaseException as error:
        found[name] = "refused"
attempt("connect", lambda: socket.create_connection(("127.0.0.1", PORT), 2))
attempt("secret", lambda: open(SECRET).read())
attempt("passwd", lambda: open("/etc/passwd").read())
attempt("write", lambda: open(SECRET + ".new", "w"))
attempt("list", lambda: os.listdir(os.path.dirname(SECRET)))
attempt("run", lambda: subprocess.run(["/bin/true"]))
attempt("environment", lambda: {key: value for key, value in os.environ.items() if "KEY" in key or "URL" in key} or 1 / 0)
# The name of an exception is the only word of own code that is shown.
reached = [name for name, value in found.items() if value != "refused"]
raise type("Reached_" + "_".join(reached), (Exception,), {})
"""


def built(tmp_path: Path, data: bytes, package: bytes | None, **payload: Any) -> SandboxResult:
    files = {"source": tmp_path / "source"}
    files["source"].write_bytes(data)
    if package is not None:
        files["code"] = tmp_path / "code.zip"
        files["code"].write_bytes(package)
    return process.run("build", payload, files=files, limits=LIMITS)


def code_found(tmp_path: Path) -> dict[str, Any]:
    """How the scan says that the code beside the file of the last build is activated."""
    files = {"source": tmp_path / "source", "code": tmp_path / "code.zip"}
    with process.run("scan", {}, files=files, limits=LIMITS) as result:
        found: dict[str, Any] = result.value["reports"][0]["package"]
    return found


def refused(*arguments: Any, **payload: Any) -> BadModelFile:
    with pytest.raises(BadModelFile) as caught:
        built(*arguments, **payload)
    return caught.value


def stored(data: bytes, kind: repository.Kind, tmp_path: Path) -> repository.Stored:
    path = tmp_path / "to store"
    path.write_bytes(data)
    with path.open("rb") as stream:
        return repository.store(stream, kind=kind, max_bytes=1 << 20)


def test_a_model_with_own_classes_is_built_and_answers(tmp_path: Path, artifacts_dir: Path) -> None:
    data, expected = file_of("features.steps")
    package = package_of(WHEEL)
    with built(tmp_path, data, package) as result:
        value = result.value
    assert value["runtime"] == "native"
    code = stored(package, "code", tmp_path)
    source = stored(data, "sources", tmp_path)
    server = NativeServer.of_files(
        [StoredFile("m.pkl", source.key, source.sha256, "pickle")],
        value["signature"],
        code=StoredCode(key=code.key, sha256=code.sha256, documents=[code_found(tmp_path)]),
    )
    try:
        answers = server.predict(IRIS.tolist())
    finally:
        server.close()
    assert [answer.class_index for answer in answers] == expected


def test_classes_of_a_script_answer_too(tmp_path: Path) -> None:
    data, expected = file_of("__main__")
    package = tmp_path / "app.zip"
    package.write_bytes(package_of({"app.py": TWICE}))
    with built(tmp_path, data, package.read_bytes()) as result:
        value = result.value
    assert code_found(tmp_path)["main_module"] == "app"
    assert value["report"]["example_answer"]["label"] in (0, 1, 2)
    assert len(expected) == len(IRIS)


def test_without_the_package_the_class_is_named(tmp_path: Path) -> None:
    error = refused(tmp_path, file_of("features.steps")[0], None)
    assert error.code == "own_code"
    assert "features.steps.Twice" in error.message


def test_code_that_needs_what_is_not_there_says_what(tmp_path: Path) -> None:
    data = file_of("features.steps")[0]
    files = {**WHEEL, "features/__init__.py": "import a_library_of_nobody"}
    error = refused(tmp_path, data, package_of(files))
    assert (error.code, "a_library_of_nobody" in error.message) == ("own_code_failed", True)


def test_what_own_code_says_in_its_errors_is_not_shown(tmp_path: Path) -> None:
    data = file_of("features.steps")[0]
    files = {**WHEEL, "features/__init__.py": "raise ValueError('patient Smith')"}
    error = refused(tmp_path, data, package_of(files))
    assert (error.code, "Smith" in error.message, "ValueError" in error.message) == (
        "own_code_failed",
        False,
        True,
    )


def test_a_package_cannot_take_the_place_of_what_is_installed(tmp_path: Path) -> None:
    data = file_of("predictions.steps")[0]
    error = refused(tmp_path, data, package_of({"predictions/steps.py": TWICE}))
    assert error.code == "code_name_taken"


@pytest.fixture
def listener() -> Any:
    """A port of this machine that counts who connects."""
    server = socket.create_server(("127.0.0.1", 0))
    connected: list[int] = []

    def accept() -> None:
        try:
            while True:
                server.accept()[0].close()
                connected.append(1)
        except OSError:
            return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield server.getsockname()[1], connected
    server.close()


def test_hostile_own_code_reaches_neither_network_nor_files(tmp_path: Path, listener: Any) -> None:
    port, connected = listener
    secret = tmp_path / "secret.txt"
    secret.write_text("another owner's model")
    data = file_of("features.steps")[0]
    prying = PRYING.replace("PORT", str(port)).replace("SECRET", repr(str(secret)))
    error = refused(tmp_path, data, package_of({**WHEEL, "features/__init__.py": prying}))
    assert error.code == "own_code_failed"
    assert "stopped with Reached_ when" in error.message
    assert connected == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["code.zip", "secret.txt", "source"]


def test_own_code_that_never_ends_is_stopped(tmp_path: Path) -> None:
    data = file_of("features.steps")[0]
    files = {"source": tmp_path / "source", "code": tmp_path / "code"}
    files["source"].write_bytes(data)
    files["code"].write_bytes(package_of({**WHEEL, "features/__init__.py": "while True: pass"}))
    with pytest.raises(BadModelFile) as caught:
        process.run("build", {}, files=files, limits=replace(LIMITS, cpu_seconds=15))
    assert caught.value.code == "too_slow"
