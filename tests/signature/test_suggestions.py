"""Which known word is suggested for a misspelt one."""

from __future__ import annotations

import time

import pytest

from predictions.errors import InvalidRows
from predictions.signature.fields import Field
from predictions.signature.suggestions import suggestion
from predictions.signature.validation import Validator
from tests.signature.builders import signature_of

NAMES = ["mean radius", "mean texture", "Age", "sepal length (cm)"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("mean_radius", "mean radius"),
        ("Mean Radius", "mean radius"),
        ("mean raduis", "mean radius"),
        ("age", "Age"),
        ("sepal_length_cm", "sepal length (cm)"),
        ("texture", "mean texture"),
        ("weight", None),
        ("", None),
        ("x" * 5000, None),
    ],
)
def test_the_nearest_name_is_meant(word: str, meant: str | None) -> None:
    assert suggestion(word, NAMES) == meant


def test_a_name_is_never_suggested_for_itself() -> None:
    assert suggestion("Age", ["Age"]) is None


def test_ten_thousand_misspelt_columns_are_refused_quickly() -> None:
    wide = signature_of(*(Field(name=f"feature_{number}", kind="number") for number in range(10_000)))
    validator = Validator(wide)
    row = {f"faeture_{number}": 1.0 for number in range(10_000)}
    begun = time.perf_counter()
    with pytest.raises(InvalidRows):
        validator.check_row(row)
    with pytest.raises(InvalidRows):
        validator.check_row({f"feature_{number}": 1.0 for number in range(10_000)} | row)
    assert time.perf_counter() - begun < 1.0
