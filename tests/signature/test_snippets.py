"""Text to copy does what it says."""

from __future__ import annotations

import csv
import io
import json
import shlex
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from predictions.signature.fields import Choice, Field
from predictions.signature.snippets import csv_template, csv_text, curl, python
from predictions.signature.validation import Validator
from tests.signature.builders import signature_of

URL = "http://127.0.0.1:8000/api/v1/models/tumor/predict?a=1&b=$HOME"
AWKWARD = {
    "it's": 'say "no" to $HOME `id` \\ !!',
    "emoji 🙂": "line\nbreak\ttab\u2028",
    "number": 1.5,
    "nothing": None,
    "truth": True,
    "grid": [[1.0, float("nan")], [2.0, 3.0]],
}
SENT = AWKWARD | {"grid": [[1.0, None], [2.0, 3.0]]}


def test_curl_survives_a_shell_with_any_text() -> None:
    command = curl(URL, AWKWARD).replace("curl ", "printf '%s\\0' ", 1)
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=True)
    words = done.stdout.decode().split("\0")[:-1]
    assert words[0] == URL
    assert words[1:5] == ["-H", "Authorization: Bearer YOUR_API_KEY", "-H", "Content-Type: application/json"]
    assert words[5] == "--data-raw"
    assert json.loads(words[6]) == {"inputs": [SENT]}


def test_curl_carries_the_key_it_is_given() -> None:
    words = shlex.split(curl(URL, {"x": 1}, key_placeholder="desk_abc"))
    assert "Authorization: Bearer desk_abc" in words


def test_python_sends_the_row_and_prints_the_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[tuple[str, dict[str, Any]]] = []
    reply = SimpleNamespace(
        raise_for_status=lambda: None, json=lambda: {"predictions": [{"label": "benign"}]}
    )

    def post(url: str, **options: Any) -> Any:
        calls.append((url, options))
        return reply

    monkeypatch.setitem(sys.modules, "requests", SimpleNamespace(post=post))
    exec(compile(python(URL, AWKWARD, key_placeholder="desk_abc"), "snippet", "exec"), {})
    ((url, options),) = calls
    assert url == URL
    assert options["json"] == {"inputs": [SENT]}
    assert options["headers"] == {"Authorization": "Bearer desk_abc"}
    assert capsys.readouterr().out == "{'label': 'benign'}\n"


SIGNATURE = signature_of(
    Field(name='a, "quoted"', kind="number", soft_minimum=0, soft_maximum=3),
    Field(name="sex", kind="choice", choices=(Choice("f, maybe"), Choice("m"))),
    Field(name="grid", kind="tensor", shape=(2,), element="integer"),
    Field(name="ok", kind="boolean"),
    Field(name="note", kind="text", nullable=True, example="line\nbreak"),
)


def test_the_csv_template_is_read_back_as_a_valid_row() -> None:
    (line,) = csv.DictReader(io.StringIO(csv_template(SIGNATURE), newline=""))
    row = Validator(SIGNATURE).check_texts(line)
    assert row.values == (1.5, "f, maybe", [0, 0], True, "line\nbreak")


def test_a_missing_value_is_an_empty_cell() -> None:
    text = csv_text(
        signature_of(Field(name="a", kind="number"), Field(name="b", kind="text")), [{"a": 1, "b": None}]
    )
    assert text == "a,b\r\n1,\r\n"
