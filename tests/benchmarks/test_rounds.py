"""Windows are counted and summed up honestly."""

from __future__ import annotations

import pytest

from benchmarks.processes import used_between
from benchmarks.rounds import LostRowsError, check_rows, summary
from tests.benchmarks.builders import window


@pytest.mark.parametrize("rows", [100, 101, 116])
def test_answers_and_those_cut_off_at_the_end_are_rows(rows: int) -> None:
    check_rows(100, rows, 16)


@pytest.mark.parametrize("rows", [99, 117], ids=["lost", "stored-twice"])
def test_other_counts_stop_the_run(rows: int) -> None:
    with pytest.raises(LostRowsError):
        check_rows(100, rows, 16)


def test_who_keeps_nothing_is_not_held_to_rows() -> None:
    check_rows(100, None, 16)


def test_the_middle_window_counts_and_the_span_is_told() -> None:
    found = summary([window(rate=rate) for rate in (300.0, 100.0, 200.0)])
    assert (found["rate"], found["rate_low"], found["rate_high"]) == (200.0, 100.0, 300.0)


def test_answers_and_rows_add_up() -> None:
    found = summary([window(rate=100.0, rows=101), window(rate=50.0, rows=50)])
    assert (found["answered"], found["rows"]) == (150, 151)


def test_one_disturbed_window_marks_the_figure() -> None:
    assert summary([window(), window(other_cores=0.4)])["is_noisy"]
    assert not summary([window(), window(other_cores=0.1)])["is_noisy"]


def test_processor_time_of_what_ended_meanwhile_is_not_taken_from_the_others() -> None:
    assert used_between({1: 5.0, 2: 90.0}, {1: 6.0, 3: 0.5}) == 1.5
