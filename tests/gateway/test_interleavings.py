"""Whatever the queue and the network do between a caller and the worker, nobody gets what is another's.

Hypothesis chooses when callers come (threads and coroutines of a loop in the same lanes) and go away, which message is
worked on when, and whether replies come late, in another order, twice or never. Worker, gateway and database are the
real ones; see ``tests.support.wires``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from predictions.errors import ModelFailed, TryLater
from predictions.gateway import process
from predictions.models import ApiKey
from predictions.selectors.targets import Target
from predictions.services import api_keys, inference
from predictions.values import Actor
from tests import factories
from tests.support.callers import Caller, LoopCaller, check, new_values
from tests.support.fragile import fragile_version
from tests.support.loops import Beside
from tests.support.sites import wait_for
from tests.support.wires import HeldWire, held_gateway

pytestmark = pytest.mark.django_db(transaction=True)

CALM, PATIENT, SHORT = 60.0, 1.2, 0.6
"""Seconds. A worker may store until half a second before the deadline. CALM is more than a busy machine is expected to take."""
FACTORS = (2.0, 3.0)
PLACES = st.integers(0, 50)


@dataclass(frozen=True)
class World:
    """What all examples of one test share."""

    targets: tuple[Target, ...]
    actors: tuple[Callable[[], Actor], ...]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    # However many come: who is refused for want of a thread is not the question here.
    monkeypatch.setattr(django_settings, "WEB_THREADS", 10_000)
    users = [factories.user() for _ in range(2)]
    key: ApiKey = api_keys.create(name="partner", user=users[0])[0]
    inference.registry.cache_clear()
    yield World(
        targets=tuple(factories.target(fragile_version(factor)) for factor in FACTORS),
        actors=(
            lambda: Actor(user_id=users[0].pk),
            lambda: Actor(user_id=users[1].pk),
            lambda: Actor(user_id=users[0].pk, api_key_id=key.pk),
            lambda: Actor(visitor=uuid4()),
        ),
    )
    inference.registry().close()
    inference.registry.cache_clear()


def wired(monkeypatch: pytest.MonkeyPatch) -> HeldWire:
    """A gateway of its own in this process, on a wire of the test's."""
    made, wire = held_gateway()
    monkeypatch.setattr(process, "current", lambda: made)
    return wire


class Interleavings(RuleBasedStateMachine):
    """Callers, a queue and a network in every order, in which nothing gets lost.

    Every rule may be chosen at every time: how many messages there are depends on clocks, which Hypothesis cannot know.
    """

    world: World
    patch: pytest.MonkeyPatch
    loop: asyncio.AbstractEventLoop
    patience = CALM

    def __init__(self) -> None:
        super().__init__()
        self.callers: list[Caller] = []

    @initialize(is_on_loop=st.sampled_from([True, True, False]))
    def open(self, is_on_loop: bool) -> None:
        """As in a web process, with callers of both kinds; or as in one that has only threads."""
        self.gateway, self.wire = held_gateway(self.loop if is_on_loop else None)
        self.patch.setattr(process, "current", lambda: self.gateway)

    def join(self, which: int, who: int, values: list[float], seconds: float | None = None) -> None:
        seconds = self.patience if seconds is None else seconds
        # Every other one is a thread, whoever it is.
        kind = who // len(self.world.actors) % 2
        self.callers.append(self.caller(which, who, values, seconds, kind=kind).start())

    def caller(self, which: int, who: int, values: list[float], seconds: float, *, kind: int) -> Caller:
        """A thread for ``kind`` 0, and wherever there is no loop."""
        target = which % len(FACTORS)
        actor = self.world.actors[who % len(self.world.actors)]()
        asked = (self.world.targets[target], FACTORS[target], actor, values, seconds)
        if kind and self.wire.loop is not None:
            return LoopCaller(*asked, loop=self.wire.loop)
        return Caller(*asked)

    @rule(which=PLACES, who=PLACES, rows=st.sampled_from([1, 1, 1, 2, 3, 20]))
    def ask(self, which: int, who: int, rows: int) -> None:
        self.join(which, who, new_values(rows))

    @rule(which=PLACES, count=st.integers(2, 8))
    def ask_together(self, which: int, count: int) -> None:
        for who in range(count):
            self.join(which, who, new_values(1))

    @rule(place=PLACES)
    def go_away(self, place: int) -> None:
        """A client does, whether its ask is waiting, under way or answered already."""
        coroutines = [caller for caller in self.callers if isinstance(caller, LoopCaller)]
        if coroutines:
            coroutines[place % len(coroutines)].go_away()

    @rule(which=PLACES, who=PLACES, rows=st.integers(1, 3), bad=st.integers(0, 2))
    def ask_what_fails(self, which: int, who: int, rows: int, bad: int) -> None:
        values = new_values(rows)
        values[bad % rows] *= -1
        self.join(which, who, values)

    @rule(milliseconds=st.sampled_from([1, 8, 30, 120]))
    def let_time_pass(self, milliseconds: int) -> None:
        time.sleep(milliseconds / 1000)

    @rule(place=PLACES, times=st.sampled_from([1, 1, 1, 2]))
    def work(self, place: int, times: int) -> None:
        if self.wire.messages:
            self.wire.work(place, times=times)

    @rule(place=PLACES)
    def work_and_deliver(self, place: int) -> None:
        if self.wire.messages:
            self.wire.work(place)
            self.wire.deliver(-1)

    @rule(place=PLACES, times=st.sampled_from([1, 1, 2]), beside=st.booleans())
    def deliver(self, place: int, times: int, beside: bool) -> None:
        if self.wire.replies:
            self.wire.deliver(place, times=times, beside=beside)

    def teardown(self) -> None:
        """The network is well again, workers take what is left, also what nobody waits for any more."""
        self.wire.refuses = False
        until = time.monotonic() + self.patience + 10
        while any(caller.is_waiting for caller in self.callers):
            assert time.monotonic() < until, "a caller was forgotten"
            self.flow()
            time.sleep(0.005)
        self.flow()
        check(self.callers)
        for caller in self.callers:
            if not caller.went_away:
                self.check_refusal(caller)
        self.require_nothing_left()
        self.require_nothing_in_the_way()

    def require_nothing_left(self) -> None:
        """Everybody is gone, and nothing of them is held: a process lives for months."""
        assert self.gateway._under_way == {}
        assert all(lane.is_idle for lane in self.gateway._lanes.values())
        assert self.gateway.waiting_rows() == 0
        assert self.gateway._patient == 0

    def check_refusal(self, caller: Caller) -> None:
        """Nothing was lost, so whoever asked what can be answered was answered."""
        if caller.fails:
            assert isinstance(caller.refused, ModelFailed)
        else:
            assert caller.refused is None, "one caller's failure became another's"

    def flow(self) -> None:
        while self.wire.messages:
            self.wire.work(0)
        while self.wire.replies:
            self.wire.deliver(0)

    def require_nothing_in_the_way(self) -> None:
        """Whatever happened before, the next caller of each ml_model is sent at once and answered."""
        for which, kind in ((0, 0), (0, 1), (1, 1), (1, 0)):
            caller = self.caller(which, 0, new_values(1), self.patience, kind=kind).start()
            until = time.monotonic() + 1.0
            while caller.is_waiting and time.monotonic() < until:
                self.flow()
                time.sleep(0.001)
            check([caller])
            assert caller.refused is None


