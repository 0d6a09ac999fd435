"""What the start page says of each ml_model, without reading whole signatures."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Func, IntegerField, Q, QuerySet
from django.db.models.fields.json import KeyTransform

from predictions.models import Deployment
from predictions.selectors import ml_models
from predictions.values import Actor

DOCUMENT = "version__current_revision__document"


def cards(actor: Actor, *, search: str = "") -> QuerySet[Deployment, Any]:
    """One dict per ml_model that the actor may use, by name; ``search`` looks into names and descriptions.

    Keys: slug, name, description, card, metrics, version_number, owner, task, outputs, input_count.
    """
    usable = ml_models.usable_by(actor)
    for word in search.split():
        usable = usable.filter(
            Q(name__icontains=word) | Q(description__icontains=word) | Q(slug__icontains=word)
        )
    return (
        Deployment.objects.filter(
            role=Deployment.Role.LIVE, ended_at=None, ml_model__in=usable.order_by().values("pk")
        )
        .order_by("ml_model__name", "ml_model_id")
        .values(
            slug=F("ml_model__slug"),
            name=F("ml_model__name"),
            description=F("ml_model__description"),
            card=F("ml_model__card"),
            metrics=F("version__metrics"),
            version_number=F("version__number"),
            owner=F("ml_model__owner__username"),
            task=KeyTransform("task", DOCUMENT),
            outputs=KeyTransform("outputs", DOCUMENT),
            input_count=Func(
                KeyTransform("inputs", DOCUMENT), function="jsonb_array_length", output_field=IntegerField()
            ),
        )
    )
