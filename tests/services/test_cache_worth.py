from __future__ import annotations

import pytest

from predictions.services.cache_worth import FIRST_PATIENCE, LEAST_SAVING, MARGIN, Look, Worth

SLOW, CHEAP, LOOKUP = 2e-3, 20e-6, 4e-6


def measured(seconds: float, *, rows: int = 1, calls: int = 5) -> Worth:
    worth = Worth()
    for _ in range(calls):
        worth.inferred(rows, seconds * rows)
    worth.looked_up(1, 0, LOOKUP)
    return worth


def see(worth: Worth, *, rows: int, every: int) -> None:
    """Sampled rows of which every n-th was there; 0 for none."""
    for number in range(rows):
        worth.sampled(1, int(every > 0 and number % every == 0))


def test_before_anything_is_known_all_rows_are_looked_up():
    assert Worth().look() is Look.ALL


def test_a_slow_version_is_looked_up_and_a_cheap_one_is_not():
    assert measured(SLOW).look() is Look.ALL
    assert measured(CHEAP).look() is Look.NONE


def test_without_repeats_only_the_sample_is_looked_up_until_the_load_repeats_itself():
    worth = measured(SLOW)
    see(worth, rows=2000, every=0)
    assert worth.look() is Look.SAMPLE
    see(worth, rows=60, every=4)
    assert worth.look() is Look.ALL


@pytest.mark.parametrize(("every", "expected"), [(2, Look.ALL), (10, Look.ALL), (100, Look.SAMPLE)])
def test_what_is_saved_grows_with_the_hit_rate(every: int, expected: Look):
    """At 2 ms a row, one hit in ten saves 200 µs and one in a hundred 20 µs, which nobody would notice."""
    worth = measured(SLOW)
    see(worth, rows=3000, every=every)
    assert worth.hit_rate == pytest.approx(1 / every, rel=0.25)
    assert worth.look() is expected


def test_look_ups_that_cost_more_than_they_save_are_stopped():
    worth = measured(SLOW)
    see(worth, rows=1000, every=1)
    assert worth.look() is Look.ALL
    for _ in range(20):
        worth.looked_up(1, 0, SLOW / MARGIN * 2.01)
    assert worth.look() is Look.NONE


def test_on_the_edge_it_does_not_flutter():
    worth = measured(LEAST_SAVING * 2.02)
    assert worth.look() is Look.ALL
    see(worth, rows=300, every=3)
    assert worth.hit_rate * (worth.infer_seconds or 0) < LEAST_SAVING
    assert worth.look() is Look.ALL
    see(worth, rows=1000, every=0)
    assert worth.look() is not Look.ALL
    see(worth, rows=300, every=3)
    assert worth.look() is not Look.ALL


def test_a_slow_first_call_is_not_taken_for_the_rule():
    worth = Worth()
    worth.inferred(1, 3.0)
    worth.inferred(1, CHEAP)
    assert worth.look() is Look.NONE
    for _ in range(5):
        worth.inferred(1, CHEAP)
    worth.inferred(1, 3.0)
    assert worth.look() is Look.NONE


def test_a_version_that_becomes_slow_is_noticed():
    worth = measured(CHEAP, calls=20)
    for _ in range(5):
        worth.inferred(1, SLOW)
    assert worth.look() is Look.ALL


def test_what_counts_is_the_cost_of_a_row_in_the_groups_it_meets():
    assert measured(SLOW / 256, rows=256).look() is Look.NONE
    assert measured(SLOW, rows=256).look() is Look.ALL


def test_hits_alone_let_the_runtime_be_measured_again():
    worth = Worth()
    worth.inferred(1, 3.0)
    for _ in range(FIRST_PATIENCE):
        assert worth.look() is Look.ALL
        worth.looked_up(1, 1, LOOKUP)
    assert worth.look() is Look.NONE
    worth.inferred(1, CHEAP)
    assert worth.look() is Look.NONE


def test_the_more_was_measured_the_longer_hits_go_on():
    worth = measured(SLOW, calls=2)
    for _ in range(FIRST_PATIENCE * 3):
        worth.looked_up(1, 1, LOOKUP)
        assert worth.look() is Look.ALL
    worth = measured(SLOW, calls=20)
    worth.looked_up(500, 500, 500 * LOOKUP)
    assert worth.look() is Look.ALL
    worth.looked_up(20, 20, 20 * LOOKUP)
    assert worth.look() is Look.NONE


def test_an_interrupted_look_up_does_not_turn_the_cache_off():
    worth = measured(SLOW)
    for _ in range(3):
        worth.looked_up(1, 0, LOOKUP)
    worth.looked_up(1, 0, 1.0)
    assert worth.look() is Look.ALL
