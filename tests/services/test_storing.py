from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from predictions.models import Prediction, PredictionBlock
from predictions.models.ids import first_id
from predictions.selectors import blocks
from predictions.services import copying
from predictions.services.storing import BLOCK_FROM, Answered, store
from predictions.values import Ask, Group
from tests import factories

pytestmark = pytest.mark.django_db

WARNING = {"field": "x", "code": "note", "message": "Tab\t, \\N, \\. and 😀."}


@pytest.fixture
def origin() -> dict[str, Any]:
    version = factories.version()
    assert version.current_revision_id is not None
    return {
        "ml_model_id": version.ml_model_id,
        "version_id": version.pk,
        "revision_id": version.current_revision_id,
    }


def group_of(origin: dict[str, Any], *asks: Ask) -> Group:
    return Group(id=1, reply_to="nobody", sent_at=time.time() - 0.01, asks=list(asks), **origin)


def ask_of(count: int, *, number: int = 1, begin: UUID | None = None, **columns: Any) -> Ask:
    return Ask(
        number=number,
        first_id=begin or first_id(count),
        rows=[[position, "é\t\\", None] for position in range(count)],
        warnings=columns.pop("warnings", [[] for _ in range(count)]),
        face="api",
        deadline=time.time() + 5,
        **columns,
    )


def answers(count: int) -> list[dict[str, Any]]:
    return [
        {"label": f"label {position % 3}", "probabilities": {"a": 0.25, "b": 0.75 - position * 2.0**-20}}
        for position in range(count)
    ]


