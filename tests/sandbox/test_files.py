"""Files somebody could bring, through the real scan and the real build."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from predictions import sandbox
from predictions.errors import BadModelFile
from predictions.sandbox.replies import believed
from tests.sandbox.conftest import SMALL

LIMITS = replace(SMALL, memory_bytes=4 << 30, cpu_seconds=60, wall_seconds=60)


class Calls:
    """Pickles to a call of ``function``."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


def brought(content: bytes, folder: Path) -> Path:
    path = folder / "source"
    path.write_bytes(content)
    return path


def refusal(path: Path, *, opened_as: str | None = None, limits: sandbox.Limits = LIMITS) -> BadModelFile:
    """What a build says of a file; with ``opened_as`` it is opened without a scan before."""
    payload = {} if opened_as is None else {"file_format": opened_as}
    with pytest.raises(BadModelFile) as caught:
        sandbox.run("build", payload, files={"source": path}, limits=limits)
    return caught.value


def dumped(thing: Any) -> bytes:
    stream = io.BytesIO()
    joblib.dump(thing, stream)
    return stream.getvalue()


def test_a_joblib_file_becomes_an_artifact(tmp_path: Path) -> None:
    rows = np.array([[1.0], [2.0], [3.0]])
    path = brought(dumped(LinearRegression().fit(rows, [2.0, 4.0, 6.0])), tmp_path)
    heard: list[dict[str, Any]] = []
    with sandbox.run("build", {}, files={"source": path}, limits=LIMITS, on_event=heard.append) as result:
        reply = believed(result)
        assert (reply.runtime, len(reply.signature.inputs)) == ("onnx", 1)
        assert reply.artifact is not None
        assert reply.artifact.stat().st_size > 0
        assert result.guards["files"]
    assert [event["step"] for event in heard] == ["scan", "open", "inspect", "convert", "parity", "prove"]


def test_a_pickle_that_runs_a_command_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []
    path = brought(pickle.dumps(Calls(os.system, "touch hacked")), tmp_path)
    for operation in ("scan", "build"):
        with pytest.raises(BadModelFile) as caught:
            sandbox.run(operation, {}, files={"source": path}, limits=LIMITS, on_event=heard.append)
        assert caught.value.code == "dangerous_code"
    assert heard == []


def test_a_pickle_that_runs_a_command_is_harmless_when_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setenv("SECRET_KEY", "secret-word")
    command = f"id > {tmp_path}/hacked; env >> {tmp_path}/hacked; touch /tmp/hacked-by-pickle"
    path = brought(pickle.dumps(Calls(os.system, command)), tmp_path)
    assert refusal(path, opened_as="pickle").code == "not_an_estimator"
    assert not (tmp_path / "hacked").exists()
    assert not Path("/tmp/hacked-by-pickle").exists()


class _Full(Exception):
    pass


class _Head(io.BytesIO):
    """Takes the first kilobyte only."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > 1024:
            raise _Full
        return super().write(data)


def bomb(size: int) -> bytes:
    """A joblib file of some kilobytes that holds ``size`` zeros, without ever having them."""
    head = _Head()
    with contextlib.suppress(_Full):
        joblib.dump(np.zeros(size, dtype=np.uint8), head)
    squeezer = zlib.compressobj(9)
    start = squeezer.compress(head.getvalue()) + squeezer.flush(zlib.Z_FULL_FLUSH)
    block = squeezer.compress(bytes(16 << 20)) + squeezer.flush(zlib.Z_FULL_FLUSH)
    return start + block * (size // (16 << 20))


def test_a_decompression_bomb_is_refused_by_the_scan(tmp_path: Path) -> None:
    path = brought(bomb(8 << 30), tmp_path)
    assert path.stat().st_size < 10 << 20
    with pytest.raises(BadModelFile) as caught:
        sandbox.run("scan", {}, files={"source": path}, limits=LIMITS)
    assert caught.value.code == "decompression_bomb"


def test_a_decompression_bomb_that_gets_past_the_scan_is_too_much_memory(tmp_path: Path) -> None:
    path = brought(bomb(8 << 30), tmp_path)
    assert refusal(path, opened_as="joblib").code == "too_much_memory"


def test_an_object_that_takes_a_hundred_gigabytes_is_too_much_memory(tmp_path: Path) -> None:
    path = brought(pickle.dumps(Calls(bytearray, 100 << 30)), tmp_path)
    assert refusal(path, opened_as="pickle").code == "too_much_memory"


def test_a_file_that_never_opens_is_too_slow(tmp_path: Path) -> None:
    path = brought(pickle.dumps(Calls(exec, "while True: pass", {})), tmp_path)
    assert refusal(path, opened_as="pickle", limits=replace(LIMITS, cpu_seconds=4)).code == "too_slow"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"a,b\n1,2\n", "not_a_model_file"),
        (b"%PDF-1.7\n", "not_a_model_file"),
        (pickle.dumps({"a": [1, 2, 3]}), "plain_data"),
        (dumped(LinearRegression().fit([[1.0]], [1.0]))[:-20], "truncated"),
    ],
    ids=["empty", "table", "document", "data", "cut"],
)
def test_what_is_no_whole_model_file_is_refused_with_its_reason(
    tmp_path: Path, content: bytes, code: str
) -> None:
    assert refusal(brought(content, tmp_path)).code == code


def test_an_estimator_without_predict_is_refused(tmp_path: Path) -> None:
    path = brought(dumped(StandardScaler().fit([[1.0], [2.0]])), tmp_path)
    error = refusal(path)
    assert error.code not in ("unreadable", "internal")
    assert "predict" in error.message
