"""Does the same case get the same answer: asked twice, and alone as well as among others?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from predictions.errors import ModelFailed
from predictions.ml.anatomy import everything_in, steps_of
from predictions.ml.parity import PROBABILITY_TOLERANCE, VALUE_TOLERANCE
from predictions.ml.proving_answers import Check, Proving, failed, not_applicable, passed, plural
from predictions.portable import RawAnswer, Value

MOST_ROWS = 100
ALONE = 3


def check_determinism(proving: Proving) -> Check:
    """On the runtime that will answer; then the original, where that is another one, is asked again too.

    Whether a row alone gets the same answer matters where callers are grouped: on the runtime that will answer.
    """
    code = "determinism"
    rows = [one.row.values for one in proving.asked if one.answer is not None][:MOST_ROWS]
    if not rows:
        return not_applicable(code, "No row was answered that could be asked again.")
    first = proving.runtime.predict(rows)
    changed = _changed(first, proving.runtime.predict(rows))
    original = proving.subject.original
    if original is not None:
        changed += _changed(original.predict(rows), original.predict(rows))
    alone, changed_alone = _asked_alone(proving, rows, first)
    measured = {"rows": len(rows), "changed": changed, "alone": alone, "changed_alone": changed_alone}
    if measured["changed"]:
        return failed(
            code,
            f"{plural(measured['changed'], 'row')} of {len(rows)} got another answer when asked again: "
            f"{_drawing(proving.subject.estimator)} draws random numbers when it answers; fit one that does not.",
            **measured,
        )
    if measured["changed_alone"]:
        return failed(
            code,
            f"{measured['changed_alone']} of {plural(measured['alone'], 'row')} got another answer alone than among others: "
            "a step looks at all rows of a call together; replace it by one that learns when it is fitted.",
            **measured,
        )
    return passed(
        code,
        f"The same {plural(len(rows), 'row')} got the same answers again, and {measured['alone']} of them alone.",
        **measured,
    )


def _changed(first: Sequence[RawAnswer], again: Sequence[RawAnswer]) -> int:
    return sum(
        one.class_index != again[place].class_index or not alike(one, again[place])
        for place, one in enumerate(first)
    )


def _asked_alone(
    proving: Proving, rows: Sequence[tuple[Value, ...]], among: Sequence[RawAnswer]
) -> tuple[int, int]:
    """How many rows were asked alone, one at least, and how many of these got another answer than among others."""
    alone = differing = 0
    for place, row in enumerate(rows[:ALONE]):
        if alone and time.perf_counter() > proving.deadline:
            break
        alone += 1
        differing += not _same_alone(proving.runtime, row, among[place])
    return alone, differing


def _same_alone(runtime: Any, row: Sequence[Value], among: RawAnswer) -> bool:
    try:
        return alike(runtime.predict([row])[0], among)
    except ModelFailed:
        return False


def alike(one: RawAnswer, other: RawAnswer) -> bool:
    """The same but for rounding, which decides between classes that share the lead."""
    if one.probabilities is not None and other.probabilities is not None:
        near = _near(one.probabilities, other.probabilities, PROBABILITY_TOLERANCE, relative=False)
        return near and (one.class_index == other.class_index or _is_tie(one.probabilities))
    if one.class_index != other.class_index:
        return False
    if one.outputs is not None or other.outputs is not None:
        return _near(_flat(one.outputs), _flat(other.outputs), VALUE_TOLERANCE, relative=True)
    return _near(_flat(one.value), _flat(other.value), VALUE_TOLERANCE, relative=True)


def _is_tie(shares: Sequence[float]) -> bool:
    best = sorted(shares)[-2:]
    return len(best) == 2 and best[1] - best[0] <= PROBABILITY_TOLERANCE


def _near(ones: Sequence[Any], others: Sequence[Any], tolerance: float, *, relative: bool) -> bool:
    if len(ones) != len(others):
        return False
    # One scale for all numbers of an answer: a tensor's small entries are rounded as its large ones are.
    size = max((abs(value) for value in ones if _is_number(value)), default=0.0)
    limit = tolerance * max(size, 1e-12) if relative else tolerance
    for place, one in enumerate(ones):
        other = others[place]
        if _is_number(one) and _is_number(other):
            if abs(one - other) > limit:
                return False
        elif one != other:
            return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _flat(value: Any) -> list[Any]:
    """Nested lists and mappings as one list of their leaves."""
    if isinstance(value, dict):
        return [leaf for name in sorted(value) for leaf in _flat(value[name])]
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in _flat(item)]
    return [value]


def _drawing(estimator: Any) -> str:
    """The name of the part that draws: one that is known to, else the last step."""
    if estimator is None:
        return "something in the graph"
    for part in everything_in(estimator):
        if getattr(part, "sample_posterior", False) or getattr(part, "strategy", "") in (
            "uniform",
            "stratified",
        ):
            return type(part).__name__
    return type(steps_of(estimator)[-1]).__name__
