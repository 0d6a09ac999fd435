"""Does a converted artifact answer as the original does? Measured on rows, reported without case data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from predictions.errors import ModelFailed
from predictions.ml.generated_rows import CheckRow
from predictions.signature.fields import Signature

if TYPE_CHECKING:
    from predictions.ml.runtimes import Runtime
from predictions.portable import Protocol, RawAnswer, Value, pairs

PROBABILITY_TOLERANCE = 1e-5
"""A float32 has 24 bits (6e-8 relative); sums over a hundred trees or a thousand weights lose about two digits of that
(measured 1e-7 to 7e-6), while a wrong branch in one of 100 trees moves a probability by up to 1e-2."""

VALUE_TOLERANCE = 1e-4
"""Relative to the answer, or to the answers' median size where one is smaller; the same reasons, without a bound of 1."""

MOST_WORST = 5


class Original(Protocol):
    """The original library as a runtime that also knows how close a row is to another class."""

    def predict(self, rows: Sequence[Sequence[Value]]) -> list[RawAnswer]: ...

    def margins(self, rows: Sequence[Sequence[Value]]) -> list[float | None]: ...


@dataclass
class Tally:
    """What was found on rows of one kind."""

    rows: int = 0
    largest_difference: float = 0.0
    label_mismatches: int = 0
    ties: int = 0
    only_one_answered: int = 0
    neither_answered: int = 0


@dataclass
class _Worst:
    cases: list[tuple[float, CheckRow, str]] = field(default_factory=list)

    def add(self, size: float, row: CheckRow, what: str) -> None:
        self.cases.append((size, row, what))

    def described(self, signature: Signature) -> list[dict[str, Any]]:
        """The worst few as field names and sizes; the values themselves never leave."""
        ordered = sorted(self.cases, key=lambda case: -case[0])[:MOST_WORST]
        return [
            {
                "rows": row.kind,
                "what": what,
                "difference": size if size != float("inf") else None,
                "fields": [signature.inputs[place].name for place in row.touched][:10],
            }
            for size, row, what in ordered
        ]


def compare(
    original: Original, candidate: Runtime, rows: Sequence[CheckRow], signature: Signature
) -> dict[str, Any]:
    """The parity report as a JSON-able document.

    ``verdict`` is "equal" when both answered at least one row, on every row both answered or both refused, classes are
    the same (or the original is within the tolerance of a tie), probabilities differ by at most 1e-5 and numbers by at
    most 1e-4 of their size.
    ``kinds`` holds the same counts by kind of row; ``worst`` names kinds and fields, never values.
    """
    values = [row.values for row in rows]
    theirs, ours = _answers(original, values), _answers(candidate, values)
    size = _usual_size(theirs)
    kinds: dict[str, Tally] = {}
    worst = _Worst()
    unlike: list[CheckRow] = []
    for row, (left, right) in pairs(rows, list(pairs(theirs, ours))):
        tally = kinds.setdefault(row.kind, Tally())
        tally.rows += 1
        if left is None or right is None:
            _count_failures(tally, left, right, row, worst)
            continue
        difference, limit = _difference(left, right, size)
        tally.largest_difference = max(tally.largest_difference, difference)
        if difference > limit:
            worst.add(difference, row, "probability" if left.probabilities else "value")
        if left.class_index != right.class_index:
            unlike.append(row)
    _count_labels(kinds, original, unlike, worst)
    alone = _differs_alone(candidate, values, ours, size)
    return _report(kinds, worst, signature, alone=alone, value=not signature.main_output.probabilities)


def _answers(runtime: Any, rows: list[tuple[Value, ...]]) -> list[RawAnswer | None]:
    try:
        return list(runtime.predict(rows))
    except ModelFailed:
        pass
    found: list[RawAnswer | None] = []
    for row in rows:
        try:
            found += runtime.predict([row])
        except ModelFailed:
            found.append(None)
    return found


def _usual_size(answers: Sequence[RawAnswer | None]) -> float:
    sizes = [
        abs(number)
        for answer in answers
        if answer is not None
        for number in _numbers(answer)
        if number is not None
    ]
    return median(sizes) if sizes else 1.0


