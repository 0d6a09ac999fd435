from __future__ import annotations

import itertools
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.errors import TooManyRequests, TryLater
from predictions.gateway.lanes import MAX_IN_FLIGHT, Batch, Key, Lane
from predictions.gateway.tiers import Pace
from predictions.gateway.waiters import ThreadWaiter
from predictions.models.ids import new_id
from predictions.values import Ask

KEY = Key(1, 2, 3)
INSTANT = 1e-6


def waiter_of(number: int, rows: int = 1) -> ThreadWaiter:
    deadline = time.time() + 5
    ask = Ask(
        number=number, first_id=new_id(), rows=[[number]] * rows, warnings=[], face="api", deadline=deadline
    )
    return ThreadWaiter.of(ask, deadline)


def lane_of(*, max_rows: int = 256, max_waiting: int = 1000) -> Lane:
    """The lane of a version that answers in no time."""
    lane = new_lane(max_rows=max_rows, max_waiting=max_waiting)
    measure(lane, 0.001)
    return lane


def new_lane(*, max_rows: int = 256, max_waiting: int = 1000) -> Lane:
    ids = itertools.count(1)
    return Lane(KEY, next_id=lambda: next(ids), max_rows=max_rows, max_waiting=max_waiting)


def measure(lane: Lane, seconds: float) -> None:
    """One group of one row was answered, and its runtime took so long."""
    batch = lane.join(waiter_of(0))
    assert batch is not None
    lane.finish(batch.id, seconds)


def busy(lane: Lane, *, rows: int, seconds: float, groups: int = 5) -> None:
    """So many groups of ``rows`` rows came back, each after so long and with others waiting behind it."""
    batch = lane.join(waiter_of(0, rows=rows))
    for _ in range(groups):
        assert batch is not None
        lane.join(waiter_of(0, rows=rows))
        time.sleep(seconds)
        _, batch = lane.finish(batch.id, INSTANT)
    assert batch is not None
    lane.finish(batch.id, INSTANT)
    assert lane.is_idle


def numbers(batch: Batch | None) -> list[int]:
    assert batch is not None
    return [waiter.ask.number for waiter in batch.waiters.values()]


def test_an_idle_lane_sends_at_once():
    assert numbers(lane_of().join(waiter_of(1))) == [1]


def test_callers_wait_while_a_group_is_under_way_and_then_go_together_in_order():
    lane = lane_of()
    first = lane.join(waiter_of(1))
    assert first is not None
    assert [lane.join(waiter_of(number)) for number in (2, 3, 4)] == [None, None, None]
    done, following = lane.finish(first.id)
    assert done is first
    assert numbers(following) == [2, 3, 4]


def test_a_message_holds_no_more_rows_than_allowed():
    lane = lane_of(max_rows=4)
    first = lane.join(waiter_of(1))
    assert first is not None
    for number in (2, 3, 4):
        lane.join(waiter_of(number, rows=2))
    _, following = lane.finish(first.id)
    assert numbers(following) == [2, 3]


def test_one_caller_with_more_rows_than_a_message_still_goes():
    assert numbers(lane_of(max_rows=4).join(waiter_of(1, rows=10))) == [1]


def test_a_caller_who_waited_long_enough_sends_without_the_reply():
    lane = lane_of()
    lane.join(waiter_of(1))
    late = waiter_of(2)
    assert lane.join(late) is None
    beside = lane.push(late)
    assert numbers(beside) == [2]
    assert beside is not None
    assert beside.tier.queue == "interactive-heavy"
    assert lane.push(late) is None, "sent already"


def test_no_more_groups_than_the_bound_are_under_way():
    lane = lane_of()
    for number in range(MAX_IN_FLIGHT):
        waiter = waiter_of(number)
        assert lane.join(waiter) or lane.push(waiter)
    last = waiter_of(99)
    assert lane.join(last) is None
    assert lane.push(last) is None


def test_a_full_lane_refuses_with_a_time_to_come_back():
    lane = lane_of(max_waiting=2)
    lane.join(waiter_of(1))
    lane.join(waiter_of(2, rows=2))
    with pytest.raises(TooManyRequests) as refused:
        lane.join(waiter_of(3))
    assert refused.value.retry_after > 0


