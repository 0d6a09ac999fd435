"""Calculations that owners write: what they give, what is refused, and that nothing else is ever run."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from predictions.errors import InvalidSignature
from predictions.signature.expression_functions import FUNCTIONS, Failed
from predictions.signature.expressions import Name, compiled, parsed

NAMES = {
    "age": Name(0, "number"),
    "sex": Name(1, "text"),
    "1st Flr SF": Name(2, "number"),
    "when": Name(3, "text"),
    "smoker": Name(4, "truth"),
    "none": Name(5, "number"),
    "mixed": Name(6, "any"),
}
ROW: list[Any] = [40.0, "male", 856.0, "2024-05-06 10:30:00", True, None, "a"]


def worked_out(text: str, row: list[Any] = ROW) -> Any:
    return compiled(parsed(text), NAMES).run(row)


def refused(text: str) -> str:
    with pytest.raises(InvalidSignature) as raised:
        compiled(parsed(text), NAMES)
    return raised.value.message


def failed(text: str, row: list[Any] = ROW) -> str:
    with pytest.raises(Failed) as raised:
        worked_out(text, row)
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("age * 2 + 1", 81.0),
        ("-age", -40.0),
        ("+age / 3", 40.0 / 3),
        ("age // 7", 5.0),
        ("age % 7", 5.0),
        ("age ** 2", 1600.0),
        ("2 ** 10", 1024),
        ("`1st Flr SF` + age", 896.0),
        ('1 if sex == "male" else 0', 1),
        ("1 if `sex` in ['m', 'male'] else 0", 1),
        ("sex not in ['m', 'male']", False),
        ("0 < age <= 40", True),
        ("not age > 39 or smoker", True),
        ("age > 39 and sex != 'male'", False),
        ("smoker + 1", 2),
        ("log(age)", math.log(40.0)),
        (
            "log1p(age) - expm1(0.1) + exp(1) + log10(100) + log2(8)",
            math.log1p(40) - math.expm1(0.1) + math.e + 5,
        ),
        ("sqrt(age) + abs(-2) + sin(pi) + cos(0)", math.sqrt(40) + 3 + math.sin(math.pi)),
        ("min(age, 3, 5) + max(1, 2)", 5),
        ("round(age / 3, 2) + round(2.5) + floor(1.7) + ceil(1.2)", 13.33 + 2 + 1 + 2),
        ("clip(age, 0, 30)", 30),
        ("days('2024-01-01', when)", 126),
        ("seconds('2024-05-06T10:29:00', when)", 60.0),
        ("weekday(when) + hour(when) * 100 + minute(when)", 0 + 1000 + 30),
        ("year(when) + month(when) + day(when)", 2024 + 5 + 6),
        ("hour('17:45')", 17),
        ("days('2024-01-02T00:00+02:00', '2024-01-02')", 0),
        ("length(lower(strip(' AbC ')))", 3),
        ("number('12.5') * 2", 25.0),
        ("upper('é') == 'É'", True),
        ("is_missing(none)", True),
        ("coalesce(none, age)", 40.0),
        ("none + 1", None),
        ("log(none)", None),
        ("1 if none > 3 else 0", None),
        ("none > 3 and age < 0", False),
        ("none > 3 or age > 0", True),
        ("none > 3 and age > 0", None),
        ("not none", None),
        ("None", None),
        ("haversine(48.137, 11.575, 52.52, 13.405)", 504.2),
        ("'a\\\\b' == 'a\\\\b'", True),
        ("(age +\n 1)", 41.0),
    ],
)
def test_what_an_expression_gives(text: str, value: Any) -> None:
    found = worked_out(text)
    assert found == pytest.approx(value, abs=0.2 if "haversine" in text else 1e-12)
    assert (found is None) == (value is None)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("agee * 2", 'did you mean "age"?'),
        ("age + sex", "sex is a text"),
        ("sex == 1", "compares a text with a number"),
        ("sex in [1, 2]", "compares a text with a number"),
        ("age.real", "no point behind a name"),
        ("age[0]", "no brackets"),
        ("lambda: 1", "no lambda"),
        ("[age]", "a list only behind in"),
        ("f'{age}'", "no f-text"),
        ("(age := 2)", "no :="),
        ("open('x')", "There is no"),
        ("__import__('os')", "no such function"),
        ("age()", "There is no"),
        ("sqrt", "write sqrt(…)"),
        ("log(age, 2)", "takes 1 value; 2 are given"),
        ("min(age)", "takes 2 or more"),
        ("log(x=age)", "without names"),
        ("log(*[age])", "without names"),
        ("log(sex)", "log() needs a number; sex is not."),
        ("hour(age)", "hour() needs a text; age is not."),
        ("~smoker", "Write not instead of ~."),
        ("age & 1", "write and, or, not"),
        ("age is None", "is_missing"),
        ("age in sex", "Write a list behind in"),
        ("age in [1] < 3", "by itself"),
        ("not sex", "is a text and no condition"),
        ("1j * age", "ordinary numbers"),
        ("b'a'", "ordinary numbers"),
        ("...", "ordinary numbers"),
        ("1e999", "larger number"),
        ("9" * 400, "larger number"),
        ("", "Write an expression"),
        ("  # only words", "Write it like"),
        ("age +", "This is no expression"),
        ("age; age", "This is no expression"),
        ("import os", "This is no expression"),
        ("'open", "opened and not closed"),
        ("`open", "opened and not closed"),
        ("age" + " + 1" * 400, "too long or too deep"),
        ("-" * 300 + "age", "too long or too deep"),
        ("1+" * 1500 + "1", "characters at most"),
        ("(" * 900 + "1", "This is no expression"),
    ],
)
def test_what_is_refused_says_what_to_write(text: str, part: str) -> None:
    message = refused(text)
    assert part.lower() in message.lower()
    assert "Error" not in message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 / (age - 40)", "it divides by 0"),
        ("age // 0", "it divides by 0"),
        ("age % 0", "it divides by 0"),
        ("0.0 ** -1", "it divides by 0"),
        ("log(age - 40)", "log() needs a number above 0"),
        ("log1p(-age)", "log1p() needs a number above -1"),
        ("sqrt(-age)", "sqrt() needs 0 or more"),
        ("exp(age * 100)", "larger than can be held"),
        ("9 ** 9 ** 9 ** 9", "larger than can be held"),
        ("1e308 * 10", "larger than can be held"),
        ("(-age) ** 0.5", "no ordinary number"),
        ("mixed * 2", "calculates with a text"),
        ("2 * mixed", "calculates with a text"),
        ("mixed + mixed", "calculates with a text"),
        ("mixed > 2", "a text for a number"),
        ("1 if mixed else 2", "a text stands where a condition should"),
        ("log(mixed)", "log() needs a number"),
        ("hour(sex)", "not written like 2026-11-28"),
        ("number(sex)", "no number"),
        ("round(age, 99)", "whole digits"),
    ],
)
def test_a_case_without_a_result_says_why(text: str, why: str) -> None:
    assert why in failed(text)


def test_large_whole_numbers_become_floats_instead_of_growing() -> None:
    found = worked_out("(2 ** 60) * (2 ** 60) * (2 ** 60)")
    assert type(found) is float
    assert found == 2.0**180


def test_a_power_of_powers_is_worked_out_at_once() -> None:
    begun = time.perf_counter()
    with pytest.raises(Failed):
        worked_out("((9 ** 60) ** 60) ** 60 ** 60")
    assert time.perf_counter() - begun < 0.1


pieces = st.one_of(
    st.sampled_from(
        [
            *NAMES,
            *FUNCTIONS,
            "`1st Flr SF`",
            "__import__",
            "eval",
            "open",
            "os",
            "__class__",
            "1",
            "9**9",
            "1e308",
        ]
    ),
    st.sampled_from(list("+-*/%()[]{},.:;@=<>!~&|^'\"`\\#\n ")),
    st.sampled_from(
        [" if ", " else ", " and ", " or ", " not ", " in ", " is ", " for ", "lambda ", ":=", "**", "//"]
    ),
    st.text(max_size=5),
)
texts = st.lists(pieces, max_size=40).map("".join)


@given(text=texts)
@example("__import__('os').system('true')")
@example("().__class__.__bases__[0].__subclasses__()")
@example("[x for x in (1).__class__.__mro__]")
@example("'%s' % ('a' * 10 ** 9)")
@settings(max_examples=600, deadline=2000)
def test_any_text_is_refused_or_gives_a_plain_value_soon(text: str) -> None:
    try:
        found = worked_out(text)
    except (InvalidSignature, Failed):
        return
    assert found is None or type(found) in (bool, int, float, str)
    if isinstance(found, float):
        assert math.isfinite(found)
    if isinstance(found, int):
        assert abs(found) < 2**64


@given(text=st.text(max_size=60))
@settings(max_examples=300, deadline=2000)
def test_any_letters_are_refused_or_work(text: str) -> None:
    with suppress(InvalidSignature, Failed):
        worked_out(text)


@pytest.mark.parametrize(
    "name", ["open", "eval", "exec", "getattr", "compile", "print", "str", "vars", "__build_class__"]
)
def test_no_builtin_is_there(name: str) -> None:
    assert "There is no" in refused(f"{name}('age')")
    assert "There is no" in refused(name)


numbers = st.one_of(st.none(), st.floats(-1e3, 1e3), st.integers(-50, 50))


@given(first=numbers, second=numbers)
def test_a_missing_value_comes_out_wherever_it_goes_in(first: Any, second: Any) -> None:
    row = [first, "male", second, None, True, None, "a"]
    for sign in ("+", "-", "*"):
        found = worked_out(f"age {sign} `1st Flr SF`", row)
        if first is None or second is None:
            assert found is None
        else:
            wanted = {"+": first + second, "-": first - second, "*": first * second}[sign]
            assert found == wanted
