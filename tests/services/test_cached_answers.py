"""Groups answered in part from the cache: rows, owners and marks, with a real database and real artifacts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

import pytest
from pytest_django.fixtures import Settings

from predictions.errors import ModelFailed
from predictions.models import ModelVersion, Prediction
from predictions.models.ids import first_id
from predictions.registry import Registry
from predictions.services import inference
from predictions.services.answer_cache import answer_cache
from predictions.values import Ask, Group, RawAnswer
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    caches = (inference.registry, inference._signature, answer_cache)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


class Slow:
    """Works for twenty milliseconds a row and counts the rows; a negative one fails the call."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    def predict(self, rows: Sequence[Sequence[Any]]) -> list[RawAnswer]:
        self.asked += [row[0] for row in rows]
        until = time.thread_time() + 20e-3 * len(rows)
        while time.thread_time() < until:
            pass
        if any(row[0] < 0 for row in rows):
            raise ModelFailed("No.")
        return [RawAnswer(value=row[0] * 2) for row in rows]

    def close(self) -> None:
        pass


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    runtime = Slow()
    registry = Registry(load=lambda _: runtime, limit=2)
    monkeypatch.setattr(inference, "registry", lambda: registry)
    return runtime


def ask_of(number: int, *values: float, **columns: Any) -> Ask:
    return Ask(
        number=number,
        first_id=first_id(len(values)),
        rows=[[value] for value in values],
        warnings=[[] for _ in values],
        face="api",
        deadline=time.time() + 30,
        **columns,
    )


def answers_to(version: ModelVersion, *asks: Ask, store: bool = True) -> dict[int, list[Any]]:
    assert version.current_revision_id is not None
    group = Group(
        id=1,
        reply_to="nobody",
        ml_model_id=version.ml_model_id,
        version_id=version.pk,
        revision_id=version.current_revision_id,
        sent_at=time.time(),
        asks=list(asks),
        store=store,
    )
    return {
        one.number: [outputs["value"] for outputs in one.outputs] or [one.error_code]
        for one in inference.answer(group).replies
    }


def marks(ask: Ask) -> list[bool]:
    return [Prediction.objects.get(pk=row_id).cached for row_id in ask.ids]


def test_each_case_is_a_row_of_its_caller_whether_cached_or_not(slow: Slow) -> None:
    version = factories.version()
    account, visitor = factories.user(), uuid4()
    first = ask_of(1, 1.0, 2.0, user_id=account.pk)
    assert answers_to(version, first) == {1: [2.0, 4.0]}
    second, third = ask_of(2, 3.0, 2.0, visitor=visitor), ask_of(3, 1.0, user_id=account.pk)
    assert answers_to(version, second, third) == {2: [6.0, 4.0], 3: [2.0]}
    assert slow.asked == [1.0, 2.0, 3.0]
    assert (marks(first), marks(second), marks(third)) == ([False, False], [False, True], [True])
    rows = Prediction.objects.filter(visitor=visitor)
    assert {row.pk for row in rows} == set(second.ids)
    assert {row.outputs["value"] for row in rows} == {6.0, 4.0}
    assert Prediction.objects.filter(user=account).count() == 3


def test_a_block_of_cases_says_which_of_them_were_cached(slow: Slow) -> None:
    version = factories.version()
    answers_to(version, ask_of(1, *range(20)))
    again = ask_of(2, *range(10, 30))
    assert answers_to(version, again) == {2: [2 * value for value in range(10, 30)]}
    assert slow.asked == [*range(30)]
    assert marks(again) == [True] * 10 + [False] * 10


def test_who_fails_in_a_group_harms_neither_the_cached_nor_the_new(slow: Slow) -> None:
    version = factories.version()
    answers_to(version, ask_of(1, 5.0))
    asks = [ask_of(1, 5.0), ask_of(2, -1.0), ask_of(3, 5.0, 6.0)]
    assert answers_to(version, *asks) == {1: [10.0], 2: ["model_failed"], 3: [10.0, 12.0]}
    assert (marks(asks[0]), marks(asks[2])) == ([True], [True, False])
    assert not Prediction.objects.filter(pk__in=asks[1].ids).exists()
    assert answers_to(version, ask_of(1, -1.0)) == {1: ["model_failed"]}


def test_another_version_and_another_revision_compute_their_own(slow: Slow) -> None:
    one = factories.version()
    other = factories.version(ml_model=one.ml_model)
    answers_to(one, ask_of(1, 5.0))
    answers_to(other, ask_of(1, 5.0))
    assert slow.asked == [5.0, 5.0]


def test_a_probe_always_asks_the_runtime(slow: Slow) -> None:
    version = factories.version()
    answers_to(version, ask_of(1, 5.0))
    answers_to(version, ask_of(2, 5.0))
    assert slow.asked == [5.0]
    assert answers_to(version, ask_of(3, 5.0), store=False) == {3: [10.0]}
    assert slow.asked == [5.0, 5.0]


def test_it_can_be_turned_off(slow: Slow, settings: Settings) -> None:
    settings.ANSWER_CACHE_MB = 0
    version = factories.version()
    for number in range(3):
        ask = ask_of(number, 5.0)
        answers_to(version, ask)
        assert marks(ask) == [False]
    assert slow.asked == [5.0] * 3


def test_a_cheap_graph_leaves_it_off_by_itself() -> None:
    """Whatever its first call cost, some calls later the same input again is simply computed."""
    version = factories.sign_version()
    for number in range(30):
        answer = inference.answer(
            Group(
                id=1,
                reply_to="nobody",
                ml_model_id=version.ml_model_id,
                version_id=version.pk,
                revision_id=version.current_revision_id or 0,
                sent_at=time.time(),
                asks=[ask := Ask(number, first_id(1), [[1.0, 2.0]], [[]], "api", time.time() + 30)],
            )
        )
        assert answer.replies[0].outputs[0]["label"] == "above"
    assert marks(ask) == [False]
