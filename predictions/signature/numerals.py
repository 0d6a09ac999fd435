"""Numbers as people write them in forms and spreadsheets."""

from __future__ import annotations

import math
import re

_ALIKE = str.maketrans(
    {
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},
        "\N{MINUS SIGN}": "-",
        "\N{FULLWIDTH HYPHEN-MINUS}": "-",
        "\N{SMALL HYPHEN-MINUS}": "-",
        "\N{FULLWIDTH PLUS SIGN}": "+",
        "\N{FULLWIDTH FULL STOP}": ".",
        "\N{FULLWIDTH COMMA}": ",",
        "\N{FULLWIDTH LATIN SMALL LETTER E}": "e",
        "\N{FULLWIDTH LATIN CAPITAL LETTER E}": "E",
    }
)
_WHOLE = re.compile(r"[+-]?\d+\Z")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)\Z", re.IGNORECASE)
_SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"
_GROUPED = re.compile(rf"[+-]?\d{{1,3}}(([{_SPACES}'’_])\d{{3}})(\2\d{{3}})*(\.\d+)?\Z")
_COMMAS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?\Z")
_POINTS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d*\Z|[+-]?\d{1,3}(\.\d{3}){2,}\Z")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?\Z")

MAX_DIGITS = 400
"""More digits than any number that a float can hold."""
BEYOND = 10**400
"""Stands for a whole number with more digits than that: it is refused as out of range like any such number."""
MAX_HINTED = 40


def read_numeral(text: str) -> int | float | None:
    """The number a text stands for, whole ones as int; None when it is none.

    Takes ``1.5``, ``1e3``, spaces around, a Unicode minus and full-width digits. Refuses what could be read in two
    ways: separators between thousands and a decimal comma. ``nan`` and ``inf`` give those floats.
    """
    plain = text.strip().translate(_ALIKE)
    if _WHOLE.match(plain):
        if len(plain) > MAX_DIGITS:
            return -BEYOND if plain.startswith("-") else BEYOND
        return int(plain)
    if _DECIMAL.match(plain) or _NOT_FINITE.match(plain):
        return float(plain)
    return None


def numeral_hint(text: str, unit: str = "") -> str:
    """What to write instead of a text that is not a number, or an empty text when there is no telling."""
    plain = text.strip().translate(_ALIKE)
    if len(plain) > MAX_HINTED:
        return ""
    number = read_numeral(plain)
    if number is not None and math.isfinite(number):
        return f"send {plain} without quotes"
    if _COMMAS.match(plain):
        return _comma_hint(plain)
    if _GROUPED.match(plain):
        return f"write {re.sub(rf'[{_SPACES}’_]', '', plain).replace(chr(39), '')} without separators"
    if _POINTS.match(plain):
        return f"write {plain.replace('.', '').replace(',', '.')} without separators"
    if _DECIMAL_COMMA.match(plain):
        return f"write {_with_point(plain)}"
    return _unit_hint(plain, unit)


def _comma_hint(plain: str) -> str:
    whole = plain.replace(",", "")
    if plain.count(",") == 1 and "." not in plain:
        return f"write {whole} without a separator, or {plain.replace(',', '.')} for a fraction"
    return f"write {whole} without separators"


def _with_point(plain: str) -> str:
    pointed = plain.replace(",", ".")
    return re.sub(r"^([+-]?)\.", r"\g<1>0.", pointed)


def _unit_hint(plain: str, unit: str) -> str:
    for ending in (unit, "%"):
        if ending and plain.endswith(ending):
            number = plain[: -len(ending)].strip()
            if read_numeral(number) is not None:
                return f'write {number} without "{ending}"'
    return ""
