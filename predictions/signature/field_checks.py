"""Whether a field's limits, choices, default and example agree with each other. Raises InvalidSignature where not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from predictions.errors import InvalidRows, InvalidSignature
from predictions.signature.choices import key_of
from predictions.signature.edit_values import refuse
from predictions.signature.fields import Choice, Field, Kind, Signature
from predictions.signature.validation import Validator
from predictions.signature.wording import clean, quoted, text_of, tidy
from predictions.values import Value


def kind_in_words(kind: Kind) -> str:
    """What a field of that kind takes."""
    return {
        "number": "a number",
        "integer": "a whole number",
        "boolean": "yes or no",
        "choice": "a choice",
    }.get(kind, f"a {kind}")


def check_limits(field: Field) -> None:
    """Raises InvalidSignature for limits that exclude each other, or where none can be."""
    low, high, soft_low, soft_high = field.minimum, field.maximum, field.soft_minimum, field.soft_maximum
    if all(number is None for number in (low, high, soft_low, soft_high)):
        return
    if not _has_limits(field):
        refuse(field.name, f"{field.shown} is not a number, so it cannot have limits; take them away.")
    _check_order(field, low, high, "{name} cannot be at least {low} and at most {high}")
    _check_order(field, soft_low, soft_high, "The training range of {name} cannot go from {low} to {high}")
    for least, most in ((low, soft_low), (low, soft_high), (soft_low, high), (soft_high, high)):
        _check_order(
            field, least, most, "The training range of {name} is not inside its limits: {low}, {high}"
        )
    if field.kind == "integer" and low is not None and high is not None and -(-low // 1) > high // 1:
        refuse(field.name, f"There is no whole number between the limits of {field.shown}; widen them.")


def _has_limits(field: Field) -> bool:
    if field.kind == "tensor":
        return field.element in ("float", "integer")
    return field.kind in ("number", "integer")


def _check_order(field: Field, low: float | None, high: float | None, message: str) -> None:
    if low is not None and high is not None and low > high:
        text = message.format(name=field.shown, low=tidy(low, 15), high=tidy(high, 15))
        refuse(field.name, f"{text}; change one of them.")


def check_choices(before: Field, field: Field) -> None:
    """Raises InvalidSignature for choices that stand twice, or of types that ``before`` did not have."""
    if field.kind != "choice":
        if field.choices:
            refuse(field.name, f"{field.shown} has no choices, because it takes {kind_in_words(field.kind)}.")
        return
    if not field.choices and field.unseen == "refuse":
        refuse(field.name, f"{field.shown} needs at least one choice.")
    if field.choices == before.choices and before.kind == "choice":
        return
    _check_choice_types(before, field)
    twice = twice_in(key_of(choice.value) for choice in field.choices)
    twice = twice or twice_in(text_of(choice.value) for choice in field.choices)
    if twice is not None:
        value = twice[1] if isinstance(twice, tuple) else twice
        refuse(field.name, f"{field.shown} has the choice {quoted(value)} twice; remove one.")
    label = twice_in(str(choice.shown) for choice in field.choices)
    if label is not None:
        refuse(field.name, f'Two choices of {field.shown} are called "{clean(str(label))}"; rename one.')


def _check_choice_types(before: Field, field: Field) -> None:
    """Choices have the types that the estimator knows: those of the choices before, or of the kind they narrow."""
    base = field.base_kind or field.kind
    known = {_type_name(choice) for choice in before.choices} or {"text", "number", "boolean"}
    wanted = {"number": {"number"}, "integer": {"number"}, "text": {"text"}}.get(base, known)
    whole = base == "integer" or (base == "choice" and _are_whole(before.choices))
    names = {"number": "whole numbers" if whole else "numbers", "text": "texts", "boolean": "true or false"}
    for choice in field.choices:
        if _type_name(choice) not in wanted or (whole and not _are_whole([choice])):
            allowed = " or ".join(names[name] for name in sorted(wanted))
            message = f"The choices of {field.shown} must be {allowed}; {quoted(choice.value)} is not."
            refuse(field.name, message)


def _are_whole(choices: Sequence[Choice]) -> bool:
    """False when a choice is a number with a fraction, and for no choices."""
    fractions = (isinstance(choice.value, float) and not choice.value.is_integer() for choice in choices)
    return bool(choices) and not any(fractions)


def _type_name(choice: Choice) -> str:
    key = key_of(choice.value)
    return key[0] if key else ""


def twice_in(keys: Iterable[Hashable]) -> Any:
    """The first key that comes twice, or None."""
    return next((key for key, count in Counter(keys).items() if count > 1), None)


def with_checked_values(field: Field, *, is_example_given: bool) -> Field:
    """The field with its default and example as its own check gives them back; an old example that fails goes."""
    if field.default is not None:
        field = replace(field, default=_checked(field, field.default, "default"))
    elif not field.required and not field.nullable:
        refuse(
            field.name,
            f"{field.shown} needs a default when it may be left out; give one or require the field.",
        )
    if field.example is not None:
        try:
            field = replace(field, example=_checked(field, field.example, "example"))
        except InvalidSignature:
            if is_example_given:
                raise
            field = replace(field, example=None)
    return field


def _checked(field: Field, value: Value, what: str) -> Value:
    bare = replace(field, required=True, nullable=False, default=None)
    alone = Signature(task="other", inputs=(bare,), outputs=())
    try:
        return Validator(alone).check_row([value]).values[0]
    except InvalidRows as error:
        message = f"The {what} of {field.shown} does not fit the field: {error.errors[0].message}"
        raise InvalidSignature(message, field=field.name) from None