def test_who_leaves_before_being_sent_is_not_sent():
    lane = lane_of()
    first = lane.join(waiter_of(1))
    leaving, staying = waiter_of(2), waiter_of(3)
    lane.join(leaving)
    lane.join(staying)
    lane.leave(leaving)
    assert first is not None
    assert numbers(lane.finish(first.id)[1]) == [3]


def test_a_reply_to_an_unknown_group_changes_nothing():
    lane = lane_of()
    lane.join(waiter_of(1))
    lane.join(waiter_of(2))
    assert lane.finish(12345) == (None, None)


def test_failing_a_batch_wakes_each_of_its_callers():
    lane = lane_of()
    waiter = waiter_of(1)
    batch = lane.join(waiter)
    assert batch is not None
    batch.fail(TryLater("later"))
    assert waiter.wait(0.1)
    assert waiter.error is not None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.integers(1, 40), st.sampled_from(["finish", "push", "leave"])), max_size=80))
def test_each_caller_is_sent_exactly_once_whatever_the_interleaving(steps):
    lane = lane_of(max_rows=64, max_waiting=10**6)
    under_way: list[Batch] = []
    sent: list[int] = []
    joined: list[ThreadWaiter] = []
    left: set[int] = set()

    def note(batch: Batch | None) -> None:
        if batch is not None:
            under_way.append(batch)
            sent.extend(numbers(batch))

    for step in steps:
        if isinstance(step, int):
            waiter = waiter_of(len(joined) + 1, rows=step)
            joined.append(waiter)
            note(lane.join(waiter))
        elif step == "finish" and under_way:
            note(lane.finish(under_way.pop(0).id)[1])
        elif step == "push" and joined:
            note(lane.push(joined[-1]))
        elif step == "leave" and joined and joined[-1].group_id is None:
            lane.leave(joined[-1])
            left.add(joined[-1].ask.number)
    while under_way:
        note(lane.finish(under_way.pop(0).id)[1])
    assert sent == [waiter.ask.number for waiter in joined if waiter.ask.number not in left]
    assert lane.is_idle


def test_many_threads_joining_are_each_sent_once():
    lane = lane_of(max_rows=8)
    sent: list[int] = []
    guard = threading.Lock()

    def deliver(batch: Batch | None) -> None:
        while batch is not None:
            with guard:
                sent.extend(numbers(batch))
            done, batch = lane.finish(batch.id)
            assert done is not None
            for waiter in done.waiters.values():
                waiter.wake()

    def call(number: int) -> None:
        waiter = waiter_of(number)
        deliver(lane.join(waiter))
        assert waiter.wait(5)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(sent) == list(range(200))


@pytest.mark.parametrize(
    ("seconds", "queue", "at_once"),
    [
        (0.001, "interactive", 1),
        (0.1, "interactive-slow", 2),
        (0.5, "interactive-heavy", 2),
    ],
)
def test_what_a_runtime_takes_decides_the_queue_and_how_many_groups_are_under_way(seconds, queue, at_once):
    lane = new_lane()
    measure(lane, seconds)
    batches = [lane.join(waiter_of(number)) for number in range(1, 4)]
    sent = [batch for batch in batches if batch is not None]
    assert {batch.tier.queue for batch in sent} == {queue}
    assert len(sent) == at_once


def test_an_ml_model_nobody_measured_yet_stands_in_nobodys_way():
    lane = new_lane()
    first = lane.join(waiter_of(1))
    assert first is not None
    assert first.tier.queue == "interactive-cold"
    other = waiter_of(2)
    assert lane.join(other) is None
    assert lane.push(other) is None
    _, following = lane.finish(first.id, 0.001)
    assert following is not None
    assert following.tier.queue == "interactive"


def test_a_group_nobody_waited_for_says_nothing_of_its_runtime():
    lane = new_lane()
    batch = lane.join(waiter_of(1))
    assert batch is not None
    lane.finish(batch.id, None)
    again = lane.join(waiter_of(2))
    assert again is not None
    assert again.tier.queue == "interactive-cold"


def test_many_rows_of_one_caller_do_not_stand_before_single_ones():
    lane = lane_of()
    batch = lane.join(waiter_of(1, rows=100))
    assert batch is not None
    assert batch.tier.queue == "interactive-slow"


