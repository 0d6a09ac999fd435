"""Choices, yes/no and text fields."""

from __future__ import annotations

from typing import Any

import pytest

from predictions.signature.fields import Choice
from predictions.values import SoftWarning
from tests.signature.builders import check, check_text, field_of, refusal, text_refusal

YES_NO = field_of("boolean")
PORT = field_of("choice", choices=(Choice("C", "Cherbourg"), Choice("Q"), Choice("S", "Southampton")))
DOORS = field_of("choice", choices=(Choice(3), Choice(5)))
TEXT = field_of("text", max_length=5)


@pytest.mark.parametrize(
    ("value", "truth"), [(True, True), (False, False), (1, True), (0, False), (1.0, True)]
)
def test_a_boolean_takes_truth_and_zero_or_one(value: Any, truth: bool) -> None:
    assert check(YES_NO, value).values[0] is truth


@pytest.mark.parametrize("text", ["yes", "Yes", "true", "TRUE", "1", "on", " y ", "t", "1.0"])
def test_a_boolean_reads_words_for_yes(text: str) -> None:
    assert check_text(YES_NO, text).values[0] is True


@pytest.mark.parametrize("text", ["no", "false", "0", "off", "N", "f"])
def test_a_boolean_reads_words_for_no(text: str) -> None:
    assert check_text(YES_NO, text).values[0] is False


@pytest.mark.parametrize("value", [2, 0.5, "maybe", [], float("nan")])
def test_anything_else_is_no_boolean(value: Any) -> None:
    assert refusal(YES_NO, value)[0] == "not_a_boolean"


def test_a_text_that_is_no_boolean_is_repeated() -> None:
    message = 'Mean radius must be yes or no (true or false); "maybe" is neither.'
    assert text_refusal(YES_NO, "maybe") == ("not_a_boolean", message)


def test_a_choice_is_matched_by_its_value() -> None:
    assert check(PORT, "S").values == ("S",)
    assert check_text(PORT, "S").values == ("S",)


def test_an_unknown_choice_lists_the_choices_and_what_may_be_meant() -> None:
    message = (
        'Mean radius cannot be "s"; choose "C" (Cherbourg), "Q" or "S" (Southampton) (did you mean "S"?).'
    )
    assert refusal(PORT, "s") == ("unknown_choice", message)
    assert text_refusal(PORT, "s") == ("unknown_choice", message)


def test_a_label_for_a_value_is_recognized_in_the_hint() -> None:
    assert '(did you mean "C"?)' in refusal(PORT, "Cherburg")[1]


def test_ten_choices_are_listed_and_the_rest_counted() -> None:
    field = field_of("choice", choices=tuple(Choice(f"town {number}") for number in range(40)))
    message = refusal(field, "xyz")[1]
    assert message.endswith('"town 8", "town 9" or one of 30 more.')


@pytest.mark.parametrize(("value", "chosen"), [(3, 3), (3.0, 3), (5, 5)])
def test_equal_numbers_are_the_same_choice(value: Any, chosen: int) -> None:
    (checked,) = check(DOORS, value).values
    assert (type(checked), checked) == (int, chosen)


@pytest.mark.parametrize("text", ["3", "3.0", " 3 "])
def test_number_choices_are_read_from_texts(text: str) -> None:
    (checked,) = check_text(DOORS, text).values
    assert (type(checked), checked) == (int, 3)


@pytest.mark.parametrize("value", ["3", True, 4, None, [3], float("nan")])
def test_other_types_are_no_number_choice(value: Any) -> None:
    assert refusal(DOORS, value)[0] == ("null" if value is None else "unknown_choice")


def test_a_number_is_no_text_choice_and_the_hint_shows_the_quotes() -> None:
    field = field_of("choice", choices=(Choice("1"), Choice("2")))
    message = 'Mean radius cannot be 1; choose "1" or "2" (did you mean "1"?).'
    assert refusal(field, 1) == ("unknown_choice", message)
    assert check_text(field, "1").values == ("1",)


def test_true_is_not_the_choice_one() -> None:
    assert refusal(field_of("choice", choices=(Choice(1), Choice(0))), True)[0] == "unknown_choice"


