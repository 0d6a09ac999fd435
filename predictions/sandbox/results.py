"""What a sandboxed run hands back, and the words for what stopped it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from predictions.errors import BadModelFile, DeskError
from predictions.sandbox.limits import Limits

_MISSING_GUARDS = {
    "other_user": "a user of its own",
    "no_network": "a closed network",
    "files": "a locked file system",
    "own_processes": "a process list of its own",
    "system_calls": "a filter for system calls",
    "limits": "a limit on processes",
}


class Stopped(DeskError):
    """The caller asked for the run to end."""

    code = "cancelled"


class SandboxUnavailable(DeskError):
    """The confined process did not come up: nothing was opened, and the file is not to blame."""

    code = "sandbox_unavailable"

    def __init__(self) -> None:
        super().__init__("This site cannot open files safely at the moment; try again or ask the operator.")


@dataclass(frozen=True, slots=True)
class SandboxReport:
    """How well a run was confined and what it used. ``guards``: name -> whether it stood."""

    guards: Mapping[str, bool] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_bytes: int = 0

    def sentence(self) -> str:
        """One sentence for the build's log."""
        missing = [words for name, words in _MISSING_GUARDS.items() if not self.guards.get(name)]
        if not missing:
            return "The file was opened in a sealed process: no network, no files of ours, a user of its own."
        return (
            f"The file was opened in a separate process; this system does not give it {', '.join(missing)}."
        )


@dataclass(slots=True)
class SandboxResult:
    """A reply (JSON data of the child, not yet believed), its files, and the report. A context manager."""

    value: dict[str, Any]
    files: dict[str, Path]
    report: SandboxReport
    folder: Path

    @property
    def guards(self) -> Mapping[str, bool]:
        return self.report.guards

    def __enter__(self) -> SandboxResult:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the collected files."""
        shutil.rmtree(self.folder, ignore_errors=True)


def too_much_memory(limits: Limits) -> BadModelFile:
    """The file wanted more memory than a run may use."""
    return BadModelFile(
        f"This file needs more than {in_words(limits.memory_bytes)} to open; bring a smaller ML model, "
        "or ask the operator to raise the limit.",
        code="too_much_memory",
    )


def too_slow(limits: Limits) -> BadModelFile:
    """The run was not done within its time."""
    return BadModelFile(
        f"This file was not ready after {_time_in_words(limits)}; bring a smaller ML model, or export it to ONNX.",
        code="too_slow",
    )


def too_much_disk(limits: Limits) -> BadModelFile:
    """The run wrote more than it may."""
    return BadModelFile(
        f"Opening this file writes more than {in_words(limits.file_bytes)}; bring a smaller ML model.",
        code="too_much_disk",
    )


def too_many_processes() -> BadModelFile:
    """The run started more processes than it may."""
    return BadModelFile(
        "Opening this file starts too many processes; save the estimator again without anything that does.",
        code="too_many_processes",
    )


def unreadable() -> BadModelFile:
    """The run ended without a usable reply."""
    return BadModelFile(
        "This file cannot be read; save the estimator again with joblib, skops or as ONNX and bring the new file.",
        code="unreadable",
    )


def in_words(size: int) -> str:
    """A size a person reads: 4 GB, 500 MB."""
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2), ("kB", 1024)):
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size} bytes"


def _time_in_words(limits: Limits) -> str:
    seconds = min(limits.wall_seconds, limits.cpu_seconds or limits.wall_seconds)
    if seconds >= 120:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds:.0f} seconds" if seconds >= 2 else "the time it may take"
