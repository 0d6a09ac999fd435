"""Coverage-guided fuzzing of the scan: ``python -m tests.ml.fuzz_scan FOLDER [libFuzzer options]``.

FOLDER is the corpus: it is filled with small real files, random streams and commands, and keeps what reaches new code.
A finding is an exception, a report without words, a document that is too long, a canary that was touched (an audit hook
ends the process), more than ``SECONDS`` for one input, or libFuzzer's own limits on memory (``-rss_limit_mb``).
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["predictions.ml"]):
    from predictions.ml.scan import scan_file
    from predictions.ml.scan_facts import DOCUMENT_LIMIT

from tests.ml import pickle_streams as streams

SECONDS = 10
FORBIDDEN = (
    "os.",
    "subprocess.",
    "socket.",
    "shutil.",
    "import",
    "exec",
    "compile",
    "ctypes.",
    "pickle.find_class",
)
ALLOWED = ("os.putenv", "os.remove", "os.listdir", "os.scandir", "os.fwalk", "os.walk")

_place = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)) / "input"
_watching = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event.startswith(FORBIDDEN) and event not in ALLOWED:
        os.write(2, f"The scan did what it must never do: {event} {str(arguments)[:200]}\n".encode())
        os.abort()


def scan_once(data: bytes) -> None:
    """One execution. Raises AssertionError for a finding."""
    global _watching
    _place.write_bytes(data)
    started = time.process_time()
    _watching = True
    try:
        report = scan_file(_place)
    finally:
        _watching = False
    if time.process_time() - started > SECONDS:
        raise AssertionError("too slow")
    if report.verdict == "refuse" and not (report.code and report.message):
        raise AssertionError("no words")
    if len(json.dumps(report.to_document()["facts"], allow_nan=False)) > DOCUMENT_LIMIT:
        raise AssertionError("a long document")
    if b"os\nsystem\n" in data and "os.system" in report.globals and report.code != "dangerous_code":
        raise AssertionError("a command that was let through")


def fill(corpus: Path) -> None:
    """The first inputs, the same every time."""
    chance = random.Random(4)
    made = [
        *streams.seeds(),
        *(maker(chance) for maker in (streams.stream, streams.hidden_command) for _ in range(30)),
    ]
    for number, data in enumerate(made):
        (corpus / f"seed_{number:03}").write_bytes(data)


def main() -> None:
    """Fuzz until libFuzzer's options say to stop."""
    corpus = Path(sys.argv[1])
    corpus.mkdir(parents=True, exist_ok=True)
    fill(corpus)
    for seed in sorted(corpus.glob("seed_*")):
        scan_once(seed.read_bytes())
    sys.addaudithook(_watch)
    atheris.Setup([sys.argv[0], *sys.argv[1:]], scan_once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
