"""What a run says is data: bounded, checked, and never followed anywhere."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from predictions.errors import BadModelFile
from predictions.sandbox import SandboxReport, SandboxResult, folders
from predictions.sandbox.replies import believed
from tests.sandbox.conftest import RunsHostile

SIGNATURE = {
    "format": 1,
    "task": "regression",
    "inputs": [{"name": "x", "kind": "number"}],
    "outputs": [{"name": "y", "kind": "number"}],
    "drawing": None,
}
PLAN = {
    "feeds": [{"name": "X", "dtype": "float32", "layout": "matrix", "columns": [0]}],
    "label_output": None,
    "probability_output": None,
    "value_output": "variable",
    "outputs": [],
    "batched": True,
}


def claim(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "signature": SIGNATURE,
        "runtime": "onnx",
        "plan": PLAN,
        "artifact": "model.onnx",
        "report": {},
        "libraries": {"scikit-learn": "1.9.1"},
        "notes": [],
    }
    return whole | changes


def result_with(value: dict[str, Any], tmp_path: Path) -> SandboxResult:
    artifact = tmp_path / "0"
    artifact.write_bytes(b"onnx")
    return SandboxResult(value, {"model.onnx": artifact}, SandboxReport(), tmp_path)


def unreadable(runs_hostile: RunsHostile, code: str) -> None:
    with pytest.raises(BadModelFile) as caught:
        runs_hostile(code).close()
    assert caught.value.code == "unreadable"


def test_events_arrive_while_it_runs_and_garbage_between_them_does_not(runs_hostile: RunsHostile) -> None:
    heard: list[dict[str, Any]] = []
    code = """
        import os, json
        def say(data): os.write(orders.events, data)
        say(json.dumps({"step": "open", "message": "one\\x1b[31m"}).encode() + b"\\n")
        say(b"\\xff\\xfe garbage \\x00\\n[]\\n{\\n" + b"[" * 10_000 + b"\\n")
        say(b'{"step": 1, "message": "x"}\\n{"step": "open"}\\n')
        say(b"x" * 1_000_000 + b"\\n")
        say(json.dumps({"step": "open", "message": "two", "command": "rm"}).encode() + b"\\n")
    """
    runs_hostile(code, on_event=heard.append).close()
    assert heard == [{"step": "open", "message": "one [31m"}, {"step": "open", "message": "two"}]


def test_an_endless_flood_of_garbage_ends_the_run(runs_hostile: RunsHostile) -> None:
    unreadable(runs_hostile, "import os\nwhile True: os.write(orders.events, b'x' * 65536)")


def test_printing_without_end_ends_the_run(runs_hostile: RunsHostile) -> None:
    unreadable(runs_hostile, "while True: print('x' * 65536)")


def test_a_flood_of_events_is_cut(runs_hostile: RunsHostile) -> None:
    heard: list[dict[str, Any]] = []
    code = """
        import os
        for _ in range(100):
            os.write(orders.events, b'{"step": "open", "message": "more"}\\n' * 100)
    """
    runs_hostile(code, on_event=heard.append).close()
    assert len(heard) == 2_000


def test_a_huge_reply_is_refused(runs_hostile: RunsHostile) -> None:
    unreadable(runs_hostile, "found['x'] = 'x' * (17 << 20)")


def test_a_reply_that_is_no_json_is_refused(runs_hostile: RunsHostile) -> None:
    unreadable(runs_hostile, "import os; open('reply.json', 'w').write('{'); os._exit(0)")


def test_a_deeply_nested_reply_is_refused(runs_hostile: RunsHostile) -> None:
    unreadable(runs_hostile, "import os; open('reply.json', 'w').write('[' * 200_000); os._exit(0)")


def test_no_reply_at_all_is_refused(runs_hostile: RunsHostile) -> None:
    unreadable(runs_hostile, "import os; os._exit(0)")


def test_a_reply_cannot_name_an_error_that_is_not_one(runs_hostile: RunsHostile) -> None:
    code = """
        import os
        open("reply.json", "w").write('{"error": {"code": "not a code!", "message": "<b>hi</b>"}}')
        os._exit(0)
    """
    unreadable(runs_hostile, code)


def test_only_ordinary_files_are_collected(runs_hostile: RunsHostile) -> None:
    code = """
        import os
        for make in (
            lambda: os.symlink("/etc/passwd", "out/link"),
            lambda: os.mkfifo("out/pipe"),
            lambda: os.link("out/plain", "out/second"),
            lambda: os.mkdir("out/folder"),
        ):
            try:
                open("out/plain", "w").write("plain")
                make()
            except OSError:
                pass
        if os.path.exists("out/second"):
            os.remove("out/second")
    """
    with runs_hostile(code) as result:
        assert {name: path.read_text() for name, path in result.files.items()} == {"plain": "plain"}


def test_removing_a_folder_touches_nothing_around_it(tmp_path: Path) -> None:
    folder, outside = tmp_path / "run", tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "kept").write_text("kept")
    tmp_path.chmod(0o755)
    folders.remove(folder)
    (folder / "closed" / "inner").mkdir(parents=True)
    (folder / "closed" / "inner" / "file").write_text("x")
    (folder / "link").symlink_to(outside)
    (folder / "closed").chmod(0)
    folders.remove(folder)
    folders.remove(folder)
    assert not folder.exists()
    assert (outside / "kept").exists()
    assert [path.stat().st_mode & 0o777 for path in (tmp_path, outside)] == [0o755, 0o755]


def test_collecting_follows_no_link_and_waits_for_no_pipe(tmp_path: Path) -> None:
    folder = folders.prepare({})
    secret = tmp_path / "secret"
    secret.write_text("secret-word")
    try:
        (folder / "out" / "link").symlink_to(secret)
        os.mkfifo(folder / "out" / "pipe")
        os.link(secret, folder / "out" / "second_name")
        kept, found = folders.collect(folder, 1 << 20)
        assert found == {}
        kept.rmdir()
        (folder / "out" / "link").unlink()
        folders.remove(folder / "out")
        (folder / "out").symlink_to(tmp_path)
        _kept, found = folders.collect(folder, 1 << 20)
        assert found == {}
        _kept.rmdir()
    finally:
        folders.remove(folder)
    assert secret.read_text() == "secret-word"


def test_collected_files_go_with_the_result(runs_hostile: RunsHostile) -> None:
    with runs_hostile("open('out/model.onnx', 'wb').write(b'bytes')") as result:
        path = result.files["model.onnx"]
        assert path.read_bytes() == b"bytes"
        assert path.stat().st_mode & 0o077 == 0
    assert not path.exists()


def test_a_whole_claim_is_believed(tmp_path: Path) -> None:
    reply = believed(result_with(claim(), tmp_path))
    assert reply.signature.names == ("x",)
    assert reply.artifact == tmp_path / "0"


def test_what_a_database_cannot_hold_is_taken_out_of_a_claim(tmp_path: Path) -> None:
    notes = ["a\x00b\ud800c"]
    reply = believed(result_with(claim(notes=notes, report={"largest": float("nan")}), tmp_path))
    assert reply.notes == ["ab?c"]
    assert json.dumps(reply.report, allow_nan=False) == '{"largest": null}'


@pytest.mark.parametrize(
    "changes",
    [
        {"runtime": "shell"},
        {"artifact": "../../etc/passwd"},
        {"artifact": None},
        {"plan": None},
        {"plan": {"feeds": [], "outputs": [], "surprise": 1}},
        {"report": []},
        {"libraries": {"numpy": 2}},
        {"notes": "all"},
        {"signature": {}},
        {"signature": SIGNATURE | {"format": 99}},
        {"signature": SIGNATURE | {"inputs": []}},
        {"signature": SIGNATURE | {"inputs": [{"name": 5, "kind": "number"}]}},
        {"signature": SIGNATURE | {"inputs": [{"name": "x", "kind": "object"}]}},
        {"signature": SIGNATURE | {"inputs": [{"name": "x", "kind": "number"}] * 2}},
        {"signature": SIGNATURE | {"task": "surprise"}},
        {"signature": SIGNATURE | {"drawing": {"rows": "many"}}},
    ],
)
def test_a_claim_of_another_shape_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadModelFile) as caught:
        believed(result_with(claim(**changes), tmp_path))
    assert caught.value.code == "unreadable"


def test_a_claim_nested_without_end_is_refused(tmp_path: Path) -> None:
    nested: list[Any] = []
    for _ in range(500):
        nested = [nested]
    with pytest.raises(BadModelFile):
        believed(result_with(claim(report={"deep": nested}), tmp_path))


def test_a_folder_that_cannot_be_filled_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    present = tmp_path / "source"
    present.write_bytes(b"x")
    with pytest.raises(OSError, match="gone"):
        folders.prepare({"source": present, "sample": tmp_path / "gone"})
    assert list(tmp_path.iterdir()) == [present]
