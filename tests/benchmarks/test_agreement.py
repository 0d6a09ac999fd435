"""Only servers that answer like scikit-learn are compared."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from benchmarks.agreement import DisagreementError, compare
from benchmarks.comparing import check_history
from benchmarks.contestants import Answer, by_probability
from benchmarks.rounds import LostRowsError
from tests.benchmarks.builders import subject

RIGHT = [Answer(0, (0.75, 0.25), id="x"), Answer(1, (0.125, 0.875), id="y")]
STORED = {
    "x": {"inputs": [1.0, 2.0], "outputs": {"probabilities": {"0": 0.75, "1": 0.25}}},
    "y": {"inputs": [3.0, 4.0], "outputs": {"probabilities": {"0": 0.125, "1": 0.875}}},
}


def test_equal_answers_agree() -> None:
    assert compare("peer", subject(), RIGHT).cases == 2


def test_the_largest_difference_is_told() -> None:
    near = [RIGHT[0], replace(RIGHT[1], probabilities=(0.125, 0.875 + 4e-6))]
    assert compare("peer", subject(), near).largest_difference == pytest.approx(4e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(RIGHT[1], label=0),
        replace(RIGHT[1], probabilities=(0.125, 0.8751)),
        replace(RIGHT[1], probabilities=(math.nan, 0.875)),
        replace(RIGHT[1], probabilities=(0.125,)),
    ],
    ids=["label", "probability", "not-a-number", "class-missing"],
)
def test_another_answer_is_no_agreement(wrong: Answer) -> None:
    with pytest.raises(DisagreementError):
        compare("peer", subject(), [RIGHT[0], wrong])


def test_a_missing_answer_is_no_agreement() -> None:
    with pytest.raises(DisagreementError):
        compare("peer", subject(), RIGHT[:1])


def test_the_likeliest_class_is_the_label() -> None:
    assert [answer.label for answer in by_probability([[0.2, 0.8], [0.5, 0.5]])] == [1, 0]


def test_a_history_with_each_own_case_is_whole() -> None:
    check_history(subject(), RIGHT, STORED)


def test_a_case_that_is_not_in_the_history_is_found_out() -> None:
    with pytest.raises(LostRowsError):
        check_history(subject(), RIGHT, {"x": STORED["x"]})


def test_rows_of_two_callers_mixed_up_are_found_out() -> None:
    with pytest.raises(DisagreementError):
        check_history(subject(), RIGHT, {"x": STORED["y"], "y": STORED["x"]})
