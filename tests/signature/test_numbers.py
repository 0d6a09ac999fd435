"""Number and whole-number fields."""

from __future__ import annotations

from typing import Any

import pytest

from predictions.values import SoftWarning
from tests.signature.builders import check, check_text, field_of, refusal, text_refusal

NUMBER = field_of("number", unit="mm")
WHOLE = field_of("integer")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (" 12 ", 12.0),
        ("\N{NO-BREAK SPACE}12\n", 12.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("+5", 5.0),
        ("\N{MINUS SIGN}1.5", -1.5),
        ("\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH FULL STOP}\N{FULLWIDTH DIGIT FIVE}", 1.5),
        ("-0", 0.0),
        ("1E-3", 0.001),
    ],
)
def test_a_number_is_read_as_people_write_it(text: str, number: float) -> None:
    (value,) = check_text(NUMBER, text).values
    assert (type(value), value) == (float, number)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("1,5", "write 1.5"),
        (",5", "write 0.5"),
        ("-1,25", "write -1.25"),
        ("1,234.5", "write 1234.5 without separators"),
        ("1,234,567", "write 1234567 without separators"),
        ("1,234", "write 1234 without a separator, or 1.234 for a fraction"),
        ("1.234,5", "write 1234.5 without separators"),
        ("1.234.567", "write 1234567 without separators"),
        ("1 234", "write 1234 without separators"),
        ("1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567.5", "write 1234567.5 without separators"),
        ("1'234", "write 1234 without separators"),
        ("1_000", "write 1000 without separators"),
        ("12 mm", 'write 12 without "mm"'),
        ("50%", 'write 50 without "%"'),
    ],
)
def test_a_number_in_another_notation_is_refused_with_what_to_write(text: str, advice: str) -> None:
    assert text_refusal(NUMBER, text) == ("not_a_number", f"Mean radius must be a number; {advice}.")
    assert refusal(NUMBER, text) == ("not_a_number", f"Mean radius must be a number; {advice}.")


@pytest.mark.parametrize("text", ["abc", "1.5.2", "1e", "--1", "0x10", "NA", "1/2", "1_0", "12 13", "$5"])
def test_what_is_no_number_is_repeated_in_the_message(text: str) -> None:
    assert text_refusal(NUMBER, text) == ("not_a_number", f'Mean radius must be a number; "{text}" is not.')


def test_a_number_in_quotes_is_refused_in_json() -> None:
    expected = ("not_a_number", "Mean radius must be a number; send 1.5 without quotes.")
    assert refusal(NUMBER, "1.5") == expected


@pytest.mark.parametrize("value", [True, False, [1.0], {"a": 1}])
def test_other_json_values_are_no_number(value: Any) -> None:
    assert refusal(NUMBER, value)[0] == "not_a_number"
    assert refusal(WHOLE, value)[0] == "not_a_number"


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan", "inf", "-Infinity", "INF", "1e400"])
def test_nan_and_infinity_are_refused_on_every_face(text: str) -> None:
    message = "Mean radius cannot be NaN or infinite; give an ordinary number."
    assert text_refusal(NUMBER, text) == ("not_finite", message)
    assert refusal(NUMBER, float(text)) == ("not_finite", message)
    assert refusal(WHOLE, float(text))[0] == "not_finite"


def test_nan_in_a_nullable_field_says_how_to_leave_it_out() -> None:
    code, message = refusal(field_of("number", nullable=True), float("nan"))
    assert code == "not_finite"
    assert message == "Mean radius cannot be NaN or infinite; leave it empty (null) when it is not known."


def test_a_whole_number_in_a_number_field_becomes_a_float() -> None:
    (value,) = check(NUMBER, 12).values
    assert (type(value), value) == (float, 12.0)


@pytest.mark.parametrize("value", [3, 3.0])
def test_a_whole_number_field_takes_whole_floats(value: float) -> None:
    (checked,) = check(WHOLE, value).values
    assert (type(checked), checked) == (int, 3)


@pytest.mark.parametrize("text", ["3", "3.0", "3e0", " 3 ", "+3"])
def test_a_whole_number_field_reads_whole_texts(text: str) -> None:
    (checked,) = check_text(WHOLE, text).values
    assert (type(checked), checked) == (int, 3)


