"""Asking the own site for a trial: with a key that is gone afterwards, and its answers with it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import ProtectedError, QuerySet
from django.db.utils import IntegrityError

from predictions.errors import NotAllowed
from predictions.models import ApiKey, MLModel, Prediction, PredictionBlock
from predictions.models.ids import place_of
from predictions.services import api_keys

NAME = "profile_predict (for a trial)"
ROWS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Trial:
    """A key for a trial; ``text`` is what calls carry."""

    key: ApiKey
    text: str


def begin(ml_model: MLModel) -> Trial:
    """A key that may ask this ml_model: its own, or for a private one its owner's. Raises NotAllowed."""
    owner = None
    if ml_model.visibility == MLModel.Visibility.PRIVATE:
        owner = ml_model.owner
        if owner is None or not owner.is_active:
            raise NotAllowed(
                f"{ml_model.name} is private and has no owner who could ask. "
                "Give it an owner in the admin, or show it to members."
            )
    key, text = api_keys.create(name=NAME, user=owner)
    return Trial(key, text)


def end(trial: Trial) -> int:
    """Remove the answers of the trial and its key; returns how many answers.

    Where one of them was reviewed meanwhile, what is left stays, and the key is revoked instead.
    """
    removed = 0
    api_keys.revoke(key=trial.key)
    try:
        while ids := list(_answers(trial)[:ROWS_AT_ONCE]):
            with transaction.atomic():
                rows = Prediction.objects.filter(pk__in=ids)
                in_blocks = rows.filter(own=None).values_list("pk", flat=True)
                PredictionBlock.objects.filter(pk__in={place_of(pk)[0] for pk in in_blocks}).delete()
                removed += rows.delete()[0]
        with transaction.atomic():
            trial.key.delete()
    except (ProtectedError, IntegrityError):
        return removed
    return removed


def _answers(trial: Trial) -> QuerySet[Prediction, UUID]:
    return Prediction.objects.filter(api_key=trial.key).order_by("pk").values_list("pk", flat=True)
