"""This process's own memory: how much it has, and giving back what it no longer uses."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

Loaded = TypeVar("Loaded")

LIKELY_GROWTH = 5
"""Bytes of memory per byte of an ONNX file, where it could not be measured: forests take 4.3, small networks 1.3."""
_PAGE = os.sysconf("SC_PAGE_SIZE")
_measuring = threading.Lock()


def resident_bytes() -> int:
    """What this process holds in RAM; 0 where the system does not say."""
    with suppress(OSError, IndexError, ValueError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    return 0


def give_back() -> None:
    """Return freed memory to the system.

    The C library keeps it otherwise: reading a forest of 10 MB leaves 70 MB behind that nothing uses, and closing it
    another 26 MB. Takes some milliseconds per 100 MB; does nothing where the C library has no such call.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def measured(load: Callable[[], Loaded], artifact_bytes: int) -> tuple[Loaded, int]:
    """Load something and say by how many bytes this process grew: its artifact's size at least.

    Of two loads at once the second is estimated: growth belongs to nobody in particular then.
    """
    alone = _measuring.acquire(blocking=False)
    try:
        # Or it would fill what others freed, and seem to take nothing.
        give_back()
        before = resident_bytes()
        loaded = load()
        give_back()
        grown = resident_bytes() - before if alone and before else LIKELY_GROWTH * artifact_bytes
    finally:
        if alone:
            _measuring.release()
    return loaded, max(grown, artifact_bytes)
