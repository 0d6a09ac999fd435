"""Categories: which of the choices a value or a text means."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from predictions.signature.bounds import BAD_TEXT, INT64_HIGH, INT64_LOW, is_finite
from predictions.signature.fields import Choice, Field
from predictions.signature.numerals import read_numeral
from predictions.signature.report import Report
from predictions.signature.suggestions import suggestion
from predictions.signature.wording import clean, either, quoted, text_of
from predictions.values import Scalar, Value

MAX_LISTED = 10
_TRUE_TEXTS = frozenset({"true", "yes", "on", "1", "y", "t"})
_FALSE_TEXTS = frozenset({"false", "no", "off", "0", "n", "f"})


class Kinds:
    """Which types the choices of a field have; a category never seen in training must have one of them."""

    __slots__ = ("booleans", "numbers", "texts", "whole")

    def __init__(self, choices: tuple[Choice, ...]) -> None:
        types = {type(choice.value) for choice in choices}
        self.texts = str in types or not types
        self.booleans = bool in types
        self.numbers = int in types or float in types
        self.whole = float not in types


def read_boolean(text: str) -> bool | None:
    """True or False for yes/no, true/false, on/off, 1/0, y/n, t/f in any case; None for another text."""
    plain = text.strip().casefold()
    if plain in _TRUE_TEXTS:
        return True
    if plain in _FALSE_TEXTS:
        return False
    number = read_numeral(plain)
    return bool(number) if number in (0, 1) else None


def key_of(value: Value) -> tuple[str, Any] | None:
    """What equal choices share: 1 and 1.0 are one number, "1" is a text and true is neither. None for no scalar."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, int | float):
        return ("number", value)
    return ("text", value) if isinstance(value, str) else None


def labels_of_choices(field: Field) -> dict[str, Scalar]:
    """The labels that can stand for their choice's value: none that is also a value, a number, or yes or no there."""
    kinds = Kinds(field.choices)
    values = {text_of(choice.value) for choice in field.choices}
    counts = Counter(choice.label for choice in field.choices)
    return {
        choice.label: choice.value
        for choice in field.choices
        if choice.label
        and choice.label not in values
        and counts[choice.label] == 1
        and not (kinds.numbers and read_numeral(choice.label) is not None)
        and not (kinds.booleans and read_boolean(choice.label) is not None)
    }


def choice_checker(field: Field) -> Callable[[Value, Report], Value]:
    """The check of a category: the choice's own value comes back, so 1.0 becomes 1 where the choice is 1.

    Where choices are true and false and none is a number, 1 and 0 mean those, as for a field of kind boolean. The label
    that people read stands for its choice, too.
    """
    texts = frozenset(choice.value for choice in field.choices if isinstance(choice.value, str))
    others = {
        key_of(choice.value): choice.value for choice in field.choices if not isinstance(choice.value, str)
    }
    kinds = Kinds(field.choices)
    if kinds.booleans and not kinds.numbers:
        others |= {("number", int(truth)): truth for truth in (True, False) if ("boolean", truth) in others}
    named = {**labels_of_choices(field), **{text: text for text in texts}}

    def check(value: Value, report: Report) -> Value:
        if type(value) is str:
            if value in named:
                return named[value]
        elif (key := key_of(value)) is not None and key in others:
            return others[key]
        if field.unseen == "warn":
            word = _word_of(value, kinds)
            if word is None:
                return _unseen(value, kinds, field, report)
            return word if word in texts else _warned(word, field, report)
        return _refused(value, field, report)

    return check


def _refused(value: Value, field: Field, report: Report) -> None:
    report.fail(field.name, "unknown_choice", _unknown_message(field, value, report))


def _word_of(value: Value, kinds: Kinds) -> str | None:
    """A number where all choices are texts is the text that one would write for it, as from a form or a CSV file."""
    if kinds.numbers or kinds.booleans or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return text_of(value) if is_finite(value) else None


def _unseen(value: Value, kinds: Kinds, field: Field, report: Report) -> Value:
    """A category which training did not see goes on when it has a type that training did see."""
    if isinstance(value, str):
        if not kinds.texts or not value:
            return _refused(value, field, report)
        if len(value) > field.max_length:
            return report.fail(field.name, "too_long", too_long_message(field, value))
        if BAD_TEXT.search(value):
            return report.fail(field.name, "bad_text", bad_text_message(field))
    elif not _may_be_number(value, kinds):
        return _refused(value, field, report)
    else:
        value = int(value) if kinds.whole else float(value)
    return _warned(value, field, report)


def _warned(value: Value, field: Field, report: Report) -> Value:
    message = f"{field.shown} is {quoted(value)}, which the training data did not have."
    report.warn(field.name, "unseen_category", message)
    return value


def _may_be_number(value: Value, kinds: Kinds) -> bool:
    if (
        not kinds.numbers
        or isinstance(value, bool)
        or not isinstance(value, int | float)
        or not is_finite(value)
    ):
        return False
    return not kinds.whole or (value == int(value) and INT64_LOW <= value <= INT64_HIGH)


def too_long_message(field: Field, text: str) -> str:
    """For a text of more characters than the field takes."""
    return f"{field.shown} may have {field.max_length} characters at most; {len(text)} were given."


def bad_text_message(field: Field) -> str:
    """For a text with NUL or half of a surrogate pair."""
    return f"{field.shown} holds a character that cannot be stored; remove it from the text."


def _unknown_message(field: Field, value: Value, report: Report) -> str:
    shown = [_listed(choice) for choice in field.choices[:MAX_LISTED]]
    left = len(field.choices) - len(shown)
    if left:
        shown.append(f"one of {left} more")
    advice = f"choose {either(shown)}" if shown else "no choices are known"
    meant = _meant(field, value, report)
    hint = f" (did you mean {meant}?)" if meant else ""
    return f"{field.shown} cannot be {quoted(value)}; {advice}{hint}."


def _listed(choice: Choice) -> str:
    shown = quoted(choice.value)
    return f"{shown} ({clean(choice.label)})" if choice.label and choice.label != str(choice.value) else shown


def _meant(field: Field, value: Value, report: Report) -> str:
    if key_of(value) is None or value == "" or report.suggestions_left <= 0:
        return ""
    report.suggestions_left -= 1
    by_text: dict[str, Scalar] = {}
    for choice in field.choices:
        by_text.setdefault(text_of(choice.value), choice.value)
        if choice.label:
            by_text.setdefault(choice.label, choice.value)
    word = text_of(value)
    found = word if word in by_text else suggestion(word, by_text)
    return quoted(by_text[found]) if found is not None else ""


def text_of_choice(value: Scalar) -> str:
    """How a choice is written in a form or a CSV file."""
    return text_of(value)


def choice_reader(field: Field) -> Callable[[str], Value]:
    """A function from a text to the choice it names; another text comes back as its number, or as it is.

    A text is a text choice first, so with the choices 1 and "1" it means "1".
    """
    exact: dict[str, Scalar] = {}
    for choice in sorted(field.choices, key=lambda choice: not isinstance(choice.value, str)):
        exact.setdefault(text_of(choice.value), choice.value)
    exact = {**labels_of_choices(field), **exact}
    kinds = Kinds(field.choices)

    def read(text: str) -> Value:
        if text in exact:
            return exact[text]
        number = read_numeral(text) if kinds.numbers else None
        if number is not None:
            return number
        answer = read_boolean(text) if kinds.booleans else None
        return text if answer is None else answer

    return read
