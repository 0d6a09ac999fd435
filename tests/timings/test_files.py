"""Several processes count together; one that ends takes nothing with it but what it had at the moment."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from predictions import timings
from predictions.timings import files
from predictions.timings.sums import Sums
from tests.support.servers import ROOT
from tests.support.timings import recording

PROCESS = """
import sys, time
from pathlib import Path
from predictions import timings
from predictions.timings import keeping
keeping.keep_in(Path(sys.argv[1]))
timings.count("cache_lookups", "hit", by=float(sys.argv[2]))
timings.watch("loaded_runtimes", lambda: 2)
keeping.flush()
print("written", flush=True)
time.sleep(60)
"""


@contextmanager
def process(folder: Path, hits: int) -> Iterator[subprocess.Popen[str]]:
    """A process that recorded so many hits and goes on living."""
    command = [sys.executable, "-c", PROCESS, str(folder), str(hits)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "written\n"
            yield child
        finally:
            child.kill()


def hits(folder: Path) -> float:
    return files.read(folder).counters["cache_lookups"]["hit",]


def runtimes(folder: Path) -> float:
    return files.read(folder).gauges.get("loaded_runtimes", {}).get((), 0.0)


def test_processes_are_added_up(tmp_path: Path) -> None:
    with process(tmp_path, 3), process(tmp_path, 4):
        assert (hits(tmp_path), runtimes(tmp_path)) == (7, 4)


def test_a_killed_process_leaves_its_counters_and_takes_its_gauges(tmp_path: Path) -> None:
    with process(tmp_path, 3) as lasting:
        with process(tmp_path, 4) as killed:
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            for _ in range(3):  # read again and again, it is counted once
                assert (hits(tmp_path), runtimes(tmp_path)) == (7, 2)
        lasting.send_signal(signal.SIGKILL)
        lasting.wait()
        assert (hits(tmp_path), runtimes(tmp_path)) == (7, 0)
    assert [file.name for file in tmp_path.glob("*.sums")] == []


def test_a_reader_that_dies_between_its_two_steps_counts_nobody_twice(tmp_path: Path) -> None:
    with process(tmp_path, 4) as killed:
        kept = tmp_path / "kept"
        kept.mkdir()
        for file in tmp_path.glob("*.sums"):
            shutil.copy(file, kept)
        killed.kill()
        killed.wait()
    assert hits(tmp_path) == 4
    for file in kept.glob("*.sums"):  # as if it had not come to removing them
        shutil.copy(file, tmp_path)
    assert hits(tmp_path) == 4
    assert list(tmp_path.glob("*.sums")) == []
    assert hits(tmp_path) == 4


def test_clearing_forgets_the_ended_and_leaves_the_living(tmp_path: Path) -> None:
    with process(tmp_path, 3):
        with process(tmp_path, 4) as killed:
            killed.kill()
            killed.wait()
        assert hits(tmp_path) == 7
        files.clear(tmp_path)
        assert (hits(tmp_path), runtimes(tmp_path)) == (3, 2)


def test_a_forked_child_counts_for_itself(tmp_path: Path) -> None:
    with recording(tmp_path) as read:
        timings.count("cache_lookups", "hit", by=10)
        assert read().counters["cache_lookups"]["hit",] == 10
        child = os.fork()
        if child == 0:
            try:
                timings.count("cache_lookups", "hit", by=5)
                until = time.monotonic() + 10
                while len(list(tmp_path.glob("*.sums"))) < 2 and time.monotonic() < until:
                    time.sleep(0.05)
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert read().counters["cache_lookups"]["hit",] == 15
        assert read().counters["cache_lookups"]["hit",] == 15


def test_a_folder_removed_under_a_process_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    with recording(folder) as read:
        timings.count("cache_lookups", "hit")
        assert read().counters["cache_lookups"]["hit",] == 1
        shutil.rmtree(folder)
        timings.count("cache_lookups", "hit")
        assert read().counters["cache_lookups"]["hit",] == 2
        assert read().counters["cache_lookups"]["hit",] == 2


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x91\x01"])
def test_a_file_nobody_can_read_is_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1-of-another-version.sums").write_bytes(content)
    (tmp_path / files.ENDED).write_bytes(content)
    assert files.read(tmp_path) == Sums()
