"""How long each runtime takes, measured on rows that a build has anyway: why one was chosen is then a number too."""

from __future__ import annotations

import time
from typing import Any, Mapping, Sequence

from predictions.errors import ModelFailed
from predictions.portable import Value

MANY = 1000
SECONDS = 0.1
"""For each measurement of each runtime: two runtimes and two sizes stay well under a second."""


def time_runtimes(runtimes: Mapping[str, Any], rows: Sequence[Sequence[Value]]) -> dict[str, dict[str, Any]]:
    """By runtime: the best seconds for ``one_row`` and ``thousand_rows``; None where that was not answered in time."""
    return {name: _timed(runtime, rows) for name, runtime in runtimes.items()}


def _timed(runtime: Any, rows: Sequence[Sequence[Value]]) -> dict[str, Any]:
    answered = _answered_row(runtime, rows)
    if answered is None:
        return {"one_row": None, "thousand_rows": None}
    one = _best(runtime, [answered])
    # A hundred rows first: a thousand may take minutes, as neighbours of many do.
    some = [answered] * (MANY // 10)
    slow = (_best(runtime, some, SECONDS / 10) or SECONDS) * (MANY // len(some)) > 10 * SECONDS
    return {"one_row": one, "thousand_rows": None if slow else _best(runtime, [answered] * MANY)}


def _answered_row(runtime: Any, rows: Sequence[Sequence[Value]]) -> Sequence[Value] | None:
    for row in rows[:5]:
        try:
            runtime.predict([row])
        except ModelFailed:
            continue
        return row
    return None


def _best(runtime: Any, rows: Sequence[Sequence[Value]], seconds: float = SECONDS) -> float | None:
    """The shortest of as many runs as fit into that time; at least one."""
    best = None
    end = time.perf_counter() + seconds
    while best is None or time.perf_counter() < end:
        begun = time.perf_counter()
        try:
            runtime.predict(rows)
        except ModelFailed:
            return None
        took = time.perf_counter() - begun
        best = took if best is None else min(best, took)
    return round(best, 6)
