"""What this process records, in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from predictions.timings import files, keeping
from predictions.timings.sums import Sums


@contextmanager
def recording(folder: Path) -> Iterator[Callable[[], Sums]]:
    """Record into ``folder`` for the length of the block; the value reads all that was recorded there."""

    def read() -> Sums:
        keeping.flush()
        return files.read(folder)

    before, watched = keeping._folder, dict(keeping._watched)
    keeping._watched.clear()
    keeping.keep_in(folder)
    try:
        yield read
    finally:
        keeping.keep_in(before)
        keeping._watched.clear()
        keeping._watched.update(watched)
