"""How values, limits and lists read in a sentence for people."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from predictions.signature.fields import Field
from predictions.values import Value

SHOWN_TEXT = 60
"""Longest piece of somebody's text that is repeated in a message."""

LIMIT_DIGITS = 6
VALUE_DIGITS = 17
CLOSE_UNITS = ("%", "‰", "°")

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


def tidy(number: float, digits: int = LIMIT_DIGITS) -> str:
    """A number without noise: 6.980999946594238 reads 6.981, 3.0 reads 3; whole numbers below 1e15 stay whole."""
    if isinstance(number, bool):
        return str(number)
    if isinstance(number, int) and abs(number) < 10**19:
        return str(number)
    if isinstance(number, int):
        return f"a whole number of {_digits_of(number)} digits"
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    short = float(f"{number:.{digits}g}")
    if short.is_integer() and abs(short) < 1e15:
        return str(int(short))
    return repr(short)


def _digits_of(number: int) -> int:
    return int(number.bit_length() * 0.30103) + 1


def with_unit(text: str, unit: str) -> str:
    """``40`` and ``mm`` give ``40 mm``; percent and degree signs stand close."""
    if not unit:
        return text
    return f"{text}{unit}" if unit in CLOSE_UNITS else f"{text} {unit}"


def limit(number: float, field: Field, beside: float | None = None) -> str:
    """A limit with its unit; in full when rounding would move it up to or past ``beside``, the value it is told for."""
    text = tidy(number)
    if beside is not None and beside != number:
        rounded = float(text)
        if rounded == beside or (rounded > beside) != (number > beside):
            text = tidy(number, VALUE_DIGITS)
    return with_unit(text, field.unit)


def given(number: float, field: Field) -> str:
    """A value exactly as it was given, with its unit."""
    return with_unit(tidy(number, VALUE_DIGITS), field.unit)


def clean(text: str, longest: int = SHOWN_TEXT) -> str:
    """Somebody's text made safe to repeat: one line, printable, cut."""
    cut = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return UNPRINTABLE.sub("�", cut)


def quoted(value: Value) -> str:
    """A value as it may be repeated in a message: texts in quotes, so that "1" and 1 differ."""
    if isinstance(value, str):
        return f'"{clean(value)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return tidy(value, VALUE_DIGITS)
    if value is None:
        return "null"
    return "a list" if isinstance(value, list | tuple) else "an object"


def either(texts: Sequence[str]) -> str:
    """``a``, ``a or b``, ``a, b or c``."""
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} or {texts[-1]}"


def text_of(value: Value) -> str:
    """A value as one types it in a form or writes it in a CSV file; read again it is the same value.

    None gives an empty text, true and false those words, a tensor its JSON.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json_text(value)


def json_text(value: Value) -> str:
    """A value as JSON on one line, letters of any script as they are."""
    return json.dumps(value, ensure_ascii=False)
