"""The signature room is light: the web process and every worker load it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import predictions.signature

ALLOWED = {"predictions", "msgspec", "typing_extensions", "yaml"}
"""msgspec takes typing_extensions where it is installed; yaml reads and writes layers, with its compiled half."""


def test_the_room_loads_nothing_but_the_standard_library_and_msgspec() -> None:
    folder = Path(predictions.signature.__file__ or "").parent
    modules = [
        f"predictions.signature.{file.stem}" for file in folder.glob("*.py") if file.stem != "__init__"
    ]
    code = (
        "import sys; before = set(sys.modules)\n"
        + "\n".join(f"import {module}" for module in sorted(modules))
        + "\nprint(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder.parents[1]
    )
    loaded = {name for name in done.stdout.split() if not name.startswith(("_cython", "cython"))}
    assert loaded <= ALLOWED