def _numbers(answer: RawAnswer) -> list[float | None]:
    value = answer.value
    return list(value) if isinstance(value, list) else [value]


def _difference(left: RawAnswer, right: RawAnswer, size: float) -> tuple[float, float]:
    """How far apart, and how far they may be: probabilities absolutely, numbers relatively."""
    if left.probabilities is not None or right.probabilities is not None:
        if len(left.probabilities or ()) != len(right.probabilities or ()):
            return float("inf"), PROBABILITY_TOLERANCE
        shares = pairs(left.probabilities or (), right.probabilities or ())
        return max(abs(one - other) for one, other in shares), PROBABILITY_TOLERANCE
    if left.value is None and right.value is None:
        return 0.0, VALUE_TOLERANCE
    ones, others = _numbers(left), _numbers(right)
    if len(ones) != len(others):
        return float("inf"), VALUE_TOLERANCE
    return max(_relative(one, other, size) for one, other in pairs(ones, others)), VALUE_TOLERANCE


def _relative(one: float | None, other: float | None, size: float) -> float:
    if one is None or other is None:
        return 0.0 if one is other else float("inf")
    return abs(one - other) / max(abs(one), size, 1e-12)


def _count_failures(
    tally: Tally, left: RawAnswer | None, right: RawAnswer | None, row: CheckRow, worst: _Worst
) -> None:
    if left is None and right is None:
        tally.neither_answered += 1
        return
    tally.only_one_answered += 1
    worst.add(
        float("inf"),
        row,
        "only the original answered" if right is None else "only the converted one answered",
    )


def _count_labels(kinds: dict[str, Tally], original: Original, rows: list[CheckRow], worst: _Worst) -> None:
    """Rows with another class: a tie where the original itself is within the tolerance of that class."""
    for row, margin in zip(rows, original.margins([row.values for row in rows]) if rows else []):
        if margin is not None and margin <= PROBABILITY_TOLERANCE:
            kinds[row.kind].ties += 1
        else:
            kinds[row.kind].label_mismatches += 1
            worst.add(1.0, row, "class")


def _differs_alone(
    candidate: Runtime, rows: list[tuple[Value, ...]], together: Sequence[RawAnswer | None], size: float
) -> bool:
    """Does a row alone get another answer than among others?"""
    for row, answer in list(pairs(rows, together))[:3]:
        alone = _answers(candidate, [row])[0]
        if alone is None or answer is None:
            if alone is not answer:
                return True
            continue
        difference, limit = _difference(answer, alone, size)
        if difference > limit or answer.class_index != alone.class_index:
            return True
    return False


def _report(
    kinds: dict[str, Tally], worst: _Worst, signature: Signature, *, alone: bool, value: bool
) -> dict[str, Any]:
    tallies = kinds.values()
    largest = max((tally.largest_difference for tally in tallies), default=0.0)
    mismatches = sum(tally.label_mismatches for tally in tallies)
    failed = sum(tally.only_one_answered for tally in tallies)
    limit = VALUE_TOLERANCE if value else PROBABILITY_TOLERANCE
    rows = sum(tally.rows for tally in tallies)
    # Rows that neither answers say nothing about the answers.
    compared = rows - failed - sum(tally.neither_answered for tally in tallies)
    equal = compared > 0 and largest <= limit and not mismatches and not failed and not alone
    return {
        "verdict": "equal" if equal else "different",
        "rows": rows,
        "largest_difference": _finite(largest),
        "measure": "relative" if value else "probability",
        "tolerance": limit,
        "label_mismatches": mismatches,
        "ties": sum(tally.ties for tally in tallies),
        "only_one_answered": failed,
        "differs_alone": alone,
        "kinds": {kind: _as_document(tally) for kind, tally in kinds.items()},
        "worst": worst.described(signature),
    }


def _as_document(tally: Tally) -> dict[str, Any]:
    document = {name: getattr(tally, name) for name in Tally.__dataclass_fields__}
    return {**document, "largest_difference": _finite(tally.largest_difference)}


def _finite(value: float) -> float | None:
    return value if value != float("inf") else None
