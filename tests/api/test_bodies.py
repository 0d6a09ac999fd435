"""Reading JSON bodies."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from predictions.api.bodies import decode
from predictions.errors import InvalidRequest

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_json_can_say_is_read_as_the_standard_library_reads_it(value: Any) -> None:
    body = json.dumps(value, ensure_ascii=False).encode()
    assert decode(body) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"[1,]", "invalid_json"),
        (b"{'a': 1}", "invalid_json"),
        (b'{"a": 1} x', "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b'"\xff"', "invalid_json"),
        (b'"\\ud800"', "invalid_json"),
        (b"[" + b"9" * 5000 + b"]", "invalid_json"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
        (b"[" * 21 + b"]" * 21, "too_deep"),
        (b"NaN" + b"[" * 100_000, "invalid_json"),
        (b"[NaN," * 30 + b"1" + b"]" * 30, "too_deep"),
        (b'{"a": 1, "a": 2}', "duplicate_name"),
        (b'{"inputs": [{"a": 1, "b": ":", "a": 2}]}', "duplicate_name"),
        (b'{"a": 1, "\\u0061": 2}', "duplicate_name"),
    ],
)
def test_each_fault_has_its_code(body: bytes, code: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(body)
    assert caught.value.code == code


def test_a_syntax_error_is_told_with_its_place() -> None:
    with pytest.raises(InvalidRequest, match="line 3, column 3"):
        decode(b'{"a": 1,\n"b": [\n  x]}')


def test_a_duplicate_is_told_by_name() -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode(b'{"age": 1, "age": 2}')
    assert caught.value.field == "age"


def test_the_depth_that_is_allowed_is_read(settings: Settings) -> None:
    settings.MAX_JSON_DEPTH = 3
    assert decode(b"[[[1]]]") == [[[1]]]
    with pytest.raises(InvalidRequest):
        decode(b"[[[[1]]]]")


def test_numbers_that_are_not_finite_pass_to_be_told_of_by_field() -> None:
    first, second, third = decode(b"[NaN, Infinity, -1e999]")
    assert math.isnan(first)
    assert (second, third) == (math.inf, -math.inf)


def test_a_byte_order_mark_does_no_harm() -> None:
    assert decode(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_whole_numbers_keep_every_digit() -> None:
    assert decode(b"[12345678901234567890123]") == [12345678901234567890123]


def test_colons_inside_texts_do_no_harm() -> None:
    assert decode(b'{"a:b": "12:30", "c": [{"d": ":"}]}') == {"a:b": "12:30", "c": [{"d": ":"}]}
