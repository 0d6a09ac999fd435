"""What only a person can say about the inputs, as structured questions for a page: one dictionary each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Dict

from predictions.ml.columns import ColumnFacts
from predictions.ml.table import Column

Question = Dict[str, Any]
"""``field`` (a name, or None), ``code``, ``message`` (a sentence that says what to do) and ``words``."""

MOST_WORDS = 50
OUTSIDE = 0.9
"""From this share of a sample's values outside of what an estimator saw, they are of another scale, not only unusual."""

ENOUGH_VALUES = 5
ENOUGH_THRESHOLDS = 3


def question(code: str, message: str, field: str | None = None, words: Iterable[str] = ()) -> Question:
    """One question; ``words`` are cut at a number that a page can show."""
    return {"field": field, "code": code, "message": message, "words": list(words)[:MOST_WORDS]}


def codes_unknown(name: str, column: Column) -> Question:
    """The sample has words where the estimator was fitted on numbers."""
    words = sorted({str(value) for value in column.present})
    return question(
        "codes_unknown",
        f"The sample has words in {name!r}, but the estimator takes numbers there: say which number stands for which word.",
        name,
        words,
    )


def names_unknown(count: int) -> Question:
    """Neither the file nor the sample names the inputs."""
    inputs = "the input" if count == 1 else f"the {count} inputs"
    return question(
        "names_unknown", f"The file does not name its inputs: name {inputs} in the estimator's order."
    )


def names_from_sample(names: Iterable[str]) -> Question:
    """The names were taken from the sample because their number fits; their order is only likely."""
    return question(
        "names_from_sample",
        "The file does not name its inputs; the sample's columns were taken in their order: check that it is the "
        "estimator's.",
        None,
        names,
    )


def range_mismatch(names: list[str]) -> Question:
    """Nearly all of the sample's values lie outside what the estimator saw."""
    listed = ", ".join(repr(name) for name in names[:5]) + (" and others" if len(names) > 5 else "")
    return question(
        "range_mismatch",
        f"The sample's values of {listed} lie outside what the estimator was fitted on, as when it was fitted on scaled "
        "values: add the scaler's file, or send values as the estimator saw them.",
        None,
        names,
    )


def not_in_sample(names: list[str]) -> Question:
    """Columns that the estimator takes and the sample lacks: made by the author's program, or dropped."""
    listed = ", ".join(repr(name) for name in names[:5]) + (" and others" if len(names) > 5 else "")
    return question(
        "not_in_sample",
        f"The sample has no column {listed}: say how it is made from the others, or give it with each case.",
        None,
        names,
    )


def is_of_another_scale(facts: ColumnFacts, column: Column | None) -> bool:
    """Do nearly all numbers of a sample's column lie outside what the estimator saw in that column?"""
    if column is None or column.kind not in ("number", "integer") or len(column.present) < ENOUGH_VALUES:
        return False
    low, high = _seen(facts)
    if low is None or high is None:
        return False
    outside = sum(not low <= float(value) <= high for value in column.present)
    return outside >= OUTSIDE * len(column.present)


def _seen(facts: ColumnFacts) -> tuple[float | None, float | None]:
    """From where to where; split points lie inside the training data, so theirs is widened by its own width."""
    if facts.source is not None:
        return facts.low, facts.high
    if len(facts.thresholds) < ENOUGH_THRESHOLDS:
        return None, None
    low, high = min(facts.thresholds), max(facts.thresholds)
    return low - (high - low), high + (high - low)
