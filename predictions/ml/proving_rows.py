"""Checks of what may be asked: missing values, unseen categories, ranges, and whether any of it changes the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from predictions.ml.columns import ColumnFacts
from predictions.ml.generated_rows import is_unbounded
from predictions.ml.proving_answers import (
    ORDINARY,
    Check,
    Proving,
    not_applicable,
    passed,
    plural,
    short,
    shown_names,
    warned,
)
from predictions.portable import RawAnswer, Value

MUCH_OUTSIDE = 0.1
"""A mean and three deviations leave 0.3 % of a normal column outside and up to some percent of a skewed one. Another
unit or scale leaves most of it outside."""

ENOUGH_ROWS = 10
LONGEST_KEY = 10_000


def check_missing(proving: Proving) -> Check:
    """Inputs that may be missing: is a case without them really answered?"""
    code = "missing"
    inputs = proving.signature.inputs
    optional = sum(item.nullable for item in inputs)
    if not optional:
        return passed(
            code,
            "No input may be missing: a case without one is refused at once and says which.",
            may_be_missing=0,
            inputs=len(inputs),
        )
    return _answered_of_kind(
        proving,
        code,
        "missing",
        f"{optional} of {plural(len(inputs), 'input')} may be missing",
        may_be_missing=optional,
        inputs=len(inputs),
    )


def check_unseen(proving: Proving) -> Check:
    """Categories outside the list, where the signature lets them through."""
    code = "unseen"
    choices = [item for item in proving.signature.inputs if item.kind == "choice"]
    if not choices:
        return not_applicable(code, "No input is a choice.")
    open_ = sum(item.unseen == "warn" for item in choices)
    if not open_:
        return passed(
            code,
            "A category that it never saw is refused at once and says which are known.",
            choices=len(choices),
            open=0,
        )
    return _answered_of_kind(
        proving,
        code,
        "unseen",
        f"{open_} of {plural(len(choices), 'choice')} may hold a category it never saw",
        choices=len(choices),
        open=open_,
    )


def _answered_of_kind(proving: Proving, code: str, kind: str, words: str, **measured: Any) -> Check:
    asked = proving.of_kind(kind)
    refused = sum(one.answer is None for one in asked)
    measured = dict(measured, rows=len(asked), refused=refused)
    if not asked:
        return not_applicable(code, f"{words}; no such row was tried.", **measured)
    if refused:
        return warned(
            code,
            f"{words}, but {refused} of {plural(len(asked), 'such row')} got an error instead of an answer: "
            "forbid it in the fields where that must not happen.",
            **measured,
        )
    return passed(code, f"{words}; all {plural(len(asked), 'such row')} were answered.", **measured)


def check_ranges(proving: Proving) -> Check:
    """Values of the sample against what the estimator itself says of its training data."""
    code, subject = "ranges", proving.subject
    if not subject.sample and subject.table is not None:
        return not_applicable(
            code, "The sample does not have a column for each input, so its ranges are not compared."
        )
    if not subject.sample:
        return not_applicable(code, "There is no sample to hold against what it was fitted on: bring a CSV.")
    if len(subject.columns) != len(proving.signature.inputs):
        return not_applicable(
            code, "Its inputs are computed from the fields, so their ranges are not compared."
        )
    known, odd = 0, []
    for place, facts in enumerate(subject.columns):
        share = _share_outside([row[place] for row in subject.sample], facts)
        known += share is not None
        if share is not None and share > MUCH_OUTSIDE:
            odd.append((share, proving.signature.inputs[place].name))
    if not known:
        return not_applicable(code, "The estimator keeps no ranges of what it was fitted on.")
    odd.sort(key=lambda item: -item[0])
    measured = {"inputs": known, "outside": len(odd), "largest_share": short(odd[0][0]) if odd else 0.0}
    if odd:
        return warned(
            code,
            f"In {len(odd)} of {plural(known, 'input')} much of the sample lies outside what the estimator was fitted on "
            f"({shown_names([name for _, name in odd])}): check their unit and scale.",
            **measured,
        )
    return passed(code, f"The sample lies within what {plural(known, 'input')} saw in training.", **measured)


def _share_outside(values: Sequence[Value], facts: ColumnFacts) -> float | None:
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if facts.low is None or facts.high is None or not numbers or facts.categories:
        return None
    slack = 1e-6 * max(abs(facts.low), abs(facts.high), facts.high - facts.low)
    outside = sum(not facts.low - slack <= value <= facts.high + slack for value in numbers)
    return outside / len(numbers)


def check_constant(proving: Proving) -> Check:
    """One and the same answer whatever is asked."""
    code = "constant"
    answers, sampled = proving.answered(*ORDINARY), proving.answered("sample")
    kinds = {_answer_key(answer) for answer in answers}
    measured = {"rows": len(answers), "sample": len(sampled), "different": len(kinds)}
    if len(answers) < ENOUGH_ROWS:
        return not_applicable(code, "Too few rows were answered to tell.", **measured)
    if len(kinds) > 1 and not _all_alike(sampled):
        return passed(
            code, f"Different cases get different answers ({len(kinds):,} on these rows).", **measured
        )
    if len(kinds) > 1:
        asked = f"All {plural(len(sampled), 'row')} of the sample get one and the same answer, made-up rows others"
    elif sampled:
        asked = f"All {plural(len(answers), 'row')}, of the sample and made up, get one and the same answer"
    elif _any_unbounded(proving):
        return not_applicable(
            code,
            "All made-up rows get the same answer, but nothing says what values are usual: bring a sample CSV to tell.",
            **measured,
        )
    else:
        asked = f"All {plural(len(answers), 'made-up row')} get one and the same answer"
    return warned(
        code,
        f"{asked}; this often means the values are in another unit or scale than those it was fitted on.",
        **measured,
    )


def _all_alike(answers: Sequence[RawAnswer]) -> bool:
    """The same class with the same probabilities (to two digits) or the same number, of enough rows to tell."""
    alike = {
        (_answer_key(answer), tuple(round(share, 2) for share in answer.probabilities or ()))
        for answer in answers
    }
    return len(answers) >= ENOUGH_ROWS and len(alike) == 1


def _any_unbounded(proving: Proving) -> bool:
    facts = proving.subject.columns
    inputs = proving.signature.inputs
    if len(facts) != len(inputs):
        return True
    return any(is_unbounded(item, facts[place]) for place, item in enumerate(inputs))


def _answer_key(answer: RawAnswer) -> str:
    if answer.class_index is not None:
        return str(answer.class_index)
    return repr(answer.value if answer.outputs is None else sorted(answer.outputs.items()))[:LONGEST_KEY]
