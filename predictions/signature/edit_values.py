"""The values an owner may give in an edit, each cleaned or refused on its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from predictions.errors import InvalidSignature
from predictions.signature.bounds import BAD_TEXT
from predictions.signature.fields import TRANSFORMS, Choice
from predictions.signature.wording import UNPRINTABLE, clean, either
from predictions.values import Scalar

LONGEST = {"label": 120, "unit": 40, "help": 2000, "group": 120}
LONGEST_TEXT = 1_000_000
MOST_CHOICES = 100_000
MOST_DECIMALS = 15

Clean = Callable[[str, Any], Any]


def refuse(name: str, message: str) -> NoReturn:
    """Raises InvalidSignature about the input, output or class ``name``."""
    raise InvalidSignature(message, field=name)


def cleaned(name: str, key: str, value: Any, cleaners: Mapping[str, Clean]) -> Any:
    """``value`` of the property ``key`` as the signature holds it. Raises InvalidSignature."""
    if key not in cleaners:
        refuse(name, f'"{clean(key)}" of {clean(name)} cannot be edited; leave it out.')
    return cleaners[key](name, value)


def text_cleaner(key: str) -> Clean:
    """For a short text; spaces around it go, a help text alone keeps its lines, None empties it."""
    longest = LONGEST[key]

    def clean_text(name: str, value: Any) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            refuse(name, f"The {key} of {clean(name)} must be a text.")
        text = value.strip() if key == "help" else " ".join(value.split())
        if len(text) > longest:
            refuse(name, f"The {key} of {clean(name)} may have {longest} characters at most; shorten it.")
        if (BAD_TEXT if key == "help" else UNPRINTABLE).search(text):
            refuse(name, f"The {key} of {clean(name)} holds a character that cannot be stored; remove it.")
        return text

    return clean_text


def number_cleaner(key: str) -> Clean:
    """For a limit; None removes it."""
    shown = key.replace("_", " ")

    def clean_number(name: str, value: Any) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            refuse(name, f"The {shown} of {clean(name)} must be a number.")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            refuse(name, f"The {shown} of {clean(name)} must be an ordinary number.")
        return number

    return clean_number


def whole_cleaner(key: str, low: int, high: int, *, empty: int | None) -> Clean:
    """For a whole number from ``low`` to ``high``; None means ``empty``."""
    shown = {"max_length": "longest text", "order": "place"}.get(key, key)

    def clean_whole(name: str, value: Any) -> int | None:
        if value is None:
            return empty
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or value != value or value in (math.inf, -math.inf) or value != int(value):
            refuse(name, f"The {shown} of {clean(name)} must be a whole number.")
        if not low <= value <= high:
            refuse(name, f"The {shown} of {clean(name)} must be from {low} to {high}.")
        return int(value)

    return clean_whole


def flag_cleaner(key: str) -> Clean:
    """For true or false."""

    def clean_flag(name: str, value: Any) -> bool:
        if not isinstance(value, bool):
            refuse(name, f'"{key}" of {clean(name)} must be true or false.')
        return value

    return clean_flag


def clean_unseen(name: str, value: Any) -> str:
    """What a category outside the choices does."""
    if value not in ("refuse", "warn"):
        refuse(name, f'What {clean(name)} does with an unknown choice must be "refuse" or "warn".')
    return str(value)


def as_given(name: str, value: Any) -> Any:
    """For values that the field itself checks afterwards."""
    del name
    return value


def clean_choices(name: str, value: Any) -> tuple[Choice, ...]:
    """Choices from ``[{"value": …, "label": …}, …]`` or plain values."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        refuse(name, f"Give the choices of {clean(name)} as a list.")
    if len(value) > MOST_CHOICES:
        refuse(name, f"{clean(name)} may have {MOST_CHOICES:,} choices at most.")
    return tuple(_choice(name, item) for item in value)


def _choice(name: str, item: Any) -> Choice:
    label: Any = ""
    if isinstance(item, Choice):
        item, label = item.value, item.label
    elif isinstance(item, Mapping):
        if not item.keys() <= {"value", "label"}:
            refuse(name, f"A choice of {clean(name)} has a value and a label, nothing else.")
        item, label = item.get("value"), item.get("label")
    return Choice(_scalar(name, item), text_cleaner("label")(name, label))


def _scalar(name: str, value: Any) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        refuse(name, f"A choice of {clean(name)} must be an ordinary number.")
    if isinstance(value, str) and BAD_TEXT.search(value):
        refuse(name, f"A choice of {clean(name)} holds a character that cannot be stored; remove it.")
    if not isinstance(value, str | int | float | bool):
        refuse(name, f"A choice of {clean(name)} must be a text, a number, or true or false.")
    return value


FIELD_CLEANERS: dict[str, Clean] = {
    **{key: text_cleaner(key) for key in ("label", "unit", "help", "group")},
    **{key: number_cleaner(key) for key in ("minimum", "maximum", "soft_minimum", "soft_maximum")},
    **{key: flag_cleaner(key) for key in ("required", "nullable")},
    "order": whole_cleaner("order", -1_000_000, 1_000_000, empty=0),
    "max_length": whole_cleaner("max_length", 1, LONGEST_TEXT, empty=2000),
    "unseen": clean_unseen,
    "choices": clean_choices,
    "kind": as_given,
    "default": as_given,
    "example": as_given,
}


def clean_transform(name: str, value: Any) -> str:
    """The inverse of what was done to the target before it was learned."""
    if value is None or value == "":
        return ""
    if value not in TRANSFORMS:
        refuse(name, f"The transform of {clean(name)} must be {either(TRANSFORMS)}, or none.")
    return str(value)


def clean_factor(name: str, value: Any) -> float:
    """None means 1; 0 would answer the same to everything."""
    number = number_cleaner("factor")(name, value)
    if number == 0:
        refuse(name, f"The factor of {clean(name)} cannot be 0.")
    return 1.0 if number is None else number


def clean_offset(name: str, value: Any) -> float:
    """None means 0."""
    return number_cleaner("offset")(name, value) or 0.0


def clean_threshold(name: str, value: Any) -> float | None:
    """A probability; None leaves the answer to the estimator."""
    number: float | None = number_cleaner("threshold")(name, value)
    if number is not None and not 0 < number < 1:
        refuse(name, f"The threshold of {clean(name)} must lie between 0 and 1.")
    return number


OUTPUT_CLEANERS: dict[str, Clean] = {
    **{key: text_cleaner(key) for key in ("label", "unit", "help")},
    "decimals": whole_cleaner("decimals", 0, MOST_DECIMALS, empty=None),
    "classes": as_given,
    "threshold": clean_threshold,
    "transform": clean_transform,
    "factor": clean_factor,
    "offset": clean_offset,
}
