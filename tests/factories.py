"""Rows that tests start from, with real artifacts behind them."""

from __future__ import annotations

import io
import itertools
from typing import Any

import numpy as np
from django.contrib.auth.models import User
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression, LogisticRegression

from predictions import repository
from predictions.ml.plan import Feed, Plan
from predictions.models import Deployment, MLModel, ModelVersion, SignatureRevision, Source
from predictions.selectors.targets import Target, live_target
from predictions.signature.fields import ClassName, Field, Output, Signature
from predictions.values import Actor

_numbers = itertools.count(1)

STAFF = Actor(is_staff=True, is_superuser=True)


def user(**columns: Any) -> User:
    """An account; ``is_staff`` and ``is_superuser`` as wanted."""
    number = next(_numbers)
    return User.objects.create_user(**{"username": f"user{number}", "password": "correct horse 7", **columns})


def actor_for(account: User) -> Actor:
    """The actor an account is."""
    return Actor(user_id=account.pk, is_staff=account.is_staff, is_superuser=account.is_superuser)


def line_signature() -> Signature:
    """One number in, one number out: y = 2x."""
    return Signature(
        task="regression",
        inputs=(Field(name="x", kind="number", soft_minimum=1, soft_maximum=4, example=2.0),),
        outputs=(Output(name="y", kind="number", unit="m"),),
    )


def line_onnx() -> bytes:
    """y = 2x as a graph in float64."""
    table = np.array([[1.0], [2.0], [3.0], [4.0]])
    estimator = LinearRegression().fit(table, table[:, 0] * 2)
    return to_onnx(estimator, table[:1]).SerializeToString()


def line_plan() -> Plan:
    """Feeds ``line_onnx``."""
    return Plan(feeds=(Feed("X", "float64", "matrix", (0,)),), value_output="variable", outputs=("variable",))


def sign_signature() -> Signature:
    """Two numbers in, a class out: whether their sum is above zero."""
    return Signature(
        task="classification",
        inputs=(
            Field(name="a", kind="number", unit="mm", minimum=-100, maximum=100, example=1.0),
            Field(name="b", kind="number", example=1.0),
        ),
        outputs=(
            Output(
                name="sign",
                kind="class",
                probabilities=True,
                classes=(ClassName(0, "below"), ClassName(1, "above")),
            ),
        ),
    )


def sign_estimator() -> LogisticRegression:
    """The estimator behind ``sign_onnx``."""
    table = np.random.default_rng(0).normal(size=(200, 2))
    return LogisticRegression().fit(table, (table.sum(axis=1) > 0).astype(int))


def sign_onnx() -> bytes:
    """The sign classifier as a graph in float64."""
    estimator = sign_estimator()
    options = {id(estimator): {"zipmap": False}}
    return to_onnx(estimator, np.zeros((1, 2)), options=options).SerializeToString()


def sign_plan() -> Plan:
    """Feeds ``sign_onnx``."""
    return Plan(
        feeds=(Feed("X", "float64", "matrix", (0, 1)),),
        label_output="label",
        probability_output="probabilities",
        outputs=("label", "probabilities"),
    )


def version(
    *,
    signature: Signature | None = None,
    onnx: bytes | None = None,
    plan: Plan | None = None,
    ml_model: MLModel | None = None,
    live: bool = True,
    **columns: Any,
) -> ModelVersion:
    """A sealed version (of the line unless told otherwise) with its artifact stored, live unless told otherwise."""
    number = next(_numbers)
    signature = signature or line_signature()
    if ml_model is None:
        ml_model = MLModel.objects.create(
            **{"slug": f"line-{number}", "name": f"Line {number}", "visibility": "public", **columns}
        )
    stored = repository.store(io.BytesIO(onnx or line_onnx()), kind="artifacts", max_bytes=10**7)
    source = Source.objects.create(
        ml_model=ml_model,
        filename="line.onnx",
        format="onnx",
        key=stored.key,
        size=stored.size,
        sha256=stored.sha256,
    )
    row = ModelVersion.objects.create(
        ml_model=ml_model,
        number=ml_model.versions.count() + 1,
        source=source,
        runtime=ModelVersion.Runtime.ONNX,
        artifact_key=stored.key,
        artifact_sha256=stored.sha256,
        artifact_size=stored.size,
        plan=(plan or line_plan()).to_document(),
    )
    row.current_revision = SignatureRevision.objects.create(
        version=row, number=1, document=signature.to_document()
    )
    row.save(update_fields=["current_revision"])
    if live:
        Deployment.objects.filter(ml_model=ml_model, ended_at=None).delete()
        Deployment.objects.create(ml_model=ml_model, version=row)
    return row


def sign_version(**columns: Any) -> ModelVersion:
    """A live sign classifier."""
    return version(signature=sign_signature(), onnx=sign_onnx(), plan=sign_plan(), **columns)


def target(row: ModelVersion) -> Target:
    """What a door would answer with."""
    return live_target(STAFF, row.ml_model.slug, fresh=True)
