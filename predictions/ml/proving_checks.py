"""Checks of what is answered: probabilities within their bounds, listed classes, finite numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from predictions.errors import ModelFailed
from predictions.ml.answers import UnlistedClass
from predictions.ml.proving_answers import (
    ORDINARY,
    Check,
    Proving,
    failed,
    not_applicable,
    passed,
    plural,
    short,
    shown_names,
    warned,
)
from predictions.portable import RawAnswer
from predictions.signature.fields import Output

SUM_TOLERANCE = 3.5e-4
"""The square root of float32's epsilon, as in scikit-learn's own check of probabilities (``metrics.log_loss``): the sum
of float32 shares, as ONNX Runtime and boosted trees give them, is no closer to 1 when it is right."""

MOST_ELEMENTS = 10_000


def check_predicts(proving: Proving) -> Check:
    """The example row, by the runtime that will answer and by the original where that is another one."""
    code = "predicts"
    holes = [item.name for item in proving.signature.inputs if item.example is None and not item.nullable]
    if holes:
        return not_applicable(code, f"There is no example of {shown_names(holes)}: bring a sample CSV.")
    for runtime in (proving.runtime, proving.subject.original):
        try:
            answers = runtime.predict([proving.example]) if runtime is not None else [None]
        except ModelFailed:
            return failed(
                code, "It does not answer the example row: bring a sample CSV with rows as it takes them."
            )
        if len(answers) != 1:
            return failed(
                code, "It gives another number of answers than rows: save it again as a whole Pipeline."
            )
    return passed(code, "It answers the example row.")


def check_probabilities(proving: Proving) -> Check:
    """Each within 0 and 1, all of a row together 1."""
    code, output = "probabilities", proving.signature.main_output
    if not output.probabilities:
        return not_applicable(code, "It gives no probabilities.")
    shares = [answer.probabilities for answer in proving.answered() if answer.probabilities is not None]
    if not shares:
        return failed(
            code, "No row got finite probabilities: check the inputs, or export it without probabilities."
        )
    low, high = min(min(row) for row in shares), max(max(row) for row in shares)
    error = max(abs(sum(row) - 1) for row in shares)
    wrong = sum(not _is_sound(row, output) for row in shares)
    measured = {
        "rows": len(shares),
        "wrong": wrong,
        "lowest": short(low),
        "highest": short(high),
        "largest_error_of_sum": short(error),
        "tolerance": SUM_TOLERANCE,
    }
    if wrong:
        return failed(
            code,
            f"On {wrong} of {plural(len(shares), 'row')} the probabilities do not lie between 0 and 1 and add up to 1, as "
            "when a file is read by another version than it was made with: save it again, or bring a Pipeline.",
            **measured,
        )
    return passed(
        code, f"Between 0 and 1 and adding up to 1 on all {plural(len(shares), 'row')}.", **measured
    )


def _is_sound(shares: Sequence[float], output: Output) -> bool:
    within = all(-SUM_TOLERANCE <= share <= 1 + SUM_TOLERANCE for share in shares)
    return within and len(shares) == len(output.classes) and abs(sum(shares) - 1) <= SUM_TOLERANCE


def check_classes(proving: Proving) -> Check:
    """Every answered class is one of those listed."""
    code, output = "classes", proving.signature.main_output
    if not output.classes or proving.signature.task == "other":
        return not_applicable(code, "It does not answer with one class.")
    places = [answer.class_index for answer in proving.answered() if answer.class_index is not None]
    wrong = sum(isinstance(one.error, UnlistedClass) for one in proving.asked)
    wrong += sum(not 0 <= place < len(output.classes) for place in places)
    measured = {"listed": len(output.classes), "seen": len(set(places)), "rows": len(places), "wrong": wrong}
    if wrong:
        return failed(
            code,
            f"{plural(wrong, 'row')} got a class that it does not list: save the estimator again after fitting it.",
            **measured,
        )
    if not places:
        return failed(code, "No row got a class: check the inputs with a sample CSV.", **measured)
    return passed(
        code,
        f"{len(set(places))} of {len(output.classes)} listed classes were answered, no other.",
        **measured,
    )


def check_finite(proving: Proving) -> Check:
    """Answers that are no number: one for a row of the sample or the example is a fault, for made-up rows a warning."""
    code = "finite"
    counts = {kind: _counted(proving, kind) for kind in ORDINARY}
    odd = sum(not _is_finite(answer, proving) for answer in proving.answered()) - sum(
        wrong for wrong, _ in counts.values()
    )
    rows = len(proving.answered())
    measured = {
        "rows": rows,
        "sample": counts["sample"][0],
        "generated": counts["generated"][0],
        "odd": odd,
    }
    total = odd + counts["sample"][0] + counts["generated"][0]
    hopeless = 0 < counts["generated"][1] == counts["generated"][0]
    if not rows:
        return failed(
            code, "No row was answered at all: bring a sample CSV with rows as it takes them.", **measured
        )
    if counts["sample"][0] or hopeless or not _example_is_finite(proving):
        return failed(
            code,
            f"{plural(total, 'answer')} of {rows:,} {'is' if total == 1 else 'are'} no finite number (missing or infinite), also "
            "on ordinary rows: check what the estimator does before its last step.",
            **measured,
        )
    if total:
        return warned(
            code,
            f"{plural(total, 'answer')} of {rows:,} {'is' if total == 1 else 'are'} no finite number, all on made-up or extreme "
            "rows; such a case is answered with null: set limits to the inputs where that must not be.",
            **measured,
        )
    return passed(code, f"All {plural(rows, 'answer')} are finite.", **measured)


def _counted(proving: Proving, kind: str) -> tuple[int, int]:
    answers = proving.answered(kind)
    return sum(not _is_finite(answer, proving) for answer in answers), len(answers)


def _example_is_finite(proving: Proving) -> bool:
    try:
        return all(_is_finite(answer, proving) for answer in proving.runtime.predict([proving.example]))
    except ModelFailed:
        return True  # Another check says so.


def _is_finite(answer: RawAnswer, proving: Proving) -> bool:
    if answer.outputs is not None:
        return all(_all_there(value) for value in answer.outputs.values())
    output = proving.signature.main_output
    if output.kind == "number":
        return answer.value is not None and _all_there(answer.value)
    return answer.probabilities is not None or not output.probabilities


def _all_there(value: Any) -> bool:
    """No gap in nested lists, looked at up to a number of elements."""
    level, seen = [value], 0
    while level and seen < MOST_ELEMENTS:
        item = level.pop()
        seen += 1
        if isinstance(item, (list, tuple)):
            level.extend(item)
        elif item is None or (isinstance(item, float) and not math.isfinite(item)):
            return False
    return True