def test_a_fraction_is_not_a_whole_number() -> None:
    expected = ("not_an_integer", "Mean radius must be a whole number; 3.5 is not.")
    assert refusal(WHOLE, 3.5) == expected
    assert text_refusal(WHOLE, "3.5") == expected


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**400, 1e19])
def test_a_whole_number_beyond_64_bits_is_out_of_range(value: float) -> None:
    assert refusal(WHOLE, value)[0] == "out_of_range"


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63)])
def test_the_largest_whole_numbers_pass_exactly(value: int) -> None:
    assert check(WHOLE, value).values == (value,)
    assert check_text(WHOLE, str(value)).values == (value,)


def test_digits_without_end_are_out_of_range_and_not_an_accident() -> None:
    assert refusal(NUMBER, 10**400)[0] == "out_of_range"
    assert text_refusal(NUMBER, "1" + "0" * 400)[0] == "out_of_range"
    assert text_refusal(NUMBER, "-" + "9" * 100_000)[0] == "out_of_range"
    assert text_refusal(WHOLE, "9" * 100_000)[0] == "out_of_range"


def test_null_needs_a_nullable_field() -> None:
    assert refusal(NUMBER, None) == ("null", "Mean radius cannot be null; give a value.")
    assert check(field_of("number", nullable=True), None).values == (None,)


LIMITED = field_of("number", unit="mm", minimum=0, maximum=100)


@pytest.mark.parametrize(
    ("value", "code"), [(-0.5, "below_minimum"), (-1, "below_minimum"), (100.5, "above_maximum")]
)
def test_hard_limits_are_errors_with_the_unit(value: float, code: str) -> None:
    message = f"Mean radius must be between 0 and 100 mm; {value:g} mm was given."
    assert refusal(LIMITED, value) == (code, message)


@pytest.mark.parametrize("value", [0, 0.0, 100, 100.0])
def test_a_limit_itself_is_allowed(value: float) -> None:
    assert check(LIMITED, value).values == (value,)


def test_one_sided_limits_read_naturally() -> None:
    assert refusal(field_of("integer", minimum=18), 17) == (
        "below_minimum",
        "Mean radius must be 18 or more; 17 was given.",
    )
    assert refusal(field_of("integer", maximum=99, unit="%"), 100) == (
        "above_maximum",
        "Mean radius must be 99% or less; 100% was given.",
    )


TRAINED = field_of("number", unit="mm", soft_minimum=6.980999946594238, soft_maximum=28.110000610351562)


@pytest.mark.parametrize(
    ("value", "code"),
    [(40.0, "above_training_range"), (40, "above_training_range"), (1.5, "below_training_range")],
)
def test_soft_limits_are_warnings_in_tidy_numbers(value: float, code: str) -> None:
    row = check(TRAINED, value)
    message = f"Mean radius is {value:g} mm; the training data went from 6.981 to 28.11 mm."
    assert row.values == (value,)
    assert row.warnings == (SoftWarning("mean_radius", code, message),)


@pytest.mark.parametrize(
    ("soft_minimum", "value", "shown"),
    [
        (0.12345642, 0.12345641, "is 0.12345641; the training data started at 0.12345642."),
        (0.30000000000000004, 0.3, "is 0.3; the training data started at 0.30000000000000004."),
        (6.980999946594238, 6.9, "is 6.9; the training data started at 6.981."),
    ],
)
def test_a_limit_is_rounded_only_as_far_as_the_sentence_stays_true(
    soft_minimum: float, value: float, shown: str
) -> None:
    (warning,) = check(field_of("number", soft_minimum=soft_minimum), value).warnings
    assert warning.message == f"Mean radius {shown}"


def test_inside_the_training_range_nothing_is_said() -> None:
    assert check(TRAINED, 12.5).warnings == ()


def test_hard_limits_come_before_soft_ones() -> None:
    field = field_of("number", minimum=0, soft_minimum=5)
    assert refusal(field, -1)[0] == "below_minimum"
    assert check(field, 3).warnings[0].code == "below_training_range"
    assert check(field, 3).warnings[0].message == "Mean radius is 3; the training data started at 5."
