"""Editing what an ml_model's fields and classes are called and allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction

from predictions.errors import Conflict, NotAllowed
from predictions.models import ModelVersion, SignatureRevision
from predictions.selectors import ml_models as selectors
from predictions.selectors.signatures import built_of
from predictions.signature import layer_plain
from predictions.signature.editing import apply_edits, changes_between
from predictions.signature.fields import Signature
from predictions.values import Actor


@transaction.atomic
def revise(
    *, version: ModelVersion, edits: Mapping[str, Any], actor: Actor, based_on: int | None = None
) -> SignatureRevision:
    """Write the next signature revision of ``version``; rows answered so far keep theirs.

    ``edits`` as ``apply_edits`` takes them. As for the rest see ``_revised``.
    """
    return _revised(version, lambda before, _built: apply_edits(before, edits), actor, based_on)


@transaction.atomic
def apply_layer(
    *,
    version: ModelVersion,
    plain: Mapping[str, Any],
    actor: Actor,
    based_on: int | None = None,
    whole: bool = True,
) -> SignatureRevision:
    """Write what a layer document says as the next revision; ``whole``: in place of all that was edited before.

    ``plain`` as ``layer_plain.applied`` takes it. As for the rest see ``_revised``.
    """

    def change(before: Signature, built: Signature) -> Signature:
        return layer_plain.applied(built if whole else before, plain, built)

    return _revised(version, change, actor, based_on)


def _revised(
    version: ModelVersion,
    change: Callable[[Signature, Signature], Signature],
    actor: Actor,
    based_on: int | None,
) -> SignatureRevision:
    """The next revision: what ``change`` makes of the current one and of the one that was built. ``based_on`` is the revision number the person was looking at.
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
    after = change(before, built_of(locked))
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
