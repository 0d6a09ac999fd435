"""Who asks in the two histories, and what: the same in both."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User

from predictions.models import ApiKey, Deployment, MLModel, ModelVersion, SignatureRevision, Source
from predictions.services import api_keys, roles
from predictions.signature.fields import ClassName, Field, Output, Signature

SLUGS = ("loan", "churn", "risk", "seldom")
VISITOR = UUID("00000000-0000-4000-8000-000000000007")

SIGNATURE = Signature(
    task="classification",
    inputs=tuple(Field(name=f"x{number}", kind="number", soft_maximum=50) for number in range(12)),
    outputs=(
        Output(
            name="risk", kind="class", classes=(ClassName(0, "good"), ClassName(1, "bad")), probabilities=True
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class People:
    """Accounts by name, texts of keys by name, and what the rows refer to."""

    accounts: dict[str, User]
    keys: dict[str, str]
    columns: dict[str, Any] = field(default_factory=dict)


def make(now: datetime) -> People:
    """Accounts, keys and ml_models in the database that is used.

    heavy: a fifth of all answers. gone: a tenth, but none in this month's last days. rare: a dozen. bulk: a thousand
    cases at a time. key and bulk_key: the same for programs. reviewer: an admin.
    """
    roles.make()
    names = ["heavy", "gone", "rare", "bulk", *(f"other{number}" for number in range(20))]
    accounts = {name: User.objects.create_user(name) for name in names}
    accounts["reviewer"] = User.objects.create_superuser("reviewer")
    made = {name: api_keys.create(name=name) for name in ("key", "other_key", "bulk_key")}
    ml_models, versions, revisions = zip(*(_ml_model(slug) for slug in SLUGS), strict=True)
    columns = {
        "ml_models": list(ml_models),
        "versions": list(versions),
        "revisions": list(revisions),
        "others": [accounts[f"other{number}"].pk for number in range(20)],
        "left_at": now.replace(day=1, hour=0, minute=0, second=0) + timedelta(days=5),
        **{name: accounts[name].pk for name in ("heavy", "gone", "rare", "bulk", "reviewer")},
        **{name: row.pk for name, (row, _text) in made.items()},
    }
    return People(accounts, {name: text for name, (_row, text) in made.items()}, columns)


def known() -> People:
    """Those of an earlier run, with new keys in place of the old ones, whose texts nobody kept."""
    accounts = {user.username: user for user in User.objects.all()}
    found = {slug: MLModel.objects.get(slug=slug) for slug in SLUGS}
    versions = [found[slug].versions.get() for slug in SLUGS]
    keys = {row.name: row.pk for row in ApiKey.objects.all()}
    columns = {
        "ml_models": [found[slug].pk for slug in SLUGS],
        "versions": [version.pk for version in versions],
        "revisions": [version.current_revision_id for version in versions],
        **{name: user.pk for name, user in accounts.items()},
        **keys,
    }
    texts = {name: f"md_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}" for name in keys}
    people = People(accounts, texts, columns)
    adopt(people)
    return people


def adopt(people: People) -> None:
    """Give the keys of the database that is used these texts."""
    for name, text in people.keys.items():
        _md, prefix, secret = text.split("_", 2)
        ApiKey.objects.filter(name=name).update(prefix=prefix, secret_sha256=api_keys.digest(secret))


def _ml_model(slug: str) -> tuple[int, int, int]:
    ml_model = MLModel.objects.create(slug=slug, name=slug.title(), visibility="public")
    source = Source.objects.create(
        ml_model=ml_model, filename=f"{slug}.onnx", format="onnx", size=10, sha256="0" * 64
    )
    version = ModelVersion.objects.create(
        ml_model=ml_model,
        number=1,
        source=source,
        runtime="onnx",
        artifact_key="none",
        artifact_sha256="0" * 64,
        artifact_size=10,
    )
    revision = SignatureRevision.objects.create(version=version, number=1, document=SIGNATURE.to_document())
    version.current_revision = revision
    version.save(update_fields=["current_revision"])
    Deployment.objects.create(ml_model=ml_model, version=version)
    return ml_model.pk, version.pk, revision.pk
