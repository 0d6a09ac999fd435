"""What a proof is about, and the answers it is made of: every check row asked once, within a time, whatever breaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from predictions.errors import ModelFailed
from predictions.ml.columns import ColumnFacts
from predictions.ml.generated_rows import CheckRow
from predictions.ml.table import Table
from predictions.portable import RawAnswer, Value
from predictions.signature.fields import Signature

MOST_AT_ONCE = 512
GROWTH = 8
"""One row is asked first, then eight times as many a call while that is sure to end in time: a slow ML model is noticed
early, and one that takes long for any call is not asked often."""

ORDINARY = ("sample", "generated")
"""Kinds of rows as people send them; the others are there to break something."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. ``verdict``: passed, warned, failed or not_applicable; ``message`` is for people."""

    code: str
    verdict: str
    message: str
    measured: dict[str, Any] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """JSON for the version's report."""
        return {
            "code": self.code,
            "verdict": self.verdict,
            "message": self.message,
            "measured": self.measured,
        }


@dataclass(frozen=True)
class Subject:
    """What is to be proven.

    served: opens the runtime that will answer. original: the original library's runtime, where another one answers.
    sample: the sample's rows in the signature's order, row n from row n of ``table``. columns: one for each input.
    """

    signature: Signature
    served: Callable[[], Any]
    rows: Sequence[CheckRow] = ()
    original: Any = None
    estimator: Any = None
    columns: Sequence[ColumnFacts] = ()
    sample: Sequence[tuple[Value, ...]] = ()
    table: Table | None = None


@dataclass(frozen=True)
class Asked:
    """One row and what became of it: an answer, or the error of a runtime that refused it."""

    row: CheckRow
    answer: RawAnswer | None
    error: Exception | None = None


@dataclass(frozen=True)
class Proving:
    """A proof under way. ``asked`` holds the check rows that were reached in time; ``deadline`` as perf_counter has it."""

    subject: Subject
    runtime: Any
    asked: Sequence[Asked]
    deadline: float

    @property
    def signature(self) -> Signature:
        """What the version takes and answers."""
        return self.subject.signature

    @property
    def example(self) -> tuple[Value, ...]:
        """The row that people see first."""
        return tuple(item.example for item in self.signature.inputs)

    def of_kind(self, *kinds: str) -> list[Asked]:
        """The asked rows of these kinds."""
        return [one for one in self.asked if one.row.kind in kinds]

    def answered(self, *kinds: str) -> list[RawAnswer]:
        """The answers to rows of these kinds; to all of them when none is named."""
        return [
            one.answer
            for one in self.asked
            if one.answer is not None and (not kinds or one.row.kind in kinds)
        ]


def passed(code: str, message: str, **measured: Any) -> Check:
    """It is as it should be."""
    return Check(code, "passed", message, measured)


def warned(code: str, message: str, **measured: Any) -> Check:
    """A person should look at it; it may be right."""
    return Check(code, "warned", message, measured)


def failed(code: str, message: str, **measured: Any) -> Check:
    """It must not go live without somebody's word."""
    return Check(code, "failed", message, measured)


def not_applicable(code: str, message: str, **measured: Any) -> Check:
    """There is nothing to look at; the message says what would change that."""
    return Check(code, "not_applicable", message, measured)


def plural(count: int, word: str) -> str:
    """ "1 row", "2 rows"."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def ask(runtime: Any, rows: Sequence[CheckRow], deadline: float) -> list[Asked]:
    """Every row with its answer or error, until ``deadline`` (of perf_counter), a share of each kind first.

    The first row is asked in any case.
    """
    mixed = _mixed(rows)
    found: list[Asked] = []
    begin, size = 0, 1
    while begin < len(mixed):
        started = time.perf_counter()
        if found and started > deadline:
            break
        found.extend(_asked(runtime, mixed[begin : begin + size], deadline))
        begin += size
        now = time.perf_counter()
        if now + GROWTH * (now - started) < deadline:
            size = min(GROWTH * size, MOST_AT_ONCE)
    return found


def _mixed(rows: Sequence[CheckRow]) -> list[CheckRow]:
    """The rows with their kinds taking turns."""
    seen: dict[str, int] = {}
    ranked = []
    for place, row in enumerate(rows):
        seen[row.kind] = seen.get(row.kind, 0) + 1
        ranked.append((seen[row.kind], place))
    return [rows[place] for _, place in sorted(ranked)]


def _asked(runtime: Any, rows: Sequence[CheckRow], deadline: float) -> list[Asked]:
    """All of them in one call; where that fails kind by kind, then in halves, so that a bad row costs its own answer only."""
    try:
        answers = runtime.predict([row.values for row in rows])
    except ModelFailed as error:
        if len(rows) == 1:
            return [Asked(rows[0], None, error)]
        found: list[Asked] = []
        for part in _parts(rows):
            if found and time.perf_counter() > deadline:
                break
            found.extend(_asked(runtime, part, deadline))
        return found
    return [Asked(row, answers[place]) for place, row in enumerate(rows)]


def _parts(rows: Sequence[CheckRow]) -> list[Sequence[CheckRow]]:
    kinds: dict[str, list[CheckRow]] = {}
    for row in rows:
        kinds.setdefault(row.kind, []).append(row)
    if len(kinds) > 1:
        return list(kinds.values())
    middle = len(rows) // 2
    return [rows[:middle], rows[middle:]]


def shown_names(names: Sequence[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    listed = ", ".join(names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"


def short(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")
