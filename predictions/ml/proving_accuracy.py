"""Is it right on the sample? Where one of its columns holds the answers, against always saying the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from predictions.ml.generated_rows import CheckRow
from predictions.ml.proving_answers import (
    Check,
    Proving,
    ask,
    not_applicable,
    passed,
    plural,
    short,
    warned,
)
from predictions.ml.proving_targets import Target, find_target
from predictions.portable import RawAnswer
from predictions.signature.fields import Output

FEWEST_ROWS = 5
MOST_CLASSES_SHOWN = 12
LIKE_LOGARITHMS = 0.5
"""R² after exp or expm1 from which on wrong answers are taken for logarithms."""
TRAINED_ON = "it may have been fitted on them"


def check_accuracy(proving: Proving) -> Check:
    """Classes: accuracy, balanced accuracy and confusion against the most frequent class. Numbers: R² and MAE against
    the mean. Not better than that is a warning: samples differ, so it does not forbid going live.
    """
    code, subject = "accuracy", proving.subject
    target = find_target(proving.signature, subject.table)
    if isinstance(target, str):
        return not_applicable(code, target)
    places = [
        place
        for place, truth in enumerate(target.truths[: len(subject.sample)])
        if truth is not None and _may_be_asked(subject.sample[place], proving)
    ]
    rows = [CheckRow("sample", tuple(subject.sample[place]), (place,)) for place in places]
    asked = ask(proving.runtime, rows, proving.deadline)
    pairs = [(target.truths[one.row.touched[0]], one.answer) for one in asked if one.answer is not None]
    if len(pairs) < FEWEST_ROWS:
        return not_applicable(
            code,
            f"Only {plural(len(pairs), 'row')} of the sample with a value in “{target.column}” got an answer: bring more.",
            rows=len(pairs),
        )
    truths, answers = [truth for truth, _ in pairs], [answer for _, answer in pairs]
    if target.is_class:
        return _of_classes(code, target, truths, answers, proving.signature.main_output)
    return _of_numbers(code, target, truths, answers)


def _may_be_asked(row: Sequence[Any], proving: Proving) -> bool:
    inputs = proving.signature.inputs
    return all(value is not None or inputs[place].nullable for place, value in enumerate(row))


def _of_classes(
    code: str, target: Target, truths: Sequence[Any], answers: Sequence[RawAnswer], output: Output
) -> Check:
    count = len(output.classes)
    table = np.zeros((count, count), dtype=int)
    for place, truth in enumerate(truths):
        given = answers[place].class_index
        if given is not None:
            table[truth, given] += 1
    rows = int(table.sum())
    per_class = table.sum(axis=1)
    there = per_class > 0
    accuracy = float(np.trace(table) / max(rows, 1))
    balanced = float(np.mean(np.diag(table)[there] / per_class[there])) if rows else 0.0
    baseline = float(per_class.max() / max(rows, 1))
    most = str(output.classes[int(per_class.argmax())].shown)
    measured = {
        "kind": "class",
        "column": target.column,
        "rows": rows,
        "accuracy": short(accuracy),
        "balanced_accuracy": short(balanced),
        "baseline": short(baseline),
        "most_frequent": most,
    }
    if count <= MOST_CLASSES_SHOWN:
        measured["classes"] = [str(item.shown) for item in output.classes]
        measured["confusion"] = table.tolist()
    words = (
        f"Right on {accuracy:.1%} of {plural(rows, 'row')} of the sample (column “{target.column}”; {TRAINED_ON}), where "
        f"always answering “{most}” is right on {baseline:.1%}"
    )
    if accuracy > baseline or accuracy == 1:
        return passed(code, f"{words}.", **measured)
    return warned(
        code,
        f"{words}: it is not better than that; check that the sample's values, units and classes are those it was fitted on.",
        **measured,
    )


def _of_numbers(code: str, target: Target, truths: Sequence[Any], answers: Sequence[RawAnswer]) -> Check:
    pairs = [
        (float(truth), float(answers[place].value))  # type: ignore[arg-type]
        for place, truth in enumerate(truths)
        if isinstance(answers[place].value, (int, float))
    ]
    if len(pairs) < FEWEST_ROWS:
        return not_applicable(code, "It gives no single number that could be compared.", rows=len(pairs))
    truth, given = np.array(pairs).T
    error = float(np.mean(np.abs(truth - given)))
    plain = float(np.mean(np.abs(truth - truth.mean())))
    fit = _r2(truth, given)
    measured = {
        "kind": "number",
        "column": target.column,
        "rows": len(pairs),
        "r2": None if fit is None else short(fit),
        "mae": short(error),
        "baseline_mae": short(plain),
    }
    words = (
        f"Off by {_shown(error)} on average on {plural(len(pairs), 'row')} of the sample (column “{target.column}”; "
        f"{TRAINED_ON}), where always answering the mean is off by {_shown(plain)}"
    )
    if fit is not None and fit > 0 and error < plain:
        return passed(code, f"{words}; R² {fit:.3f}.", **measured)
    transform = _transform(truth, given)
    if transform:
        measured["transform"] = transform
        advice = (
            f"its answers look like logarithms of that column; let the output be shown through {transform}"
        )
    else:
        advice = (
            "it is not better than that; check that values and units of the sample are those it was fitted on"
        )
    return warned(code, f"{words}: {advice}.", **measured)


def _shown(value: float) -> str:
    """Four significant digits as people write them: 62,280 or 0.01234."""
    return f"{short(value):,.10g}"


def _r2(truth: Any, given: Any) -> float | None:
    spread = float(np.sum((truth - truth.mean()) ** 2))
    with np.errstate(all="ignore"):
        value = 1 - float(np.sum((truth - given) ** 2)) / spread if spread else math.nan
    return value if math.isfinite(value) else None


def _transform(truth: Any, given: Any) -> str:
    """exp or expm1 where that makes wrong answers right, as when the estimator was fitted on logarithms; the better one."""
    with np.errstate(all="ignore"):
        fits = [(_r2(truth, np.expm1(given)) or 0.0, "expm1"), (_r2(truth, np.exp(given)) or 0.0, "exp")]
    best, name = max(fits)
    return name if best > LIKE_LOGARITHMS else ""
