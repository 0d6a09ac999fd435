"""What `script/server` does before and beside the start of the site: database, static files, first account, demos."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy_site.supervisor import end_with_parent

ROOT = Path(__file__).resolve().parent.parent

Command = list[str]

DATABASE: list[Command] = [["migrate", "--verbosity", "0"], ["make_roles", "--verbosity", "0"]]
"""At every start: each finds out by itself that nothing is to be done, as the database may not be the one of yesterday."""
STATIC: list[Command] = [["collectstatic", "--no-input", "--clear", "--verbosity", "0"]]


class Preparation:
    """The commands of one start, in one process of their own; ``settled`` says whether the site may start beside them.

    A process of its own, because the caller only watches and should stay small; one for all commands, because loading
    Django takes longer than most of them.
    """

    def __init__(self, var_dir: Path) -> None:
        self._var_dir = var_dir
        self._stamp = var_dir / "prepared.stamp"
        self._wanted = fingerprint(ROOT, var_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self.settled = self.prepared
        """At the last start everything was brought up to what is there now, so that nothing has to wait for it."""

    @property
    def prepared(self) -> bool:
        """Whether database and static files are as this checkout wants them."""
        with suppress(FileNotFoundError):
            return self._stamp.read_text() == self._wanted
        return False

    @contextmanager
    def running(self, afterwards: list[Command]) -> Iterator[None]:
        """Prepare and then run the other commands; the process does not outlive the block."""
        # Written again by the process itself, once it is true.
        self._stamp.unlink(missing_ok=True)
        commands = DATABASE + ([] if self.settled else STATIC)
        commands = [*commands, ["note", str(self._stamp), self._wanted], *afterwards]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deploy_site.steps", json.dumps(commands)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the caller; it would answer with a traceback
            preexec_fn=end_with_parent(),
        )
        try:
            yield
        finally:
            self._process.terminate()
            self._process.wait()

    def result(self) -> int | None:
        """The exit code, or None as long as it runs."""
        return None if self._process is None else self._process.poll()


def fingerprint(root: Path, var_dir: Path) -> str:
    """Sum up what a start prepares: packages, migrations, files in static/, and which embedded cluster there is."""
    digest = hashlib.sha256((root / "requirements.txt").read_bytes())
    cluster = var_dir / "postgres" / "data" / "PG_VERSION"
    files = [*(root / "predictions" / "migrations").glob("*.py"), *(root / "static").rglob("*"), cluster]
    for line in sorted(_lines(root, files)):
        digest.update(line.encode())
    return digest.hexdigest()


def _lines(root: Path, files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        with suppress(FileNotFoundError):
            found = file.stat()
            place = file.relative_to(root) if file.is_relative_to(root) else file
            yield f"{place} {found.st_ino} {found.st_mtime_ns} {found.st_size}\n"
