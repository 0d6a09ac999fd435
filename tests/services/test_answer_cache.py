from __future__ import annotations

import math
import sys
import threading
import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.errors import ModelFailed
from predictions.services.answer_cache import ENTRY_BYTES, AnswerCache, _sample

MEGABYTE = 1_000_000


class Work:
    """A clock that only work moves, and the work: ``infer`` counts its calls and echoes what it was asked."""

    def __init__(self, seconds_per_row: float = 2e-3) -> None:
        self.now = 0.0
        self.seconds_per_row = seconds_per_row
        self.asked: list[list[Any]] = []

    def clock(self) -> float:
        return self.now

    def infer(self, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        self.asked += [list(row) for row in rows]
        self.now += self.seconds_per_row * len(rows)
        return [{"value": repr(list(row)), "list": [1.5, None]} for row in rows]

    def cache(self, max_bytes: int = MEGABYTE) -> AnswerCache:
        return AnswerCache(max_bytes, work_clock=self.clock, wall_clock=self.clock)


def test_the_same_input_again_is_answered_without_the_runtime():
    work = Work()
    cache = work.cache()
    first = cache.through(1, 1, [[5.0, "a"]], work.infer)
    second = cache.through(1, 1, [[5.0, "a"]], work.infer)
    assert (first.cached, second.cached) == (frozenset(), {0})
    assert first.outputs == second.outputs
    assert len(work.asked) == 1


def test_in_a_mixed_group_only_new_rows_reach_the_runtime_and_order_is_kept():
    work = Work()
    cache = work.cache()
    cache.through(1, 1, [[1.0], [2.0]], work.infer)
    mixed = cache.through(1, 1, [[3.0], [2.0], [4.0], [1.0]], work.infer)
    assert [one["value"] for one in mixed.outputs] == ["[3.0]", "[2.0]", "[4.0]", "[1.0]"]
    assert mixed.cached == {1, 3}
    assert work.asked == [[1.0], [2.0], [3.0], [4.0]]


ALIKE = [
    1,
    1.0,
    True,
    "1",
    "1.0",
    "true",
    None,
    "",
    0,
    0.0,
    -0.0,
    False,
    [1],
    [1.0],
    [[1]],
    10**30,
    1e30,
    math.inf,
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.sampled_from(ALIKE),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4)


def test_values_that_are_equal_in_python_but_not_the_same_never_share():
    work = Work()
    cache = work.cache()
    for value in ALIKE:
        (answer,) = cache.through(1, 1, [[value]], work.infer).outputs
        assert answer["value"] == repr([value])
    assert len(work.asked) >= len(ALIKE)


@settings(max_examples=150, deadline=None)
@given(
    groups=st.lists(st.lists(st.lists(VALUES, min_size=1, max_size=3), min_size=1, max_size=20), max_size=12),
    seconds=st.sampled_from([1e-6, 1e-4, 1e-2]),
    size=st.sampled_from([0, 2_000, MEGABYTE]),
)
def test_any_rows_get_the_answer_they_would_get_without_a_cache(groups, seconds, size):
    work = Work(seconds)
    cache = work.cache(size)
    for number, rows in enumerate(groups + groups):
        answers = cache.through(number % 2, 1, rows, work.infer)
        assert answers.outputs == Work().infer(rows)
        assert answers.cached <= set(range(len(rows)))
        assert cache.size_bytes <= size


def test_versions_and_signature_revisions_do_not_share():
    work = Work()
    cache = work.cache()
    for version_id, revision_id in ((1, 1), (1, 2), (2, 1), (2, 2)):
        assert not cache.through(version_id, revision_id, [[7]], work.infer).cached
    assert len(work.asked) == 4


def test_what_a_caller_does_to_its_answer_changes_nobody_elses():
    work = Work()
    cache = work.cache()
    for _ in range(3):
        (mine,) = cache.through(1, 1, [[1]], work.infer).outputs
        assert mine == {"value": "[1]", "list": [1.5, None]}
        mine["list"].append(9)
        mine["value"] = "spoiled"


def test_the_least_recently_used_answer_leaves_first():
    cache = Work().cache(9 * (ENTRY_BYTES + 9))
    for value in (*range(9), 0, 9):
        lookup = cache.split(1, 1, [[value]])
        cache.learn(lookup, [{"value": 0}] * len(lookup.misses))
    assert sorted(cache.split(1, 1, [[value] for value in range(10)]).hits) == [0, 2, 3, 4, 5, 6, 7, 8, 9]


def test_an_answer_too_large_to_be_worth_its_place_is_not_kept():
    cache = Work().cache(64_000)
    lookup = cache.split(1, 1, [[1], [2]])
    cache.learn(lookup, [{"value": "x" * 2_000}, {"value": "y"}])
    assert list(cache.split(1, 1, [[1], [2]]).hits) == [1]


def test_answers_that_cannot_be_encoded_are_given_but_not_kept():
    work = Work()
    cache = work.cache()
    huge = [{"value": 10**30}]
    assert cache.through(1, 1, [[1]], lambda rows: huge).outputs == huge
    assert cache.size_bytes == 0


def test_an_entry_takes_no_more_memory_than_it_is_counted_for():
    cache = AnswerCache(100 * MEGABYTE)
    tracemalloc.start()
    try:
        for begin in range(0, 20_000, 500):
            rows = [[float(number)] for number in range(begin, begin + 500)]
            cache.learn(cache.split(1, 1, rows), [{"value": row[0]} for row in rows])
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert cache.size_bytes * 0.4 < taken <= cache.size_bytes


def test_a_cheap_version_leaves_the_cache_off_by_itself():
    work = Work(seconds_per_row=15e-6)
    cache = work.cache()
    for _ in range(50):
        answers = cache.through(1, 1, [[1.0]], work.infer)
    assert not answers.cached
    assert len(work.asked) > 40


def test_a_slow_first_call_of_a_cheap_version_is_found_out_even_when_every_input_repeats():
    work = Work(seconds_per_row=1.0)
    cache = work.cache()
    cache.through(1, 1, [[1.0]], work.infer)
    work.seconds_per_row = 15e-6
    for _ in range(50):
        answers = cache.through(1, 1, [[1.0]], work.infer)
    assert not answers.cached


def test_without_repeats_little_is_looked_up_and_repeats_turn_it_on_again():
    work = Work()
    cache = work.cache()
    for number in range(20_000):
        cache.through(1, 1, [[float(number)]], work.infer)
    before = cache.size_bytes
    rows = [[float(number)] for number in range(20_000, 21_600)]
    for row in rows:
        cache.through(1, 1, [row], work.infer)
    assert cache.size_bytes - before < 200 * (ENTRY_BYTES + 60)
    for _ in range(30):
        for row in rows[:160]:
            cache.through(1, 1, [row], work.infer)
    asked = len(work.asked)
    for row in rows[:160]:
        cache.through(1, 1, [row], work.infer)
    assert len(work.asked) - asked <= 1


def test_the_same_input_always_or_never_belongs_to_the_sample():
    rows = [[float(number), "a", None] for number in range(4_000)] + [
        [[number, [2.0]]] for number in range(4_000)
    ]
    chosen = _sample(rows)
    assert chosen == _sample([list(row) for row in rows])
    assert 350 < len(chosen) < 650


def test_large_and_small_groups_are_judged_apart():
    work = Work(seconds_per_row=15e-6)
    cache = work.cache()
    large = [[float(number)] for number in range(64)]
    for _ in range(30):
        cache.through(1, 1, large, work.infer)
    work.seconds_per_row = 2e-3
    cache.through(1, 1, [[-1.0]], work.infer)
    assert cache.through(1, 1, [[-1.0]], work.infer).cached
    work.seconds_per_row = 15e-6
    assert not cache.through(1, 1, large, work.infer).cached


def test_a_runtime_elsewhere_is_measured_by_waiting_for_it():
    now = [0.0]

    def waiting(rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        now[0] += 2e-3 * len(rows)
        return [{"value": 1} for _ in rows]

    for elsewhere, expected in ((True, {0}), (False, set())):
        cache = AnswerCache(MEGABYTE, work_clock=lambda: 0.0, wall_clock=lambda: now[0])
        for _ in range(5):
            answers = cache.through(1, 1, [[1]], waiting, elsewhere=elsewhere)
        assert answers.cached == expected


def test_nothing_is_kept_of_a_call_that_failed():
    def failing(rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        raise ModelFailed("no")

    cache = Work().cache()
    with pytest.raises(ModelFailed):
        cache.through(1, 1, [[1]], failing)
    assert cache.size_bytes == 0


def test_a_cache_of_no_bytes_is_off():
    work = Work()
    cache = work.cache(0)
    for _ in range(3):
        assert not cache.through(1, 1, [[1]], work.infer).cached
    assert len(work.asked) == 3


def test_two_processes_have_different_keys_and_no_key_or_answer_holds_the_input():
    caches = [Work().cache(), Work().cache()]
    secret = "Erika Mustermann"
    for cache in caches:
        cache.learn(cache.split(1, 1, [[secret, 471_112.5]]), [{"value": 1.0}])
    one, other = (b"".join(kept for pair in cache._kept.items() for kept in pair) for cache in caches)
    assert one != other
    assert b"Erika" not in one


def test_threads_get_their_own_answers_and_the_bound_holds():
    cache = AnswerCache(20_000)
    wrong: list[Any] = []

    def infer(rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        return [{"value": row[0] * 2} for row in rows]

    def call(seed: int) -> None:
        for turn in range(300):
            rows = [[(seed * turn + place) % 97] for place in range(turn % 7 + 1)]
            # Found by `split` whatever pays: this is about threads.
            lookup = cache.split(1, 1, rows)
            wrong.extend(
                place for place, answer in lookup.hits.items() if answer["value"] != rows[place][0] * 2
            )
            cache.learn(lookup, infer([rows[place] for place in lookup.misses]))
            answers = cache.through(1, 1, rows, infer)
            wrong.extend(
                row
                for row, answer in zip(rows, answers.outputs, strict=True)
                if answer["value"] != row[0] * 2
            )

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=call, args=(seed,)) for seed in range(1, 7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert wrong == []
    kept = sum(len(answer) + ENTRY_BYTES for answer in cache._kept.values())
    assert cache.size_bytes == kept <= 20_000
