"""Which version answers."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from predictions.errors import NotAllowed
from predictions.models import Deployment, MLModel, ModelVersion
from predictions.selectors import ml_models as selectors
from predictions.values import Actor


@transaction.atomic
def go_live(*, version: ModelVersion, actor: Actor) -> Deployment:
    """Let ``version`` answer from now on; the earlier one stays for a way back. Twice changes nothing.

    Raises NotAllowed unless the actor owns the ml_model or is a superuser.
    """
    ml_model = MLModel.objects.select_for_update().get(pk=version.ml_model_id)
    if not selectors.may_manage(actor, ml_model):
        raise NotAllowed("Only the owner of this ML model can change which version is live.")
    open_rows = Deployment.objects.filter(ml_model=ml_model, role=Deployment.Role.LIVE, ended_at=None)
    present = open_rows.first()
    if present is not None and present.version_id == version.pk:
        return present
    open_rows.update(ended_at=timezone.now())
    return Deployment.objects.create(
        ml_model=ml_model, version=version, role=Deployment.Role.LIVE, started_by_id=actor.user_id
    )


@transaction.atomic
def take_down(*, ml_model: MLModel, actor: Actor) -> None:
    """Stop answering; versions and history stay. Raises NotAllowed."""
    if not selectors.may_manage(actor, ml_model):
        raise NotAllowed("Only the owner of this ML model can take it down.")
    Deployment.objects.filter(ml_model=ml_model, role=Deployment.Role.LIVE, ended_at=None).update(
        ended_at=timezone.now()
    )