@pytest.mark.parametrize("count", [1, BLOCK_FROM - 1, BLOCK_FROM, 1000])
def test_every_case_of_an_ask_is_found_by_its_id(origin, count):
    warnings = [[WARNING] if position == count - 1 else [] for position in range(count)]
    ask = ask_of(count, warnings=warnings, visitor=uuid4())
    given = answers(count)
    store(group=group_of(origin, ask), answered=[Answered(ask, given, (0,))], now=time.time())
    for position in {0, count // 2, count - 1}:
        row = Prediction.objects.get(pk=UUID(int=ask.first_id.int + position))
        assert (row.inputs, row.outputs) == (ask.rows[position], given[position])
        assert row.warnings == warnings[position]
        assert (row.warned, row.cached) == (position == count - 1, position == 0)
        assert (row.outcome, row.score) == (given[position]["label"], given[position]["probabilities"]["b"])
        assert row.margin == given[position]["probabilities"]["b"] - 0.25
        assert row.visitor == ask.visitor
    assert Prediction.objects.count() == count


def test_only_asks_of_many_cases_have_a_block(origin):
    few, many = ask_of(BLOCK_FROM - 1, number=1), ask_of(BLOCK_FROM, number=2)
    answered = [Answered(ask, answers(len(ask.rows))) for ask in (few, many)]
    store(group=group_of(origin, few, many), answered=answered, now=time.time())
    assert list(PredictionBlock.objects.values_list("pk", "rows")) == [(many.first_id, BLOCK_FROM)]
    assert Prediction.objects.filter(own=None).count() == BLOCK_FROM


def test_cases_whose_id_leaves_no_room_for_positions_are_kept_in_their_rows(origin):
    ask = ask_of(40, begin=UUID(int=first_id(40).int + 7))
    store(group=group_of(origin, ask), answered=[Answered(ask, answers(40))], now=time.time())
    assert not PredictionBlock.objects.exists()
    assert Prediction.objects.get(pk=UUID(int=ask.first_id.int + 39)).inputs == ask.rows[39]


def test_the_blocks_of_many_rows_are_read_with_one_query(origin, django_assert_num_queries):
    asks = [ask_of(20, number=number) for number in range(3)]
    answered = [Answered(ask, answers(20)) for ask in asks]
    store(group=group_of(origin, *asks), answered=answered, now=time.time())
    with django_assert_num_queries(2):
        rows = list(Prediction.objects.all())
        blocks.fill(rows)
        found = {row.pk: row.inputs for row in rows}
    assert found == {pk: values for ask in asks for pk, values in zip(ask.ids, ask.rows, strict=True)}


def test_rows_read_without_their_cases_get_them_in_two_queries(origin, django_assert_num_queries):
    asks = [ask_of(20, number=1), ask_of(2, number=2)]
    answered = [Answered(ask, answers(len(ask.rows))) for ask in asks]
    store(group=group_of(origin, *asks), answered=answered, now=time.time())
    rows = list(blocks.without_cases(Prediction.objects.all()))
    with django_assert_num_queries(2):
        blocks.fill(rows)
        assert sum(len(row.inputs) for row in rows) == 22 * 3


@pytest.mark.parametrize("count", [1, 300])
def test_a_group_that_comes_twice_is_stored_once(origin, count):
    ask = ask_of(count)
    for _ in range(2):
        store(group=group_of(origin, ask), answered=[Answered(ask, answers(count))], now=time.time())
    assert Prediction.objects.count() == count
    assert PredictionBlock.objects.count() == (count >= BLOCK_FROM)


def test_what_is_missing_of_a_group_that_comes_twice_is_added(origin):
    asks = [ask_of(count, number=count) for count in (1, 20, 2, 30)]
    answered = [Answered(ask, answers(len(ask.rows))) for ask in asks]
    store(group=group_of(origin, *asks), answered=answered[:2], now=time.time())
    store(group=group_of(origin, *asks), answered=answered, now=time.time())
    assert set(Prediction.objects.values_list("pk", flat=True)) == {pk for ask in asks for pk in ask.ids}
    assert PredictionBlock.objects.count() == 2


@pytest.mark.parametrize("name", ["ml_model_id", "version_id", "revision_id", "user_id", "api_key_id"])
@pytest.mark.parametrize("count", [1, 20])
def test_an_answer_that_refers_to_nothing_is_refused(origin, name, count):
    known = ask_of(1, number=1)
    wrong: dict[str, Any] = {name: 4711}
    unknown = ask_of(count, number=2) if name in origin else ask_of(count, number=2, **wrong)
    wrong = wrong if name in origin else {}
    answered = [Answered(ask, answers(len(ask.rows))) for ask in (known, unknown)]
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        store(group=group_of({**origin, **wrong}, known, unknown), answered=answered, now=time.time())
    assert caught.value.__cause__.pgcode == "23503"
    assert not Prediction.objects.exists()
    assert not PredictionBlock.objects.exists()


def test_the_moment_and_the_duration_are_those_of_the_answer(origin):
    ask = ask_of(1)
    now = 1_795_000_000.123457
    group = Group(id=1, reply_to="", sent_at=now - 0.0255, asks=[ask], **origin)
    store(group=group, answered=[Answered(ask, answers(1))], now=now)
    row = Prediction.objects.get()
    assert row.created_at == datetime.fromtimestamp(now, UTC)
    assert row.duration_ms == pytest.approx(25.5, abs=0.001)


@pytest.mark.parametrize(
    ("outputs", "score", "margin"),
    [
        ({"value": 12.5}, 12.5, None),
        ({"value": [1.0, 2.0]}, None, None),
        ({"label": "normal", "score": -0.25}, -0.25, None),
        ({"label": 3}, None, None),
        ({"label": "a", "probabilities": {"a": 1.0}}, 1.0, 1.0),
        ({"label": "a", "probabilities": {"a": None, "b": None}}, None, None),
        ({"label": "a", "probabilities": {"a": 0.5, "b": None, "c": 0.375}}, 0.5, 0.125),
        ({"outputs": {"said": "a\x00b"}}, None, None),
    ],
)
@pytest.mark.parametrize("count", [1, 20])
def test_score_and_margin_say_what_the_outputs_say(origin, outputs, score, margin, count):
    ask = ask_of(count)
    store(group=group_of(origin, ask), answered=[Answered(ask, [outputs] * count)], now=time.time())
    row = Prediction.objects.order_by("pk").last()
    assert (row.score, row.margin, row.outputs) == (score, margin, outputs)


@pytest.mark.parametrize("values", [[2**70, -(2**70)], [1.0, 1, True, None], [[1.5, [2]], "x" * 3000]])
@pytest.mark.parametrize("count", [1, 20])
def test_values_come_back_as_they_were(origin, values, count):
    ask = ask_of(count)
    ask.rows[:] = [values] * count
    store(group=group_of(origin, ask), answered=[Answered(ask, answers(count))], now=time.time())
    for row in Prediction.objects.all():
        assert row.inputs == values
        assert [type(value) for value in row.inputs] == [type(value) for value in values]


@pytest.mark.django_db(transaction=True)
def test_without_a_transaction_around_it_all_or_nothing_is_stored(origin):
    whole, broken = ask_of(20, number=1), ask_of(20, number=2)
    given = [Answered(whole, answers(20)), Answered(broken, [{"label": "a\ud800"}] * 20)]
    with pytest.raises(UnicodeEncodeError):
        store(group=group_of(origin, whole, broken), answered=given, now=time.time())
    given[1] = Answered(broken, answers(20))
    store(group=group_of(origin, broken), answered=given[1:], now=time.time())
    with pytest.raises(IntegrityError):
        copying.write([], [copying.block(whole.first_id, 20, b""), copying.block(broken.first_id, 20, b"")])
    assert set(Prediction.objects.values_list("pk", flat=True)) == set(broken.ids)
    assert PredictionBlock.objects.get().pk == broken.first_id


def test_a_row_whose_block_is_gone_says_so(origin):
    ask = ask_of(20)
    store(group=group_of(origin, ask), answered=[Answered(ask, answers(20))], now=time.time())
    PredictionBlock.objects.all().delete()
    row = Prediction.objects.get(pk=ask.first_id)
    with pytest.raises(PredictionBlock.DoesNotExist):
        blocks.fill([row])
    with pytest.raises(PredictionBlock.DoesNotExist):
        _ = row.outputs


def test_storing_works_where_queries_are_logged(origin):
    ask = ask_of(20)
    with CaptureQueriesContext(connection):
        store(group=group_of(origin, ask), answered=[Answered(ask, answers(20))], now=time.time())
    assert Prediction.objects.count() == 20
