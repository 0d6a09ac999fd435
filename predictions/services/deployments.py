"""Which version answers."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from predictions.errors import InvalidRequest, NotAllowed, NotProven
from predictions.models import Deployment, MLModel, ModelVersion
from predictions.selectors import ml_models as selectors
from predictions.selectors import proofs
from predictions.selectors.proofs import Check
from predictions.values import Actor

FEWEST_LETTERS = 3
LONGEST_REASON = 2000


@transaction.atomic
def go_live(*, version: ModelVersion, actor: Actor, reason: str = "") -> Deployment:
    """Let ``version`` answer from now on; the earlier one stays for a way back. Twice changes nothing.

    Raises NotAllowed unless the actor owns the ml_model or is a superuser, NotProven where checks of its proof failed and
    ``reason`` does not say in words why it shall answer all the same, InvalidRequest for a reason that is too long. The
    reason and the checks it set aside are kept with the deployment.
    """
    ml_model = MLModel.objects.select_for_update().get(pk=version.ml_model_id)
    if not selectors.may_manage(actor, ml_model):
        raise NotAllowed("Only the owner of this ML model can change which version is live.")
    open_rows = Deployment.objects.filter(ml_model=ml_model, role=Deployment.Role.LIVE, ended_at=None)
    present = open_rows.first()
    if present is not None and present.version_id == version.pk:
        return present
    failed = proofs.failed_checks(version.report)
    reason = _checked(reason, failed, version)
    open_rows.update(ended_at=timezone.now())
    return Deployment.objects.create(
        ml_model=ml_model,
        version=version,
        role=Deployment.Role.LIVE,
        started_by_id=actor.user_id,
        reason=reason,
        overridden=[check.code for check in failed],
    )


def _checked(reason: str, failed: list[Check], version: ModelVersion) -> str:
    reason = reason.replace("\x00", "").strip()
    if len(reason) > LONGEST_REASON:
        raise InvalidRequest(
            f"The reason may have at most {LONGEST_REASON:,} characters; shorten it.",
            code="too_long",
            field="reason",
        )
    if failed and sum(letter.isalpha() for letter in reason) < FEWEST_LETTERS:
        raise NotProven(
            f"Version {version.number} failed its proof ({proofs.in_words(failed)}): correct that, or give in words the "
            "reason why it shall answer all the same.",
            checks=[check.code for check in failed],
            field="reason",
        )
    return reason


@transaction.atomic
def take_down(*, ml_model: MLModel, actor: Actor) -> None:
    """Stop answering; versions and history stay. Raises NotAllowed."""
    if not selectors.may_manage(actor, ml_model):
        raise NotAllowed("Only the owner of this ML model can take it down.")
    Deployment.objects.filter(ml_model=ml_model, role=Deployment.Role.LIVE, ended_at=None).update(
        ended_at=timezone.now()
    )
