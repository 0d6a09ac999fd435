"""Programs a benchmark starts, what they use, and their end: by pid, whatever happened before."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from deploy_site.supervisor import end_with_parent

STOP_SECONDS = 15.0


class ProgramEndedError(Exception):
    """A server ended although nobody asked it to; the text holds the end of its log."""


@contextmanager
def running(
    command: Sequence[str], *, cwd: Path, environment: Mapping[str, str], log: Path
) -> Iterator[psutil.Process]:
    """Run a server for the length of the block; its children end with it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        child = subprocess.Popen(
            list(command),
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent(),
        )
    process = psutil.Process(child.pid)
    try:
        yield process
    finally:
        family = family_of(process)
        with suppress(ProcessLookupError):
            child.terminate()
        _, left = psutil.wait_procs(family, timeout=STOP_SECONDS)
        for straggler in left:
            with suppress(psutil.NoSuchProcess):
                straggler.kill()
        child.wait()


def family_of(process: psutil.Process) -> list[psutil.Process]:
    """A process and everything below it, as far as they are alive."""
    with suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []


def proportional_bytes(processes: Iterable[psutil.Process]) -> int:
    """Memory in bytes with shared pages divided among those who share them (Linux: PSS)."""
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            used = process.memory_full_info()
            total += getattr(used, "pss", None) or used.uss
    return total


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Processor time these processes have used since they started."""
    return sum(cpu_by_process(processes).values())


def cpu_by_process(processes: Iterable[psutil.Process]) -> dict[int, float]:
    """The same, by process id."""
    found = {}
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            found[process.pid] = times.user + times.system
    return found


def used_between(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """Processor seconds from one ``cpu_by_process`` to the next; what ended in between is left out."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def check_alive(process: psutil.Process, log: Path) -> None:
    """Raises ProgramEndedError with the end of ``log`` when the process is gone."""
    with suppress(psutil.NoSuchProcess):
        if process.status() != psutil.STATUS_ZOMBIE:
            return
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise ProgramEndedError(f"A server ended by itself. The end of {log}:\n{tail}")
