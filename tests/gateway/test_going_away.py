"""A caller on the loop whose client went away stands in nobody's way, whatever becomes of its message."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from predictions.gateway import process
from predictions.gateway.process import ProcessGateway
from predictions.models import Prediction
from predictions.selectors.targets import Target
from predictions.values import Actor
from tests.support.callers import Caller, LoopCaller, check, new_values
from tests.support.loops import Beside
from tests.support.sites import wait_for
from tests.support.wires import HeldWire, held_gateway

pytestmark = pytest.mark.django_db(transaction=True)

CALM, SHORT = 10.0, 0.7
Come = Callable[..., LoopCaller]


@pytest.fixture
def held(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> tuple[ProcessGateway, HeldWire]:
    made, wire = held_gateway(beside.loop)
    monkeypatch.setattr(process, "current", lambda: made)
    return made, wire


@pytest.fixture
def come(beside: Beside, target: Target) -> Come:
    def come(seconds: float = CALM) -> LoopCaller:
        actor = Actor(visitor=uuid4())
        return LoopCaller(target, 2.0, actor, new_values(1), seconds, loop=beside.loop).start()

    return come


def in_one_message(
    gateway: ProcessGateway, wire: HeldWire, first: Caller, *come: Callable[[], Caller]
) -> list[Caller]:
    """Those wait behind ``first``, which is answered; they are sent together then."""
    wait_for(lambda: wire.messages)
    others: list[Caller] = []
    for each in come:
        others.append(each())
        wait_for(lambda: gateway.waiting_rows() == len(others))
    wire.work(0)
    wire.deliver(0)
    first.finish()
    assert wire.messages == 1
    return others


def test_who_went_away_before_being_sent_is_not_sent(
    held: tuple[ProcessGateway, HeldWire], come: Come
) -> None:
    gateway, wire = held
    first = come()
    wait_for(lambda: wire.messages)
    gone = come()
    wait_for(lambda: gateway.waiting_rows())
    gone.go_away()
    gone.finish()
    assert gateway.waiting_rows() == 0
    wire.work(0)
    wire.deliver(0)
    check([first, gone])
    assert first.given is not None
    assert not wire.messages


def test_those_behind_one_that_went_away_under_way_are_sent_at_once(
    held: tuple[ProcessGateway, HeldWire], come: Come
) -> None:
    _, wire = held
    gone = come()
    wait_for(lambda: wire.messages)
    behind = come()
    wire.lose_message(0)
    gone.go_away()
    wait_for(lambda: wire.messages, seconds=2)
    wire.work(0)
    wire.deliver(0)
    check([gone, behind])
    assert behind.given is not None
    assert behind.took < CALM / 2


def test_who_goes_away_does_not_take_the_reply_from_those_in_the_same_message(
    held: tuple[ProcessGateway, HeldWire], come: Come
) -> None:
    gateway, wire = held
    gone, staying = in_one_message(gateway, wire, come(), come, come)
    assert isinstance(gone, LoopCaller)
    gone.go_away()
    gone.finish()
    wire.work(0)
    wire.deliver(0)
    check([gone, staying])
    assert staying.given is not None
    assert Prediction.objects.count() == 3, "what was under way is answered all the same"


def test_the_last_of_a_message_frees_the_lane_though_one_with_more_time_went_away(
    held: tuple[ProcessGateway, HeldWire], come: Come
) -> None:
    gateway, wire = held
    gone, last = in_one_message(gateway, wire, come(), come, lambda: come(SHORT))
    assert isinstance(gone, LoopCaller)
    gone.go_away()
    wire.lose_message(0)
    check([gone, last])
    assert last.refused is not None
    assert gateway._under_way == {}
    assert all(lane.is_idle for lane in gateway._lanes.values())
    after = come()
    wait_for(lambda: wire.messages, seconds=1)
    wire.work(0)
    wire.deliver(0)
    check([after])
    assert after.given is not None


def test_a_refused_message_is_refused_to_each_of_its_callers_and_the_next_goes(
    held: tuple[ProcessGateway, HeldWire], come: Come
) -> None:
    gateway, wire = held
    together = in_one_message(gateway, wire, come(), come, come, come)
    behind = come()
    wait_for(lambda: gateway.waiting_rows())
    wire.refuse_message(0)
    wait_for(lambda: wire.messages, seconds=1)
    for each in together:
        each.finish()
        assert each.refused is not None
        assert each.took < 2
    wire.work(0)
    wire.deliver(0)
    check([*together, behind])
    assert behind.given is not None
