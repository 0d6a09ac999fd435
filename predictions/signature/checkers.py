"""One function per field that takes a value as JSON gives it and returns what goes to the estimator.

Each is built once per signature. A checker notes faults and warnings in the report; after a fault its result counts
for nothing. The validator itself settles the most usual values before it calls one (see ``Quick``).
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite
from typing import Any, NamedTuple

from predictions.signature.bounds import BAD_TEXT, INT64_HIGH, INT64_LOW, LARGEST, is_finite
from predictions.signature.choices import bad_text_message, choice_checker, too_long_message
from predictions.signature.fields import Field
from predictions.signature.numerals import numeral_hint
from predictions.signature.report import Report
from predictions.signature.tensors import tensor_checker
from predictions.signature.wording import given, limit, quoted
from predictions.values import Value

MAX_IGNORED = 2000
"""Characters kept of a text that nothing looks at; the same as an ordinary text may have."""

Checker = Callable[[Value, Report], Value]


class Quick(NamedTuple):
    """A value of exactly this type between these bounds is right as it is, without a warning."""

    kind: type
    low: float
    high: float


class _Nothing:
    """No value has this type."""


def quick_of(field: Field) -> Quick:
    """What needs no checker: numbers inside both the hard and the soft limits."""
    if field.kind not in ("number", "integer"):
        return Quick(_Nothing, inf, -inf)
    lows = [low for low in (field.minimum, field.soft_minimum) if low is not None]
    highs = [high for high in (field.maximum, field.soft_maximum) if high is not None]
    if field.kind == "integer":
        return Quick(int, max([INT64_LOW, *lows]), min([INT64_HIGH, *highs]))
    return Quick(float, max([-LARGEST, *lows]), min([LARGEST, *highs]))


def checker_of(field: Field) -> Checker:
    """The full check of one field's value."""
    makers: dict[str, Callable[[Field], Checker]] = {
        "number": _number_checker,
        "integer": _integer_checker,
        "boolean": _boolean_checker,
        "choice": choice_checker,
        "text": _text_checker,
        "tensor": tensor_checker,
    }
    check = makers[field.kind](field)
    if not field.used:
        check = _tolerant(check)

    def nullable(value: Value, report: Report) -> Value:
        if value is not None:
            return check(value, report)
        if field.required:
            report.warn(field.name, "missing_value", missing_warning(field))
        return None

    def present(value: Value, report: Report) -> Value:
        if value is None:
            report.fail(field.name, "null", f"{field.shown} cannot be null; give a value.")
            return None
        return check(value, report)

    return nullable if field.nullable else present


def _tolerant(check: Checker) -> Checker:
    """For a column that nothing looks at: a value of another kind is kept as it is, without a word about it."""

    def tolerant(value: Value, report: Report) -> Value:
        trial = Report()
        checked = check(value, trial)
        return _storable(value) if trial.errors else checked

    return tolerant


def _storable(value: Value) -> Value:
    """A scalar that can be stored, else None."""
    if type(value) is str:
        return value if len(value) <= MAX_IGNORED and not BAD_TEXT.search(value) else None
    if isinstance(value, int | float) and is_finite(value):
        return value if isinstance(value, float) or INT64_LOW <= value <= INT64_HIGH else None
    return None


def _number_checker(field: Field) -> Checker:
    within = _limit_checker(field)

    def check(value: Value, report: Report) -> Value:
        kind = type(value)
        if kind is int:
            try:
                value = float(value)
            except OverflowError:
                return _out_of_range(field, report)
        elif kind is not float:
            return _not_a_number(field, value, report)
        if not isfinite(value):
            return _not_finite(field, report)
        return within(value, report)

    return check


def _integer_checker(field: Field) -> Checker:
    within = _limit_checker(field)

    def check(value: Value, report: Report) -> Value:
        kind = type(value)
        if kind is float:
            if not isfinite(value):
                return _not_finite(field, report)
            if not value.is_integer():
                report.fail(
                    field.name,
                    "not_an_integer",
                    f"{field.shown} must be a whole number; {quoted(value)} is not.",
                )
                return None
            value = int(value)
        elif kind is not int:
            return _not_a_number(field, value, report)
        if not INT64_LOW <= value <= INT64_HIGH:
            return _out_of_range(field, report)
        return within(value, report)

    return check


