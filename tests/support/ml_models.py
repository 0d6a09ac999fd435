"""Rows of ml_models for tests that need no artifact behind them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from predictions.models import Deployment, MLModel, ModelVersion, SignatureRevision, Source
from predictions.signature.fields import Choice, ClassName, Field, Output, Signature

SUM = Signature(
    task="regression",
    inputs=(
        Field(
            name="x1", kind="number", minimum=-100, maximum=100, soft_minimum=0, soft_maximum=10, unit="cm"
        ),
        Field(name="x2", kind="number", example=2.0),
        Field(name="x3", kind="number", example=3.0),
    ),
    outputs=(Output(name="y", kind="number"),),
)

LOAN = Signature(
    task="classification",
    inputs=(
        Field(name="age", kind="integer", label="Age", unit="years", minimum=18, maximum=120, example=40),
        Field(name="income", kind="number", nullable=True, required=False),
        Field(name="purpose", kind="choice", choices=(Choice("car", "A car"), Choice("tv")), example="car"),
        Field(name="owner", kind="boolean", required=False, default=False),
        Field(name="note", kind="text", required=False, default="", max_length=40),
    ),
    outputs=(
        Output(
            name="risk",
            kind="class",
            classes=(ClassName(0, "good"), ClassName(1, "bad")),
            probabilities=True,
        ),
    ),
)


def make_ml_model(
    slug: str,
    signature: Signature,
    *,
    visibility: str = "public",
    owner: User | None = None,
    live: bool = True,
    is_default: bool = False,
) -> MLModel:
    """An ml_model with one sealed version whose artifact does not exist."""
    ml_model = MLModel.objects.create(
        slug=slug,
        name=slug.title(),
        description=f"About {slug}.",
        visibility=visibility,
        owner=owner,
        is_default=is_default,
    )
    add_version(ml_model, signature, live=live)
    return ml_model


def add_version(
    ml_model: MLModel, signature: Signature, *, live: bool = False, report: dict[str, Any] | None = None
) -> ModelVersion:
    """The next version; ``live`` ends the one before."""
    number = ml_model.versions.count() + 1
    source = Source.objects.create(
        ml_model=ml_model, filename=f"{ml_model.slug}.joblib", format="joblib", size=10, sha256="0" * 64
    )
    version = ModelVersion.objects.create(
        ml_model=ml_model,
        number=number,
        source=source,
        runtime="onnx",
        artifact_key="none",
        artifact_sha256="0" * 64,
        artifact_size=10,
        report=report or {},
    )
    version.current_revision = SignatureRevision.objects.create(
        version=version, number=1, document=signature.to_document()
    )
    version.save(update_fields=["current_revision"])
    if live:
        Deployment.objects.filter(ml_model=ml_model, ended_at=None).delete()
        Deployment.objects.create(ml_model=ml_model, version=version)
    return version


def proof(**verdicts: str) -> dict[str, Any]:
    """A proof as a build writes it, by the verdict of each check."""
    checks = [
        {"code": code, "verdict": verdict, "message": f"What was found by {code}.", "measured": {"rows": 20}}
        for code, verdict in verdicts.items()
    ]
    return {"checks": checks, "rows": 20, "seconds": 0.1}


def failed_proof(*codes: str) -> dict[str, Any]:
    """A proof that passed but for these checks."""
    return proof(loads="passed", **dict.fromkeys(codes, "failed"))
