from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError
from msgspec.structs import replace as replace_struct

from predictions.errors import ModelFailed
from predictions.models import ModelVersion, Prediction
from predictions.models.ids import first_id
from predictions.registry import Registry
from predictions.services import inference, storing
from predictions.signature.fields import Field, Output
from predictions.signature.layer import Expression, Layer, Made
from predictions.values import Ask, Group, RawAnswer
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh_caches() -> Iterator[None]:
    caches = (inference.registry, inference._signature)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()


def ask_of(number: int, rows: list[list[Any]], *, seconds: float = 5.0, **columns: Any) -> Ask:
    return Ask(
        number=number,
        first_id=first_id(len(rows)),
        rows=rows,
        warnings=[[] for _ in rows],
        face="api",
        deadline=time.time() + seconds,
        **columns,
    )


def group_of(version: ModelVersion, asks: list[Ask], *, store: bool = True) -> Group:
    assert version.current_revision_id is not None
    return Group(
        id=1,
        reply_to="nobody",
        ml_model_id=version.ml_model_id,
        version_id=version.pk,
        revision_id=version.current_revision_id,
        sent_at=time.time() - 0.01,
        asks=asks,
        store=store,
    )


def test_answers_and_stores_one_row_per_case():
    version = factories.version()
    account = factories.user()
    ask = ask_of(7, [[5.0], [6.0]], user_id=account.pk)
    reply = inference.answer(group_of(version, [ask]))
    assert [(part.number, part.error_message) for part in reply.replies] == [(7, "")]
    assert [row["value"] for row in reply.replies[0].outputs] == pytest.approx([10.0, 12.0])
    rows = [Prediction.objects.get(pk=row_id) for row_id in ask.ids]
    assert [row.inputs for row in rows] == [[5.0], [6.0]]
    assert [row.outputs for row in rows] == reply.replies[0].outputs
    first = rows[0]
    assert (first.user_id, first.face, first.version_id) == (account.pk, "api", version.pk)
    assert first.score == pytest.approx(10.0)
    assert 5 < first.duration_ms < 60_000


def test_each_caller_of_a_group_gets_its_own_rows_and_owner():
    version = factories.version()
    visitor, account = uuid4(), factories.user()
    asks = [ask_of(1, [[1.0]], visitor=visitor), ask_of(2, [[2.0], [3.0]], user_id=account.pk)]
    replies = {part.number: part for part in inference.answer(group_of(version, asks)).replies}
    assert [row["value"] for row in replies[1].outputs] == pytest.approx([2.0])
    assert [row["value"] for row in replies[2].outputs] == pytest.approx([4.0, 6.0])
    assert set(Prediction.objects.filter(visitor=visitor).values_list("pk", flat=True)) == set(asks[0].ids)
    assert set(Prediction.objects.filter(user=account).values_list("pk", flat=True)) == set(asks[1].ids)


def test_a_caller_who_left_is_neither_answered_nor_stored():
    version = factories.version()
    gone, here = ask_of(1, [[1.0]], seconds=-1), ask_of(2, [[2.0]])
    replies = {part.number: part for part in inference.answer(group_of(version, [gone, here])).replies}
    assert replies[1].error_code == "deadline_passed"
    assert replies[2].outputs
    assert set(Prediction.objects.values_list("pk", flat=True)) == set(here.ids)


def test_a_message_sent_twice_stores_its_rows_once():
    version = factories.version()
    group = group_of(version, [ask_of(1, [[1.0], [2.0]])])
    first, second = inference.answer(group), inference.answer(group)
    assert first.replies == second.replies
    assert Prediction.objects.count() == 2


def test_a_half_stored_group_is_completed():
    version = factories.version()
    early, late = ask_of(1, [[1.0]]), ask_of(2, [[2.0]])
    inference.answer(group_of(version, [early]))
    inference.answer(group_of(version, [early, late]))
    assert set(Prediction.objects.values_list("pk", flat=True)) == {*early.ids, *late.ids}


def test_a_probe_stores_nothing():
    version = factories.version()
    reply = inference.answer(group_of(version, [ask_of(1, [[1.0]])], store=False))
    assert reply.replies[0].outputs
    assert not Prediction.objects.exists()


def test_a_trial_is_answered_under_its_draft_and_stores_nothing():
    version = factories.version()
    line = factories.line_signature()
    draft = replace(
        line,
        inputs=(Field(name="half", kind="number"),),
        outputs=(replace(line.main_output, factor=10.0),),
        layer=Layer(line.inputs, (Made("x", Expression("half * 2")),)),
    )
    group = replace_struct(group_of(version, [ask_of(1, [[3.0]])], store=False), draft=draft.to_document())
    assert inference.answer(group).replies[0].outputs == [{"value": 120.0, "raw": 12.0}]
    broken = replace_struct(group, draft={"format": 9})
    assert inference.answer(broken).replies[0].error_code == "model_failed"
    stored = replace_struct(group, store=True)
    assert inference.answer(stored).replies[0].outputs == [{"value": 6.0}]
    assert [row.inputs for row in Prediction.objects.all()] == [[3.0]]


class Choosy:
    """Fails whenever one row is negative, as a vectorised call does."""

    def predict(self, rows: Sequence[Sequence[Any]]) -> list[RawAnswer]:
        if any(row[0] < 0 for row in rows):
            raise ModelFailed("It cannot take the root of a negative number.")
        return [RawAnswer(value=row[0] ** 0.5) for row in rows]

    def close(self) -> None:
        pass


