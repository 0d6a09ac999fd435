"""Editing what an ml_model's fields and classes are called and allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from predictions.errors import Conflict, NotAllowed
from predictions.models import ModelVersion, SignatureRevision
from predictions.selectors import ml_models as selectors
from predictions.signature.editing import apply_edits, changes_between
from predictions.signature.fields import Signature
from predictions.values import Actor


@transaction.atomic
def revise(
    *, version: ModelVersion, edits: Mapping[str, Any], actor: Actor, based_on: int | None = None
) -> SignatureRevision:
    """Write the next signature revision of ``version``; rows answered so far keep theirs.

    ``edits`` as ``apply_edits`` takes them. ``based_on`` is the revision number the person was looking at.
    Returns the current revision unchanged when nothing differs. Raises NotAllowed, InvalidSignature, Conflict.
    """
    locked = (
        ModelVersion.objects.select_for_update(of=("self",))
        .select_related("ml_model", "current_revision")
        .get(pk=version.pk)
    )
    if not selectors.may_manage(actor, locked.ml_model):
        raise NotAllowed("Only the owner of this ML model can edit its fields.")
    current = locked.current_revision
    if current is None:
        raise Conflict("This version is not sealed yet; wait for its build to end.")
    if based_on is not None and based_on != current.number:
        raise Conflict("Somebody edited these fields in the meantime. Reload the page and edit again.")
    before = Signature.from_document(current.document)
    after = apply_edits(before, edits)
    if after == before:
        return current
    revision = SignatureRevision.objects.create(
        version=locked,
        number=current.number + 1,
        document=after.to_document(),
        changes=changes_between(before, after),
        created_by_id=actor.user_id,
    )
    locked.current_revision = revision
    locked.save(update_fields=["current_revision"])
    return revision
