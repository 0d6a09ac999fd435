"""The Procfile: the one place that says how each process of the site is started.

`python -m deploy_site.procfile NAME` becomes that process, which is how containers start it.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from deploy_site import env
from predictions.timings import files

ROOT = Path(__file__).resolve().parent.parent


def commands() -> dict[str, str]:
    """Return the Procfile's commands by name."""
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(":", 1) for line in lines if line.strip() and not line.startswith("#"))
    return {name.strip(): command.strip() for name, command in pairs}


def forget_metrics() -> None:
    """Begin counting anew: what ended processes recorded belongs to the start before this one."""
    # Where nobody may write, the processes themselves say so.
    with suppress(OSError):
        files.clear(env.path("METRICS_DIR", ROOT / "var" / "metrics"))


def shell(command: str) -> list[str]:
    """Return the program and arguments that become `command`, with its ${NAME:-default} filled in."""
    return ["/bin/sh", "-c", f"exec {command}"]


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    known = commands()
    if wanted not in known:
        sys.exit(f"usage: python -m deploy_site.procfile {'|'.join(known)}")
    forget_metrics()
    program = shell(known[wanted])
    os.execv(program[0], program)  # noqa: S606 - the command is the site's own
