"""What one sandboxed run may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one run. ``cpu_seconds`` None means no bound, for servers that live long.

    memory_bytes: address space of each process and resident memory of all together. file_bytes: one file, and
    everything written together. processes: processes and threads of the run's user.
    """

    memory_bytes: int
    cpu_seconds: int | None
    wall_seconds: float
    file_bytes: int
    processes: int
