"""Answer now for coroutines, end to end: the gateway on a loop here, real workers, a real queue and a real database."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from deploy_site.supervisor import Supervisor
from predictions import gateway
from predictions.errors import ModelFailed, TryLater
from predictions.models import Prediction
from predictions.selectors.targets import Target
from predictions.values import Actor, GivenAnswer
from tests import factories
from tests.support.callers import Caller, LoopCaller, check, new_values
from tests.support.fragile import fragile_version
from tests.support.loops import Beside, adopted
from tests.support.workers import halted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]


@pytest.fixture(autouse=True)
def _on_loop(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    adopted(beside, monkeypatch)


async def answer(target: Target, values: list[float], seconds: float | None = None) -> list[GivenAnswer]:
    rows = target.validator.check_payload([[value] for value in values], max_rows=5000)
    return await gateway.answer_on_loop(
        target=target, rows=rows, actor=Actor(visitor=uuid4()), face="api", seconds=seconds
    )


def test_coroutines_and_threads_at_once_each_get_their_own_answer_and_row(
    worker: Supervisor, beside: Beside
) -> None:
    factors = (2.0, 3.0)
    targets = [factories.target(fragile_version(factor)) for factor in factors]
    for target in targets:
        # Known for many rows at a time: from a single one on a busy machine the gateway would expect too much time.
        beside.run(answer(target, new_values(300)))
    callers: list[Caller] = []
    for number in range(150):
        asked = (targets[number % 2], factors[number % 2], Actor(visitor=uuid4()))
        values = new_values(1 + number % 3)
        if number % 5 == 0:
            callers.append(Caller(*asked, values, 20.0))
        else:
            callers.append(LoopCaller(*asked, values, 20.0, loop=beside.loop))
    for caller in callers:
        caller.start()
    check(callers)
    assert [caller.refused for caller in callers if caller.refused is not None] == []


def test_a_thousand_rows_come_back_in_order(worker: Supervisor, beside: Beside) -> None:
    target = factories.target(factories.version())
    given = beside.run(answer(target, [float(number) for number in range(1000)]))
    assert [item.outputs["value"] for item in given] == pytest.approx(
        [2.0 * number for number in range(1000)], abs=1e-9
    )
    assert Prediction.objects.count() == 1000


def test_the_answer_is_the_row(worker: Supervisor, beside: Beside) -> None:
    (given,) = beside.run(answer(factories.target(factories.version()), [5.0]))
    row = Prediction.objects.get()
    assert (row.pk, row.outputs, row.created_at) == (given.id, given.outputs, given.created_at)


def test_what_the_ml_model_cannot_answer_fails_for_its_caller_alone(
    worker: Supervisor, beside: Beside
) -> None:
    target = factories.target(fragile_version(2.0))

    async def both() -> list[list[GivenAnswer] | BaseException]:
        asked = (answer(target, [1.0]), answer(target, [-2.0]), answer(target, [3.0]))
        return list(await asyncio.gather(*asked, return_exceptions=True))

    first, second, third = beside.run(both())
    assert isinstance(second, ModelFailed)
    for given, value in ((first, 2.0), (third, 6.0)):
        assert isinstance(given, list)
        assert given[0].outputs["value"] == value


def test_without_a_worker_everybody_hears_so_in_time_and_the_next_is_answered(
    worker: Supervisor, beside: Beside
) -> None:
    target = factories.target(factories.version())

    async def many() -> list[list[GivenAnswer] | BaseException]:
        asked = [answer(target, [1.0], seconds=1.2) for _ in range(100)]
        return await asyncio.gather(*asked, return_exceptions=True)

    with halted(worker, "interactive"):
        refused = beside.run(many(), seconds=4)
    assert {getattr(each, "code", each) for each in refused} == {"deadline_passed"}
    assert all(isinstance(each, TryLater) for each in refused)
    assert beside.run(answer(target, [2.0]))[0].outputs["value"] == pytest.approx(4.0)
    assert Prediction.objects.count() == 1


def test_a_reply_that_was_lost_is_found_in_the_database(
    worker: Supervisor, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = factories.target(factories.version())
    beside.run(answer(target, [1.0]))
    monkeypatch.setattr(gateway.process.current()._wire, "_on_reply", lambda reply: None)
    given = beside.run(answer(target, [float(value) for value in range(40)], seconds=1.5))
    assert [one.outputs["value"] for one in given] == pytest.approx([2.0 * value for value in range(40)])
