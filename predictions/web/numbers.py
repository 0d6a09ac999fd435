"""Numbers as the reader writes them."""

from __future__ import annotations

from typing import Any

from django.utils.formats import number_format

EXACT_WHOLE = 1e15
"""Whole numbers above this are not exact as floats."""


def shown_number(value: Any, decimals: int | None = None) -> str:
    """As many decimals as its owner wants, else six significant digits: 28.110000610351562 reads 28.11."""
    if not _is_number(value):
        return str(value)
    if decimals is not None:
        return number_format(value, decimals)
    if isinstance(value, int):
        return number_format(value)
    return exact_number(float(f"{value:.6g}"))


def exact_number(value: Any) -> str:
    """Every digit of it, without a needless ``.0``."""
    if not _is_number(value):
        return str(value)
    whole = isinstance(value, float) and value.is_integer() and abs(value) < EXACT_WHOLE
    return number_format(int(value) if whole else value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
