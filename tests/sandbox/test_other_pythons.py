"""The confined half runs under every Python that an environment may have, with all its guards."""

from __future__ import annotations

import ast
import os
import sys
import warnings
from pathlib import Path

import pytest

from predictions.environments.interpreters import Interpreter, installed
from predictions.errors import BadModelFile
from predictions.sandbox.confine import GUARDS
from predictions.sandbox.orders import PACKAGE
from tests.sandbox.conftest import RunsHostile

CHILD = (
    *(
        "launcher",
        "supervisor",
        "orders",
        "confine",
        "kernel",
        "strangers",
        "system_calls",
        "folders",
        "usage",
    ),
    *("runner", "operations", "serving", "wire"),
)
OTHERS = [one for one in installed() if one.version[:2] != sys.version_info[:2]]

LOOK = """
import os, socket, sys
found["version"] = list(sys.version_info[:2])
def attempt(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return "done"
found["network"] = attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
found["secret"] = attempt(lambda: open(%r).read())
found["elsewhere"] = attempt(lambda: open(%r, "w"))
found["program"] = attempt(lambda: os.execv("/bin/true", ["true"]))
found["others"] = attempt(lambda: os.listdir("/proc"))
"""


@pytest.mark.parametrize("name", CHILD)
def test_its_modules_are_read_by_python_3_7(name: str) -> None:
    text = (PACKAGE / "sandbox" / f"{name}.py").read_text()
    ast.parse(text, feature_version=(3, 7))
    # What is evaluated when a module is loaded, and what 3.7 does not have yet; the parser takes both.
    for words in (
        "slots=True",
        "kw_only=True",
        ".removesuffix(",
        ".removeprefix(",
        ".is_relative_to(",
        "strict=True",
    ):
        assert words not in text, (name, words)


def test_the_pythons_that_this_machine_lacks_are_said() -> None:
    """The test below runs under what is there; a machine with one Python proves less, and says so."""
    lacking = {(3, minor) for minor in range(7, 14)} - {one.minor for one in installed()}
    if lacking:
        names = ", ".join(f"3.{minor}" for _major, minor in sorted(lacking))
        warnings.warn(
            f"The sandbox was not tried under Python {names}: this machine does not have them.", stacklevel=1
        )
    assert installed()


@pytest.mark.parametrize("python", OTHERS, ids=[one.named for one in OTHERS])
def test_every_guard_stands(python: Interpreter, runs_hostile: RunsHostile, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    secret.chmod(0o644)
    code = LOOK % (str(secret), str(tmp_path / "new.txt"))
    with runs_hostile(code, python=python.path) as result:
        assert dict(result.guards) == dict.fromkeys(GUARDS, True) | {"other_user": os.geteuid() == 0}
        found = result.value
    assert found.pop("version") == list(python.minor)
    assert set(found.values()) == {"PermissionError"}


@pytest.mark.parametrize("python", OTHERS, ids=[one.named for one in OTHERS])
def test_limits_hold(python: Interpreter, runs_hostile: RunsHostile) -> None:
    with pytest.raises(BadModelFile) as caught:
        runs_hostile("kept = [bytearray(1 << 28) for _ in range(8)]", python=python.path)
    assert caught.value.code == "too_much_memory"
