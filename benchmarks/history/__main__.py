"""``python -m benchmarks.history --rows 10000000``: the command line, and the servers it needs."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.folders import BENCH, ROOT
from deploy_site import embedded

FOLDER = BENCH / "history"
_CHILD = "import sys, django; django.setup(); from benchmarks.history.run import main; sys.exit(main(sys.argv[1:]))"


def parser() -> argparse.ArgumentParser:
    """What can be said on the command line."""
    found = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    found.add_argument("--rows", type=int, default=10_000_000, help="answers in the large history")
    found.add_argument("--rounds", type=int, default=15, help="how often each page is asked for, in turn")
    found.add_argument(
        "--again", action="store_true", help="measure what an earlier run with as many rows left"
    )
    found.add_argument("--only", default="", help="only what has this in its name")
    return found


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when everything is within the bar, 1 when not."""
    options = parser().parse_args(arguments)
    for folder in ("artifacts", "static"):
        (FOLDER / folder).mkdir(parents=True, exist_ok=True)
    with embedded.hold(FOLDER) as servers:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "deploy_site.settings",
            "DATABASE_URL": servers.database_url or "",
            "REDIS_URL": servers.redis_url or "",
            "DEBUG": "0",
            "HTTPS": "0",
            "STATIC_MANIFEST": "0",
            "SECRET_KEY": "only for a benchmark, and long enough for the checks that look at its length",
            "ALLOWED_HOSTS": "testserver",
            "ARTIFACTS_DIR": str(FOLDER / "artifacts"),
            "STATIC_ROOT": str(FOLDER / "static"),
            "METRICS_DIR": str(FOLDER / "metrics"),
            "THROTTLE_KEY": "1000000/min",
            "THROTTLE_USER": "1000000/min",
            "THROTTLE_ANONYMOUS": "1000000/min",
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-c", _CHILD, str(options.rows), str(options.rounds), options.only]
        command += ["again"] if options.again else []
        return subprocess.run(command, env=environment, cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
