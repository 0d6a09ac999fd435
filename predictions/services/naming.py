"""Which ml_model a name means, and the address a new one gets."""

from __future__ import annotations

import hashlib
import unicodedata

from django.db.models import Q
from django.utils.text import slugify

from predictions.errors import DeskError, NotAllowed
from predictions.models import MLModel
from predictions.selectors import ml_models as selectors
from predictions.values import Actor

_MAX_NAME = 120
_MAX_SLUG = 60


def require_usable_name(*, actor: Actor, name: str) -> None:
    """Raise DeskError for a name nobody can use, NotAllowed when it is another owner's ml_model."""
    if not name.strip():
        raise DeskError("Give the ML model a name.", code="name_missing", field="name")
    if len(name.strip()) > _MAX_NAME:
        raise DeskError(
            f"Use at most {_MAX_NAME} characters for the name.", code="name_too_long", field="name"
        )
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise DeskError("Use only printable characters in the name.", code="name_unusable", field="name")
    ml_model = find(name)
    if ml_model is not None:
        require_owner(actor=actor, ml_model=ml_model)


def require_owner(*, actor: Actor, ml_model: MLModel) -> None:
    """Raise NotAllowed unless the actor may add versions to ``ml_model``."""
    if not selectors.may_manage(actor, ml_model):
        raise NotAllowed(
            "An ML model of that name belongs to somebody else; choose another name.", field="name"
        )


def find(name: str) -> MLModel | None:
    """The ml_model a person means by ``name``: its name in any case, or its slug."""
    wanted = name.strip()
    return MLModel.objects.filter(Q(name__iexact=wanted) | Q(slug=wanted.lower())).order_by("pk").first()


def slugs_for(name: str) -> tuple[str, str]:
    """The slug a new ml_model gets, and the one it gets when a differently named one has that already."""
    mark = hashlib.sha256(name.strip().casefold().encode()).hexdigest()[:8]
    short = slugify(name)[:_MAX_SLUG].strip("-_")
    return (short, f"{short}-{mark}") if short else (f"ml-model-{mark}", f"ml-model-{mark}")
