"""What a value can hold on its way through JSON, PostgreSQL and an estimator."""

from __future__ import annotations

import re
from math import isfinite

INT64_LOW = -(2**63)
INT64_HIGH = 2**63 - 1
LARGEST = 1.7976931348623157e308
"""Largest finite 64-bit float."""

BAD_TEXT = re.compile("[\x00\ud800-\udfff]")
"""PostgreSQL's jsonb holds neither NUL nor half of a surrogate pair."""

MAX_ELEMENTS = 1_000_000
"""Elements of one tensor; a color picture of 224 x 224 has 150,528."""


def is_finite(number: int | float) -> bool:
    """True for what a 64-bit float can hold; also for whole numbers of any length."""
    try:
        return isfinite(number)
    except OverflowError:
        return False
