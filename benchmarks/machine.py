"""What it ran on, and how busy that was with other things."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

LOOP_TURNS = 200_000


def describe() -> dict[str, Any]:
    """Processor, cores, memory and system; no name or address of the machine."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": _system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.platform()


@dataclass(frozen=True)
class Moment:
    """Processor seconds used up to now: by everything, by each process of each group, and by ended children of ours."""

    busy: float
    groups: tuple[Mapping[int, float], ...]
    children: float


def moment(groups: Sequence[Mapping[int, float]]) -> Moment:
    """Now. ``groups`` are the processor seconds of the processes that are looked at."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # counted in user and nice too
    ended = os.times()
    own = ended.children_user + ended.children_system
    return Moment(busy=sum(times) - idle - guests, groups=tuple(groups), children=own)


def loop_ms() -> float:
    """How long a fixed loop of Python takes now, in ms: the quickest of five.

    A virtual machine whose host is busy is slower without saying so in any counter of its own; this shows it.
    """
    return min(_loop() for _ in range(5))


def _loop() -> float:
    total, begun = 0, time.perf_counter()
    for number in range(LOOP_TURNS):
        total += number * number
    return (time.perf_counter() - begun) * 1000


def load_average() -> float:
    """Of the last minute."""
    return round(os.getloadavg()[0], 2)