class WithLosses(Interleavings):
    """The same where messages and replies get lost, the queue breaks, and some callers have no patience."""

    patience = PATIENT

    @rule(which=PLACES, who=PLACES)
    def ask_in_haste(self, which: int, who: int) -> None:
        self.join(which, who, new_values(1), SHORT)

    @rule()
    def break_the_queue_off_and_on(self) -> None:
        self.wire.refuses = not self.wire.refuses

    @rule(place=PLACES)
    def refuse_message(self, place: int) -> None:
        if self.wire.messages:
            self.wire.refuse_message(place)

    @rule(place=PLACES)
    def lose_message(self, place: int) -> None:
        if self.wire.messages:
            self.wire.lose_message(place)

    @rule(which=PLACES, who=PLACES, patience=st.sampled_from([PATIENT, CALM]))
    def ask_and_go_away_from_what_is_lost(self, which: int, who: int, patience: float) -> None:
        """The end of nobody's patience would free the lane here: only going away does."""
        if self.wire.loop is None:
            return
        caller = self.caller(which, who, new_values(1), patience, kind=1).start()
        self.callers.append(caller)
        time.sleep(0.01)
        while self.wire.messages:
            self.wire.lose_message(0)
        assert isinstance(caller, LoopCaller)
        caller.go_away()

    @rule(place=PLACES)
    def lose_reply(self, place: int) -> None:
        if self.wire.replies:
            self.wire.lose_reply(place)

    def check_refusal(self, caller: Caller) -> None:
        """Nobody hears that their values fail when it was another's that did."""
        assert caller.fails or not isinstance(caller.refused, ModelFailed)


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch, beside: Beside) -> Callable[..., None]:
    """Try a machine on so many ``examples``."""

    def run(machine: type[Interleavings], *, examples: int) -> None:
        held = {"world": world, "patch": monkeypatch, "loop": beside.loop}
        try_it(type(machine.__name__, (machine,), held), examples)

    return run


def try_it(machine: type[Interleavings], examples: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_everybody_gets_their_own_in_whatever_order_things_happen(run: Callable[..., None]) -> None:
    run(Interleavings, examples=30)


def test_nobody_gets_what_is_anothers_whatever_gets_lost_on_the_way(run: Callable[..., None]) -> None:
    run(WithLosses, examples=25)


def test_a_reply_that_nobody_heard_is_found_in_the_history_at_the_deadline(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = wired(monkeypatch)
    values = new_values(20)
    caller = Caller(world.targets[0], FACTORS[0], world.actors[0](), values, PATIENT).start()
    wait_for(lambda: wire.messages)
    wire.work(0)
    wire.lose_reply(0)
    check([caller])
    assert caller.refused is None


def test_a_message_worked_on_after_the_deadline_stores_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = wired(monkeypatch)
    caller = Caller(world.targets[0], FACTORS[0], world.actors[0](), new_values(1), SHORT).start()
    wait_for(lambda: wire.messages)
    caller.finish()
    wire.work(0)
    wire.deliver(0)
    check([caller])
    assert isinstance(caller.refused, TryLater)
    assert caller.refused.retry_after > 0


def test_many_lost_messages_do_not_stop_those_who_come_after(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire = wired(monkeypatch)
    lost = []
    for _ in range(12):
        lost.append(Caller(world.targets[0], FACTORS[0], world.actors[0](), new_values(1), SHORT).start())
        time.sleep(0.04)
        if wire.messages:
            wire.lose_message(0)
    check(lost)
    assert all(isinstance(caller.refused, TryLater) for caller in lost)
    while wire.messages:
        wire.lose_message(0)
    after = Caller(world.targets[0], FACTORS[0], world.actors[0](), new_values(1), PATIENT).start()
    wait_for(lambda: wire.messages, seconds=PATIENT)
    wire.work(0)
    wire.deliver(0)
    check([after])
    assert after.refused is None
