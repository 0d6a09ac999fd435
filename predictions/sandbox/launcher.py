"""The first program of a sandboxed run, started as a script: finds this package without the checkout around it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType


def _lay_out(name: str, folder: Path) -> None:
    """Make ``name`` a bare package: what its ``__init__`` offers to callers is not needed in here."""
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    _lay_out("predictions", here.parent)
    _lay_out("predictions.sandbox", here)
    from predictions.sandbox.supervisor import main

    main(sys.argv[1])