def _limit_checker(field: Field) -> Checker:
    """Hard limits are faults, soft limits are warnings; None is no limit."""
    low, high = _bound(field.minimum, -inf), _bound(field.maximum, inf)
    soft_low, soft_high = _bound(field.soft_minimum, -inf), _bound(field.soft_maximum, inf)
    quiet_low, quiet_high = max(low, soft_low), min(high, soft_high)

    def check(value: Any, report: Report) -> Value:
        if quiet_low <= value <= quiet_high:
            return value
        if value < low:
            report.fail(field.name, "below_minimum", _limit_message(field, value))
        elif value > high:
            report.fail(field.name, "above_maximum", _limit_message(field, value))
        elif value < soft_low:
            report.warn(field.name, "below_training_range", _training_message(field, value))
        else:
            report.warn(field.name, "above_training_range", _training_message(field, value))
        return value

    return check


def _bound(number: float | None, otherwise: float) -> float:
    return otherwise if number is None else number


def _limit_message(field: Field, value: float) -> str:
    if field.minimum is not None and field.maximum is not None:
        low = limit(field.minimum, _bare(field), value)
        allowed = f"between {low} and {limit(field.maximum, field, value)}"
    elif field.minimum is not None:
        allowed = f"{limit(field.minimum, field, value)} or more"
    else:
        allowed = f"{limit(field.maximum or 0, field, value)} or less"
    return f"{field.shown} must be {allowed}; {given(value, field)} was given."


def _bare(field: Field) -> Field:
    return Field(name=field.name, kind=field.kind)


def _training_message(field: Field, value: float) -> str:
    low, high = field.soft_minimum, field.soft_maximum
    begun = f"{field.shown} is {given(value, field)}; the training data"
    if low is None:
        return f"{begun} went up to {limit(high or 0, field, value)}."
    if high is None:
        return f"{begun} started at {limit(low, field, value)}."
    return f"{begun} went from {limit(low, _bare(field), value)} to {limit(high, field, value)}."


def _not_a_number(field: Field, value: Value, report: Report) -> None:
    wanted = "a whole number" if field.kind == "integer" else "a number"
    hint = numeral_hint(value, field.unit) if isinstance(value, str) else ""
    if hint:
        message = f"{field.shown} must be {wanted}; {hint}."
    else:
        message = f"{field.shown} must be {wanted}; {quoted(value)} is not."
    report.fail(field.name, "not_a_number", message)


def _not_finite(field: Field, report: Report) -> None:
    advice = "leave it empty (null) when it is not known" if field.nullable else "give an ordinary number"
    report.fail(field.name, "not_finite", f"{field.shown} cannot be NaN or infinite; {advice}.")


def _out_of_range(field: Field, report: Report) -> None:
    report.fail(
        field.name, "out_of_range", f"{field.shown} is a larger number than can be held; give a smaller one."
    )


def _boolean_checker(field: Field) -> Checker:
    def check(value: Value, report: Report) -> Value:
        if value is True or value is False:
            return value
        if type(value) in (int, float) and value in (0, 1):
            return value == 1
        report.fail(
            field.name,
            "not_a_boolean",
            f"{field.shown} must be yes or no (true or false); {quoted(value)} is neither.",
        )
        return None

    return check


def _text_checker(field: Field) -> Checker:
    longest = field.max_length

    def check(value: Value, report: Report) -> Value:
        if type(value) is not str:
            report.fail(
                field.name, "not_a_text", f"{field.shown} must be a text; {quoted(value)} is not one."
            )
        elif len(value) > longest:
            report.fail(field.name, "too_long", too_long_message(field, value))
        elif BAD_TEXT.search(value):
            report.fail(field.name, "bad_text", bad_text_message(field))
        elif not value:
            return _empty_text(field, report)
        return value

    return check


def _empty_text(field: Field, report: Report) -> Value:
    """An empty text is no value, on every face: a form cannot tell the two apart."""
    if field.nullable:
        if field.required:
            report.warn(field.name, "missing_value", missing_warning(field))
        return None
    if field.required:
        report.fail(field.name, "missing", missing_message(field))
        return None
    return field.default


def missing_warning(field: Field) -> str:
    """What to tell of a value that is expected and that the estimator can do without."""
    return f"{field.shown} was left empty; the answer may be less reliable."


def missing_message(field: Field) -> str:
    """What to tell when a required value is not there."""
    return f"Give a value for {field.shown}."
