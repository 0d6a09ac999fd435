"""The sandbox of a site that does not run as root: fewer guards, each reported, none assumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from predictions.sandbox import SandboxReport
from predictions.sandbox.confine import GUARDS
from tests.sandbox.conftest import HERE

CODE = """
import os, socket
def attempt(action):
    try:
        return ["done", repr(action())[:300]]
    except BaseException as error:
        return [type(error).__name__, str(error)]
found["socket"] = attempt(lambda: socket.socket())
found["file"] = attempt(lambda: open("/etc/passwd").read())
found["kill"] = attempt(lambda: os.kill(os.getppid(), 9))
found["system"] = os.system("true")
started = 0
try:
    for _ in range(600):
        if os.fork() == 0:
            import time
            time.sleep(30)
        started += 1
except BlockingIOError:
    pass
found["started"] = started
"""


def run_as_ordinary_user() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, str(HERE / "ordinary_user.py"), folder],
            input=CODE,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "deploy_site.settings", "DEBUG": "1"},
        )
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found


def test_an_ordinary_user_gets_every_guard_but_another_user() -> None:
    answer = run_as_ordinary_user()
    assert answer["guards"] == {name: name != "other_user" for name in GUARDS}
    found = answer["found"]
    assert found["socket"][0] == found["file"][0] == "PermissionError"
    assert found["kill"][0] in ("PermissionError", "ProcessLookupError")
    assert os.waitstatus_to_exitcode(found["system"]) != 0
    assert found["started"] < 600


def test_a_missing_guard_is_said_in_words() -> None:
    guards = dict.fromkeys(GUARDS, True) | {"other_user": False, "no_network": False}
    words = SandboxReport(guards=guards).sentence()
    assert words.endswith("this system does not give it a user of its own, a closed network.")


def test_a_whole_sandbox_is_said_in_words() -> None:
    assert "sealed process" in SandboxReport(guards=dict.fromkeys(GUARDS, True)).sentence()


def test_guards_nobody_reported_do_not_count_as_standing() -> None:
    assert "does not give it" in SandboxReport().sentence()
