"""A gateway that answers without a worker, and stores as the worker does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from predictions import gateway
from predictions.models import Prediction, Review
from predictions.models.ids import new_id
from predictions.selectors.targets import Target, shelf
from predictions.signature.answers import outcome_of, outputs_of, score_and_margin
from predictions.values import Actor, CheckedRow, GivenAnswer, RawAnswer
from tests import factories
from tests.support.moments import id_at


class FakeGateway:
    """Gives ``raw`` to every row, or raises ``error``."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.raw = RawAnswer(class_index=1, probabilities=(0.25, 0.75))
        self.calls: list[Sequence[CheckedRow]] = []

    def answer(
        self, *, target: Target, rows: Sequence[CheckedRow], actor: Actor, face: str
    ) -> list[GivenAnswer]:
        self.calls.append(rows)
        if self.error is not None:
            raise self.error
        return [store(target, row, actor, face, self.raw) for row in rows]


def store(target: Target, row: CheckedRow, actor: Actor, face: str, raw: RawAnswer) -> GivenAnswer:
    """One row as a worker writes it."""
    outputs = outputs_of(target.signature, raw)
    score, margin = score_and_margin(outputs)
    saved = Prediction(
        id=new_id(),
        ml_model_id=target.ml_model_id,
        version_id=target.version_id,
        revision_id=target.revision_id,
        outcome=outcome_of(outputs),
        score=score,
        margin=margin,
        warned=bool(row.warnings),
        face=face,
        user_id=actor.user_id,
        api_key_id=actor.api_key_id,
        visitor=actor.visitor,
        created_at=datetime.now(UTC),
        duration_ms=1.5,
    )
    saved.inputs, saved.outputs = list(row.values), outputs
    saved.warnings = [
        {"field": item.field, "code": item.code, "message": item.message} for item in row.warnings
    ]
    saved.save(force_insert=True)
    return GivenAnswer(saved.pk, outputs, row.warnings, saved.created_at)


@pytest.fixture(autouse=True)
def _fresh_shelf() -> None:
    shelf.clear()


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    """The stand-in for the gateway; set ``raw`` or ``error``."""
    fake = FakeGateway()
    monkeypatch.setattr(gateway, "answer", fake.answer)
    return fake


@pytest.fixture
def member(db: None) -> Client:
    """A signed-in account without further rights."""
    return signed_in()


def signed_in(**columns: Any) -> Client:
    """A client signed in to a new account."""
    client = Client()
    client.force_login(factories.user(**columns))
    return client


@pytest.fixture
def recorded(db: None) -> Callable[..., Prediction]:
    """Writes a prediction: ``recorded(target, values, actor=…, raw=…)``."""

    def write(
        target: Target,
        values: tuple[Any, ...],
        *,
        actor: Actor,
        raw: RawAnswer | None = None,
        **columns: Any,
    ) -> Prediction:
        given = store(
            target,
            CheckedRow(values),
            actor,
            "form",
            raw or RawAnswer(class_index=1, probabilities=(0.25, 0.75)),
        )
        pk = given.id
        if "created_at" in columns:
            pk = columns["id"] = id_at(columns["created_at"])
        if columns:
            Prediction.objects.filter(pk=given.id).update(**columns)
        return Prediction.objects.get(pk=pk)

    return write


def judge(row: Prediction, verdict: str, **columns: Any) -> Review:
    """A reviewer's verdict on a row."""
    reviewer = factories.user(is_staff=True)
    return Review.objects.create(prediction=row, verdict=verdict, reviewer=reviewer, **columns)
