"""What the processes of a run use together; limits of single processes do not bound their sum."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from predictions.sandbox.orders import Orders

_PAGE = os.sysconf("SC_PAGE_SIZE")
_MAX_ENTRIES = 20_000
# The two watching processes and the first moments of a fork are not the run's own use.
_SLACK_PROCESSES = 4


def descendants(root: int) -> list[int]:
    """Process ids below ``root``, found through the kernel's lists of children."""
    found: list[int] = []
    waiting = [root]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def _children(process: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            with suppress(OSError):
                children += [int(word) for word in (task / "children").read_text(encoding="ascii").split()]
    return children


def resident_bytes(processes: list[int]) -> int:
    """Memory in RAM of all ``processes``; shared pages count for each."""
    total = 0
    for process in processes:
        with suppress(OSError, IndexError):
            total += int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    return total


def written_bytes(folder: str) -> int | None:
    """Bytes on disk below ``folder``; None when there are too many entries to count."""
    total = entries = 0
    waiting = [folder]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as found:
            for entry in found:
                entries += 1
                if entries > _MAX_ENTRIES:
                    return None
                with suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return total


def excess(orders: Orders, root: int) -> str | None:
    """Which bound the run below ``root`` has passed: "memory", "processes", "disk" or None."""
    processes = descendants(root)
    if len(processes) > orders.processes + _SLACK_PROCESSES:
        return "processes"
    if resident_bytes(processes) > orders.memory_bytes:
        return "memory"
    for name in ("out", "tmp"):
        written = written_bytes(f"{orders.folder}/{name}")
        if written is None or written > orders.file_bytes:
            return "disk"
    return None