@pytest.mark.parametrize("text", ["true", "yes", "1"])
def test_choices_of_true_and_false_are_read_like_a_boolean(text: str) -> None:
    field = field_of("choice", choices=(Choice(True), Choice(False)))
    assert check_text(field, text).values[0] is True
    assert check(field, 1).values[0] is True


def test_an_unseen_category_may_go_on_with_a_warning() -> None:
    field = field_of("choice", choices=PORT.choices, unseen="warn")
    warning = SoftWarning(
        "mean_radius", "unseen_category", 'Mean radius is "X", which the training data did not have.'
    )
    assert check(field, "X").values == ("X",)
    assert check(field, "X").warnings == (warning,)
    assert check_text(field, "X").warnings == (warning,)
    assert check(field, "S").warnings == ()


def test_a_number_among_texts_is_the_text_that_one_would_write_for_it() -> None:
    field = field_of("choice", choices=(Choice("3"), Choice("many")), unseen="warn")
    assert (check(field, 3).values, check(field, 3).warnings) == (("3",), ())
    assert check(field, 4.0).values == ("4",)
    assert check(field, 4).warnings[0].code == "unseen_category"
    assert refusal(field_of("choice", choices=(Choice("3"),)), 3)[0] == "unknown_choice"


@pytest.mark.parametrize("value", [True, [], "", float("nan")])
def test_an_unseen_category_keeps_the_type_of_the_choices(value: Any) -> None:
    field = field_of("choice", choices=PORT.choices, unseen="warn")
    assert refusal(field, value)[0] == "unknown_choice"


def test_unseen_numbers_take_the_type_of_the_choices() -> None:
    whole = field_of("choice", choices=DOORS.choices, unseen="warn")
    assert check(whole, 4.0).values == (4,)
    assert type(check(whole, 4.0).values[0]) is int
    assert refusal(whole, 4.5)[0] == "unknown_choice"
    assert refusal(whole, 2**70)[0] == "unknown_choice"
    halves = field_of("choice", choices=(Choice(0.5), Choice(1.0)), unseen="warn")
    assert type(check(halves, 2).values[0]) is float


def test_an_unseen_text_is_bounded_like_any_text() -> None:
    field = field_of("choice", choices=PORT.choices, unseen="warn", max_length=3)
    assert refusal(field, "ABCD")[0] == "too_long"
    assert refusal(field, "A\x00")[0] == "bad_text"


def test_an_empty_choice_counts_as_a_value_where_it_is_one() -> None:
    field = field_of("choice", choices=(Choice("", "none"), Choice("a")))
    assert check_text(field, "").values == ("",)
    assert text_refusal(PORT, "") == ("missing", "Give a value for Mean radius.")


def test_text_stays_as_it_is() -> None:
    assert check(TEXT, " a b ").values == (" a b ",)
    assert check_text(TEXT, " a b ").values == (" a b ",)


@pytest.mark.parametrize("value", [1, True, 1.5, [], {}])
def test_a_text_field_takes_only_texts(value: Any) -> None:
    assert refusal(TEXT, value)[0] == "not_a_text"


def test_a_long_text_is_refused_with_both_lengths() -> None:
    expected = ("too_long", "Mean radius may have 5 characters at most; 6 were given.")
    assert refusal(TEXT, "abcdef") == expected
    assert text_refusal(TEXT, "abcdef") == expected
    assert check(TEXT, "🙂" * 5).values == ("🙂" * 5,)


@pytest.mark.parametrize("value", ["a\x00b", "\ud800", "a\udfff"])
def test_a_text_the_database_cannot_hold_is_refused(value: str) -> None:
    assert refusal(TEXT, value)[0] == "bad_text"
    assert text_refusal(TEXT, value)[0] == "bad_text"


def test_an_empty_text_is_no_value_on_any_face() -> None:
    nullable = field_of("text", nullable=True)
    optional = field_of("text", required=False, default="none")
    for face in (check, check_text):
        assert face(nullable, "").values == (None,)
        assert face(optional, "").values == ("none",)
    assert refusal(TEXT, "") == text_refusal(TEXT, "") == ("missing", "Give a value for Mean radius.")
