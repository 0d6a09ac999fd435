"""What expressions may do: operators and functions over numbers, texts and missing values, each bounded.

None is a missing value and comes out wherever it goes in, but for the functions that are there to deal with it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from math import cos, isfinite, radians, sin, sqrt
from typing import Any, Literal, NamedTuple

from predictions.signature.bounds import INT64_HIGH, INT64_LOW
from predictions.signature.numerals import read_numeral
from predictions.values import Value

Sort = Literal["number", "text", "truth", "any"]
"""What a part of an expression gives: "truth" counts as 1 or 0 in calculations, "any" shows with the case."""

EARTH_KM = 6371.0
MOST_POWER = 64
MOST_BITS = 128
"""Powers of whole numbers are multiplied out up to here; beyond, a power is a float like any other."""


class Failed(Exception):
    """This case cannot be worked out; the text says why and goes on after "cannot be worked out: "."""


class Function(NamedTuple):
    """``takes``: the sorts of its arguments, the last one for all that follow. ``most`` arguments at most."""

    run: Callable[..., Value]
    least: int
    most: int
    takes: tuple[Sort, ...]
    gives: Sort
    knows_missing: bool = False


def number(value: Any) -> Value:
    """A result as it may go on: whole numbers beyond 64 bits as floats. Raises Failed for what no float holds."""
    if type(value) is float:
        if isfinite(value):
            return value
        raise Failed("the result is larger than can be held")
    if type(value) is int and not INT64_LOW <= value <= INT64_HIGH:
        return number(float(value))
    if isinstance(value, complex):
        raise Failed("a root of a number below 0 is no ordinary number")
    return value


def calculated(work: Callable[[Any, Any], Any]) -> Callable[[Value, Value], Value]:
    """An operator of two numbers that never multiplies or fills in texts."""

    def run(left: Value, right: Value) -> Value:
        if type(left) is str or type(right) is str:
            raise Failed("it calculates with a text")
        return number(work(left, right))

    return run


def _power(base: Any, exponent: Any) -> Any:
    is_whole = isinstance(exponent, int) and isinstance(base, int)
    if is_whole and 0 <= exponent <= MOST_POWER and base.bit_length() * exponent <= MOST_BITS:
        return base**exponent
    return float(base) ** float(exponent)


OPERATORS: dict[str, Callable[[Value, Value], Value]] = {
    "Add": calculated(operator.add),
    "Sub": calculated(operator.sub),
    "Mult": calculated(operator.mul),
    "Div": calculated(operator.truediv),
    "FloorDiv": calculated(operator.floordiv),
    "Mod": calculated(operator.mod),
    "Pow": calculated(_power),
}

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Eq": lambda left, right: bool(left == right),
    "NotEq": lambda left, right: bool(left != right),
    "Lt": operator.lt,
    "LtE": operator.le,
    "Gt": operator.gt,
    "GtE": operator.ge,
}


def moment(text: Any) -> datetime:
    """A date, a time or both as ISO 8601 writes them. Raises Failed."""
    plain = text.strip() if isinstance(text, str) else ""
    try:
        return datetime.fromisoformat(plain)
    except ValueError:
        pass
    try:
        return datetime.combine(date(1970, 1, 1), time.fromisoformat(plain))
    except ValueError:
        raise Failed("a date is not written like 2026-11-28 or 2026-11-28T14:30") from None


def _between(begin: str, end: str) -> timedelta:
    first, last = moment(begin), moment(end)
    if (first.tzinfo is None) != (last.tzinfo is None):
        first, last = (found if found.tzinfo else found.replace(tzinfo=UTC) for found in (first, last))
    return last - first


def _haversine(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    first, second = radians(lat1), radians(lat2)
    chord = sin((second - first) / 2) ** 2 + cos(first) * cos(second) * sin(radians(lon2 - lon1) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, sqrt(chord)))


def _rounded(value: float, digits: float = 0) -> float:
    if not -15 <= digits <= 15 or digits != int(digits):
        raise Failed("round() takes from -15 to 15 whole digits")
    return round(value, int(digits)) if digits else round(value)


def _above_zero(work: Callable[[float], float], name: str, least: float = 0.0) -> Callable[[float], float]:
    def run(value: float) -> float:
        if value <= least:
            raise Failed(f"{name}() needs a number above {least:g}")
        return work(value)

    return run


def _root(value: float) -> float:
    if value < 0:
        raise Failed("sqrt() needs 0 or more")
    return sqrt(value)


def _clipped(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _numeral(text: str) -> float:
    found = read_numeral(text)
    if found is None:
        raise Failed("number() got a text that is no number")
    return found


def _first(*values: Value) -> Value:
    return next((value for value in values if value is not None), None)


def _plain(work: Callable[..., Value], takes: tuple[Sort, ...], gives: Sort = "number") -> Function:
    return Function(work, len(takes), len(takes), takes, gives)


_MANY = 20
_ONE: tuple[Sort, ...] = ("number",)
_TEXT: tuple[Sort, ...] = ("text",)

FUNCTIONS: dict[str, Function] = {
    "log": _plain(_above_zero(math.log, "log"), _ONE),
    "log1p": _plain(_above_zero(math.log1p, "log1p", -1.0), _ONE),
    "log2": _plain(_above_zero(math.log2, "log2"), _ONE),
    "log10": _plain(_above_zero(math.log10, "log10"), _ONE),
    "exp": _plain(math.exp, _ONE),
    "expm1": _plain(math.expm1, _ONE),
    "sqrt": _plain(_root, _ONE),
    "sin": _plain(sin, _ONE),
    "cos": _plain(cos, _ONE),
    "abs": _plain(abs, _ONE),
    "floor": _plain(math.floor, _ONE),
    "ceil": _plain(math.ceil, _ONE),
    "round": Function(_rounded, 1, 2, _ONE, "number"),
    "min": Function(min, 2, _MANY, _ONE, "number"),
    "max": Function(max, 2, _MANY, _ONE, "number"),
    "clip": _plain(_clipped, ("number", "number", "number")),
    "haversine": _plain(_haversine, ("number", "number", "number", "number")),
    "days": _plain(lambda begin, end: _between(begin, end).days, ("text", "text")),
    "seconds": _plain(lambda begin, end: _between(begin, end).total_seconds(), ("text", "text")),
    "year": _plain(lambda text: moment(text).year, _TEXT),
    "month": _plain(lambda text: moment(text).month, _TEXT),
    "day": _plain(lambda text: moment(text).day, _TEXT),
    "weekday": _plain(lambda text: moment(text).weekday(), _TEXT),
    "hour": _plain(lambda text: moment(text).hour, _TEXT),
    "minute": _plain(lambda text: moment(text).minute, _TEXT),
    "length": _plain(len, _TEXT),
    "lower": _plain(str.lower, _TEXT, "text"),
    "upper": _plain(str.upper, _TEXT, "text"),
    "strip": _plain(str.strip, _TEXT, "text"),
    "number": _plain(_numeral, _TEXT),
    "is_missing": Function(lambda value: value is None, 1, 1, ("any",), "truth", knows_missing=True),
    "coalesce": Function(_first, 2, _MANY, ("any",), "any", knows_missing=True),
}

CONSTANTS: dict[str, Value] = {"pi": math.pi}
