"""Changing what an ml_model says of itself."""

from __future__ import annotations

from django.db import transaction

from predictions.errors import DeskError, NotAllowed
from predictions.models import MLModel
from predictions.selectors import ml_models as selectors
from predictions.values import Actor


@transaction.atomic
def describe(
    *,
    ml_model: MLModel,
    actor: Actor,
    name: str | None = None,
    description: str | None = None,
    visibility: str | None = None,
) -> MLModel:
    """Change name, description or visibility; the slug stays, so links keep working. Raises NotAllowed, DeskError."""
    if not selectors.may_manage(actor, ml_model):
        raise NotAllowed("Only the owner of this ML model can change it.")
    if name is not None:
        if not name.strip():
            raise DeskError("Give the ML model a name.", code="name_missing", field="name")
        ml_model.name = name.strip()[:120]
    if description is not None:
        ml_model.description = description.strip()
    if visibility is not None:
        if visibility not in MLModel.Visibility.values:
            raise DeskError("Choose who may see it.", code="unknown_visibility", field="visibility")
        ml_model.visibility = visibility
    ml_model.save(update_fields=["name", "description", "visibility"])
    return ml_model
