"""A crowd in front of real workers, a real queue and a real database: each caller gets their own, or nothing at all."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from deploy_site.supervisor import Process, Supervisor
from predictions.errors import ModelFailed, TryLater
from predictions.selectors.targets import Target
from predictions.services import api_keys
from predictions.values import Actor
from tests import factories
from tests.support.callers import Caller, check, new_values
from tests.support.fragile import fragile_version
from tests.support.workers import halted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]

FACTORS = (2.0, 3.0, 5.0)
SECONDS = 8.0
TINY = 0.52
"""A worker lets go half a second before its caller does, which leaves this one next to nothing."""


class Crowd:
    """Callers of every kind, several at a time, each with a value of their own."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._targets: list[Target] = [factories.target(fragile_version(factor)) for factor in FACTORS]
        users = [factories.user() for _ in range(4)]
        keys = [api_keys.create(name=f"partner {user.pk}", user=user)[0] for user in users[:2]]
        self._actors = [
            *(Actor(user_id=user.pk) for user in users),
            *(Actor(user_id=key.user_id, api_key_id=key.pk) for key in keys),
        ]
        self.callers: list[Caller] = []

    def ask(self, *, seconds: float = SECONDS, fails: bool = False, rows: int = 1) -> Caller:
        """One more caller, asking now."""
        which = self._dice.randrange(len(FACTORS))
        actor = self._dice.choice([*self._actors, Actor(visitor=uuid4())])
        values = new_values(rows)
        if fails:
            values[self._dice.randrange(rows)] *= -1
        caller = Caller(self._targets[which], FACTORS[which], actor, values, seconds)
        self.callers.append(caller)
        return caller.start()

    def ask_anything(self) -> Caller:
        """One caller of any kind: most ask for one row, some for many, some in vain."""
        kind = self._dice.random()
        if kind < 0.15:
            return self.ask(fails=True, rows=self._dice.choice([1, 2, 30]))
        if kind < 0.3:
            return self.ask(seconds=TINY)
        return self.ask(rows=self._dice.choice([1, 1, 1, 1, 2, 7, 40]))

    def pour(self, count: int, *, pause: float = 0.0) -> None:
        """So many callers of any kind, one after the other, none waiting for another."""
        for _ in range(count):
            self.ask_anything()
            time.sleep(self._dice.random() * pause)


@pytest.fixture
def crowd(worker: Supervisor) -> Iterator[Crowd]:
    made = Crowd(seed=20261123)
    made.ask().finish()
    yield made
    for caller in made.callers:
        caller.finish()


def test_a_crowd_of_all_kinds_each_gets_their_own_or_nothing(crowd: Crowd) -> None:
    doors = [threading.Thread(target=crowd.pour, args=(60,), kwargs={"pause": 0.01}) for _ in range(4)]
    for door in doors:
        door.start()
    for door in doors:
        door.join()
    check(crowd.callers)
    for caller in crowd.callers:
        if caller.fails and caller.seconds == SECONDS:
            assert isinstance(caller.refused, ModelFailed)
        elif caller.seconds == SECONDS:
            assert caller.refused is None, "one caller's failure or haste became another's"


def test_those_in_one_group_with_a_failing_caller_are_all_answered(crowd: Crowd, worker: Supervisor) -> None:
    with halted(worker, "interactive"):
        # While it hangs they gather behind each other, so that they go in few messages.
        for place in range(40):
            crowd.ask(fails=place % 5 == 0)
        time.sleep(0.3)
    check(crowd.callers)
    for caller in crowd.callers:
        assert (caller.refused is not None) == caller.fails
        assert caller.refused is None or isinstance(caller.refused, ModelFailed)


def test_whoever_left_while_the_worker_hung_has_no_row_later(crowd: Crowd, worker: Supervisor) -> None:
    with halted(worker, "interactive"):
        hasty = [crowd.ask(seconds=0.8) for _ in range(12)]
        patient = [crowd.ask() for _ in range(12)]
        time.sleep(1.2)
    check(crowd.callers)
    assert all(isinstance(caller.refused, TryLater) for caller in hasty)
    assert all(caller.refused is None for caller in patient)


def test_a_worker_killed_in_the_middle_leaves_nothing_half_done(crowd: Crowd, worker: Supervisor) -> None:
    interactive: Process = next(one for one in worker.processes if one.name == "interactive")
    crowd.pour(40, pause=0.004)
    interactive.stop()
    try:
        crowd.pour(20)
    finally:
        interactive.start()
    check(crowd.callers)
    after = [crowd.ask() for _ in range(8)]
    check(crowd.callers)
    assert all(caller.refused is None for caller in after)
