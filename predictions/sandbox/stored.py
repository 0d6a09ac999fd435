"""The stored files of a unit, and what they are called in a run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a unit as it is stored: its own name, where it lies, its checksum and format."""

    name: str
    key: str
    sha256: str
    format: str


def in_sandbox(place: int) -> str:
    """What the file at this place of a unit is called in a run's folder."""
    return f"source_{place}" if place else "source"


def listed(files: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Names and formats as the sandbox's operations take them."""
    return [
        {"name": name, "file": in_sandbox(place), "format": kind} for place, (name, kind) in enumerate(files)
    ]