def test_a_group_of_a_slow_runtime_holds_few_rows():
    lane = new_lane()
    measure(lane, 0.5)
    groups = [lane.join(waiter_of(number)) for number in (1, 2)]
    assert None not in groups
    for number in (3, 4, 5):
        assert lane.join(waiter_of(number)) is None
    assert groups[0] is not None
    _, following = lane.finish(groups[0].id, 0.5)
    assert numbers(following) == [3, 4]


def test_who_could_not_be_answered_in_time_is_refused_at_once_with_a_time_to_come_back():
    lane = new_lane()
    measure(lane, 2.0)
    for number in (1, 2):
        lane.join(waiter_of(number))
    with pytest.raises(TooManyRequests) as refused:
        lane.join(waiter_of(3))
    assert refused.value.code == "queue_full"
    assert 1 <= refused.value.retry_after <= 60


def test_a_lone_caller_of_a_hopelessly_slow_runtime_is_let_in():
    lane = new_lane()
    measure(lane, 100.0)
    assert lane.join(waiter_of(1)) is not None


def test_what_is_expected_is_how_fast_groups_really_come_back_not_what_the_runtime_takes() -> None:
    lane = new_lane(max_waiting=10**6)
    measure(lane, INSTANT)
    busy(lane, rows=256, seconds=0.02)
    lane.join(waiter_of(1, rows=256 * 100))
    lane.join(waiter_of(2, rows=256 * 20))
    with pytest.raises(TooManyRequests) as refused:
        lane.join(waiter_of(3, rows=256 * 200))
    assert 1 <= refused.value.retry_after <= 60


def test_callers_of_one_row_do_not_make_thousands_of_rows_look_like_minutes() -> None:
    lane = new_lane(max_waiting=10**6)
    measure(lane, INSTANT)
    busy(lane, rows=1, seconds=0.01, groups=20)
    lane.join(waiter_of(1))
    lane.join(waiter_of(2, rows=5000))
    lane.join(waiter_of(3))


def test_time_in_which_nobody_asked_is_not_held_against_a_lane() -> None:
    lane = new_lane(max_waiting=10**6)
    measure(lane, INSTANT)
    busy(lane, rows=10, seconds=0.001)
    time.sleep(0.3)
    busy(lane, rows=10, seconds=0.001, groups=1)
    lane.join(waiter_of(1, rows=10))
    lane.join(waiter_of(2, rows=2000))


def test_a_lane_that_had_to_refuse_learns_that_it_is_fast_again() -> None:
    lane = new_lane(max_waiting=10**6)
    measure(lane, INSTANT)
    busy(lane, rows=1, seconds=0.2, groups=3)
    first = lane.join(waiter_of(1))
    assert first is not None
    with pytest.raises(TooManyRequests):
        lane.join(waiter_of(2, rows=256 * 50))
    # Nobody is let in to wait behind one caller, so no group is ever followed by another.
    tries = 0
    while not lane.waiting_rows and tries < 100:
        tries += 1
        if first is not None:
            lane.finish(first.id, INSTANT)
        first = lane.join(waiter_of(3))
        with suppress(TooManyRequests):
            lane.join(waiter_of(4, rows=256 * 50))
    assert 1 < tries < 100


def test_what_loading_took_is_not_held_against_a_lane() -> None:
    lane = new_lane(max_waiting=10**6)
    first = lane.join(waiter_of(1))
    lane.join(waiter_of(2))
    time.sleep(0.2)
    assert first is not None
    lane.finish(first.id, INSTANT)
    lane.join(waiter_of(3, rows=256 * 50))


def test_groups_under_way_at_once_share_the_time() -> None:
    pace = Pace()
    for now in (10.5, 10.5, 11.0, 11.0):
        pace.note(now=now, sent_at=now - 0.5, groups=5, is_followed=True)
    # Twenty groups in one second, and what came first counts a little less.
    assert pace.of(20) == pytest.approx(1.0, rel=0.1)


def test_a_lane_that_slows_down_is_believed_within_some_groups() -> None:
    pace = Pace()
    now = 0.0
    for seconds in [0.01] * 50 + [1.0] * 4:
        now += seconds
        pace.note(now=now, sent_at=now - seconds, groups=10, is_followed=True)
    assert pace.of(100) == pytest.approx(10.0, rel=0.2)


def test_groups_that_nobody_waits_behind_say_nothing_of_what_a_lane_can_give() -> None:
    pace = Pace()
    pace.note(now=5.0, sent_at=4.0, groups=1, is_followed=False)
    assert pace.of(1000) is None