def test_one_callers_failure_harms_nobody_else(monkeypatch):
    version = factories.version()
    monkeypatch.setattr(inference, "registry", lambda: Registry(load=lambda _: Choosy(), limit=2))
    asks = [ask_of(1, [[4.0]]), ask_of(2, [[9.0], [-1.0]]), ask_of(3, [[16.0]])]
    replies = {part.number: part for part in inference.answer(group_of(version, asks)).replies}
    assert replies[1].outputs == [{"value": 2.0}]
    assert replies[2].error_code == "model_failed"
    assert replies[3].outputs == [{"value": 4.0}]
    assert set(Prediction.objects.values_list("pk", flat=True)) == {*asks[0].ids, *asks[2].ids}


class Broken:
    def predict(self, rows: Sequence[Sequence[Any]]) -> list[RawAnswer]:
        raise ZeroDivisionError(f"division of {rows[0][0]}")

    def close(self) -> None:
        pass


def test_a_bug_in_a_runtime_is_told_without_its_text_and_stores_nothing(monkeypatch, caplog):
    version = factories.version()
    monkeypatch.setattr(inference, "registry", lambda: Registry(load=lambda _: Broken(), limit=2))
    reply = inference.answer(group_of(version, [ask_of(1, [[4711.5]])]))
    assert reply.replies[0].error_code == "model_failed"
    assert "division" not in reply.replies[0].error_message
    assert "4711" not in caplog.text.split("Traceback")[0]
    assert not Prediction.objects.exists()


def test_an_answer_that_cannot_be_stored_is_not_given(monkeypatch):
    version = factories.version()

    def down(**_: Any) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(storing, "store", down)
    monkeypatch.setattr("predictions.services.connections.connection.close", lambda: None)
    reply = inference.answer(group_of(version, [ask_of(1, [[1.0]])]))
    assert reply.replies[0].error_code == "database_unavailable"
    assert reply.replies[0].outputs == []


def test_text_with_every_awkward_character_is_stored_as_it_is():
    version = factories.version()
    awkward = 'tab\t line\n back\\slash "quote" 😀 \\N \\. ü'
    ask = ask_of(1, [[1.0]])
    ask.warnings[0].append({"field": "x", "code": "note", "message": awkward})
    inference.answer(group_of(version, [ask]))
    assert Prediction.objects.get().warnings[0]["message"] == awkward


def test_an_outcome_with_awkward_characters_is_stored_as_it_is():
    version = factories.version()
    group = group_of(version, [ask_of(1, [[1.0]])])
    label = "a\tb\nc\\d\r"
    storing.store(
        group=group, answered=[storing.Answered(group.asks[0], [{"label": label}])], now=time.time()
    )
    assert Prediction.objects.get().outputs == {"label": label}


def test_a_version_whose_artifact_was_changed_is_not_served(settings):
    version = factories.version()
    ModelVersion.objects.filter(pk=version.pk).update(artifact_sha256="0" * 64)
    reply = inference.answer(group_of(version, [ask_of(1, [[1.0]])]))
    assert reply.replies[0].error_code
    assert not Prediction.objects.exists()


class Telling:
    """Says in its answer what a case held; -1 gives half a character, which no text can hold."""

    def predict(self, rows: Sequence[Sequence[Any]]) -> list[RawAnswer]:
        return [RawAnswer(outputs={"said": "a\ud800b" if row[0] == -1 else "fine"}) for row in rows]

    def close(self) -> None:
        pass


def telling_version() -> ModelVersion:
    return factories.version(
        signature=replace(
            factories.line_signature(), task="other", outputs=(Output(name="said", kind="tensor"),)
        )
    )


def test_an_answer_the_database_refuses_harms_nobody_else_and_is_not_quoted(monkeypatch, caplog):
    version = telling_version()
    monkeypatch.setattr(inference, "registry", lambda: Registry(load=lambda _: Telling(), limit=2))
    asks = [ask_of(1, [[4.0]]), ask_of(2, [[9.0], [-1]]), ask_of(3, [[16.0]])]
    replies = {part.number: part for part in inference.answer(group_of(version, asks)).replies}
    assert (replies[1].error_code, replies[3].error_code) == ("", "")
    assert replies[2].error_code == "model_failed"
    assert set(Prediction.objects.values_list("pk", flat=True)) == {*asks[0].ids, *asks[2].ids}
    assert "a\ud800b" not in caplog.text
    assert "\\ud800" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_answer_of_an_account_that_was_just_deleted_harms_nobody_else():
    version = factories.version()
    gone = factories.user()
    asks = [ask_of(1, [[1.0]], user_id=gone.pk), ask_of(2, [[2.0]])]
    gone.delete()
    replies = {part.number: part for part in inference.answer(group_of(version, asks)).replies}
    assert replies[1].error_code == "not_stored"
    assert replies[2].outputs
    assert set(Prediction.objects.values_list("pk", flat=True)) == set(asks[1].ids)


def test_first_callers_at_once_share_one_registry(monkeypatch):
    made: list[Registry] = []

    class Slow(Registry):
        def __init__(self, **more: Any) -> None:
            time.sleep(0.05)
            super().__init__(**more)
            made.append(self)

    monkeypatch.setattr(inference, "Registry", Slow)
    threads = [threading.Thread(target=inference._registry) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
