"""What the launcher is told: paths, limits and pipes. Nothing secret, it travels on the command line.

Runs under Python 3.7 too, as all that the confined process loads: it is started in the environment of a file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent

# Libraries load shared objects, time zones and the number of cores from here.
SYSTEM_READABLE = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/urandom",
    "/sys/devices/system/cpu",
)


@dataclass(frozen=True)
class Orders:
    """One run. ``folder`` is its private folder; ``lifeline``, ``control`` and ``events`` are inherited pipes."""

    operation: str
    folder: str
    memory_bytes: int
    cpu_seconds: int | None
    file_bytes: int
    processes: int
    lifeline: int
    control: int
    events: int

    def to_argument(self) -> str:
        """One command-line argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_argument(cls, argument: str) -> Orders:
        """Inverse of ``to_argument``."""
        return cls(**json.loads(argument))

    @property
    def scratch(self) -> Path:
        return Path(self.folder)


def code_paths() -> list[Path]:
    """The Python installation, the virtual environment and this package: what a run reads its code from."""
    roots = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), PACKAGE}
    return sorted(root for root in roots if not any(other in root.parents for other in roots))


def readable_paths(extra: Sequence[Path] = ()) -> list[Path]:
    """Everything a run may read outside its own folder."""
    return [*code_paths(), *(Path(name) for name in SYSTEM_READABLE), *extra]
