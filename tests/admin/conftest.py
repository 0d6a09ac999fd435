"""Rows and people for the desk's tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from predictions.models import MLModel, Prediction
from predictions.services import reviews, roles
from predictions.signature.answers import outcome_of, score_and_margin
from predictions.values import Actor
from tests.support.ml_models import LOAN, SUM, make_ml_model
from tests.support.moments import id_at

LIST = "/admin/predictions/prediction/"


def page_of(row: Prediction, query: str = "") -> str:
    """The address of an answer's page."""
    return f"{LIST}{row.pk}/change/{query}"


def loan(share: float, label: str = "good") -> dict[str, Any]:
    """Outputs of the loan classifier."""
    other = "bad" if label == "good" else "good"
    return {"label": label, "probabilities": {label: share, other: 1 - share}}


@pytest.fixture(autouse=True)
def _roles(db: None) -> None:
    roles.make()


@pytest.fixture
def loans(db: None) -> MLModel:
    """A classifier with one version."""
    return make_ml_model("loans", LOAN)


@pytest.fixture
def sums(db: None) -> MLModel:
    """A regression with one version."""
    return make_ml_model("sums", SUM)


@pytest.fixture
def answer(db: None) -> Callable[..., Prediction]:
    """``answer(ml_model, outputs, at=…, …)`` records one as a worker does."""

    def record(
        ml_model: MLModel, outputs: dict[str, Any], *, at: datetime | None = None, **columns: Any
    ) -> Prediction:
        moment = at or timezone.now()
        version = columns.pop("version", None) or ml_model.versions.get(number=1)
        inputs = [40, 52_000.0, "car", True, ""] if ml_model.slug == "loans" else [1.0, 2.0, 3.0]
        score, margin = score_and_margin(outputs)
        values: dict[str, Any] = {
            "id": id_at(moment),
            "inputs": inputs,
            "outputs": outputs,
            "outcome": outcome_of(outputs),
            "score": score,
            "margin": margin,
            "warned": bool(columns.get("warnings")),
            "face": "form",
            "created_at": moment,
            "duration_ms": 2.5,
            **columns,
        }
        values |= {"version": version, "revision_id": version.current_revision_id}
        return Prediction.objects.create(ml_model=ml_model, **values)

    return record


@pytest.fixture
def several(answer: Callable[..., Prediction], loans: MLModel) -> list[Prediction]:
    """Five loan answers, the newest first, a minute apart."""
    now = timezone.now()
    shares = (0.52, 0.7, 0.9, 0.97, 0.58)
    return [
        answer(loans, loan(share), at=now - timedelta(minutes=place)) for place, share in enumerate(shares)
    ]


def account(*groups: str, **columns: Any) -> User:
    """An account in these roles."""
    name = columns.pop("username", f"person{User.objects.count()}")
    found = User.objects.create_user(name, **columns)
    found.groups.set(Group.objects.filter(name__in=groups))
    return found


def client_of(user: User) -> Client:
    """Signed in."""
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def reviewer(db: None) -> User:
    """A staff account that may judge."""
    return account(roles.REVIEWERS, username="rita", is_staff=True)


@pytest.fixture
def desk(reviewer: User) -> Client:
    """The reviewer's browser."""
    return client_of(reviewer)


@pytest.fixture
def root(db: None) -> Client:
    """A superuser's browser."""
    return client_of(account(username="root", is_staff=True, is_superuser=True))


def confirm(row: Prediction, user: User) -> None:
    """A verdict given elsewhere."""
    reviews.confirm(predictions=[row], actor=Actor(user_id=user.pk, is_staff=True))


def overrule(row: Prediction, user: User, reason: str = "The payslip is forged.", outcome: str = "") -> None:
    """The other verdict given elsewhere."""
    actor = Actor(user_id=user.pk, is_staff=True)
    reviews.overrule(predictions=[row], actor=actor, reason=reason, outcome=outcome)
