"""Checking stays cheap. The bounds are about seven times what an idle machine takes, so that a busy one passes too."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from time import process_time

from predictions.signature.fields import Field
from predictions.signature.validation import Validator
from tests.signature.builders import signature_of

NAMES = [f"feature {number}" for number in range(30)]
VALIDATOR = Validator(
    signature_of(
        *(Field(name=name, kind="number", minimum=0, soft_minimum=1, soft_maximum=90) for name in NAMES)
    )
)
ROW = {name: 2.5 + place for place, name in enumerate(NAMES)}


def _best_seconds(call: Callable[[], object], times: int) -> float:
    return min(timeit.repeat(call, number=times, repeat=10, timer=process_time)) / times


def test_one_row_of_thirty_numbers_takes_microseconds() -> None:
    assert _best_seconds(lambda: VALIDATOR.check_payload([ROW], max_rows=1), 200) < 30e-6


def test_a_thousand_rows_of_thirty_numbers_take_milliseconds() -> None:
    rows = [dict(ROW) for _ in range(1000)]
    assert _best_seconds(lambda: VALIDATOR.check_payload(rows, max_rows=1000), 1) < 25e-3


def test_ten_thousand_columns_take_milliseconds() -> None:
    names = [f"feature {number}" for number in range(10_000)]
    wide = Validator(signature_of(*(Field(name=name, kind="number") for name in names)))
    row = dict.fromkeys(names, 1.5)
    assert _best_seconds(lambda: wide.check_row(row), 1) < 10e-3
