"""Modules stay small, and what is generated stays in step."""

from __future__ import annotations

import ast
import re
import subprocess
from io import StringIO

import pytest
from django.core.management import call_command

from tests.support.servers import ROOT

LONGEST = 400


def _tracked() -> list[str]:
    """The checkout's own files; without git (an unpacked archive) everything but what is ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]
    files = (file.relative_to(ROOT) for file in ROOT.rglob("*") if file.is_file())
    return [str(file) for file in files if file.parts[0] != "var" and "__pycache__" not in file.parts]


PYTHON = [name for name in _tracked() if name.endswith(".py") and "/migrations/" not in name]


def test_no_module_is_longer_than_it_may_be() -> None:
    lengths = {name: len((ROOT / name).read_text().splitlines()) for name in PYTHON}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_public_functions_say_what_they_promise() -> None:
    silent = []
    for name in (name for name in PYTHON if name.startswith("deploy_site/")):
        for node in ast.parse((ROOT / name).read_text()).body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
                continue
            if not ast.get_docstring(node):
                silent.append(f"{name}:{node.name}")
    assert silent == []


def test_no_file_names_a_place_of_one_machine() -> None:
    # Spelled apart, or this file would name them too.
    places = re.compile(
        "|".join(["/" + "work/", "/ro" + "ot/", "py" + "pi\\.org", "files\\.python" + "hosted"])
    )
    names = [name for name in _tracked() if not name.endswith((".png", ".woff2", ".onnx", ".joblib", ".csv"))]
    found = [name for name in names if places.search((ROOT / name).read_text(errors="replace"))]
    assert found == []


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    out = StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=out)
    assert "No changes detected" in out.getvalue()
