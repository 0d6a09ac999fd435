"""Environments of other scikit-learn releases, and who uses them."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet

from predictions.errors import NotFound
from predictions.models import Environment, ModelVersion


def all_of_them() -> QuerySet[Any]:
    """The newest scikit-learn first; ``uses`` is annotated: how many versions were made in it."""
    return Environment.objects.annotate(uses=Count("versions")).order_by("-sklearn", "-pk")


def users_of(row: Environment) -> QuerySet[ModelVersion]:
    """The versions that were made in it, the newest first."""
    versions = ModelVersion.objects.filter(environment=row).select_related("ml_model")
    return versions.defer("report", "plan").order_by("-pk")


def get(name: str) -> Environment:
    """By its checksum, or the beginning of it. Raises NotFound."""
    found = list(Environment.objects.filter(checksum__startswith=name)[:2]) if name else []
    if len(found) != 1:
        raise NotFound(f"There is no one environment “{name}”; manage list_environments shows them all.")
    return found[0]
