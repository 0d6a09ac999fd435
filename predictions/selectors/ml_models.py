"""Which ml_models and versions an actor may see or use. Visibility is decided here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTransform

from predictions.errors import NotFound
from predictions.models import Deployment, MLModel, ModelVersion
from predictions.values import Actor


def visible_to(actor: Actor) -> QuerySet[MLModel]:
    """Every ml_model the actor may know of: public ones, members' ones when known, one's own, all for staff."""
    if actor.is_superuser or actor.is_staff:
        return MLModel.objects.all()
    allowed = Q(visibility=MLModel.Visibility.PUBLIC)
    if actor.is_known:
        allowed |= Q(visibility=MLModel.Visibility.MEMBERS)
    if actor.user_id is not None:
        allowed |= Q(owner_id=actor.user_id)
    return MLModel.objects.filter(allowed)


def usable_by(actor: Actor) -> QuerySet[MLModel]:
    """Visible ml_models that have a live version, by name."""
    live = Deployment.objects.filter(ml_model=OuterRef("pk"), role=Deployment.Role.LIVE, ended_at=None)
    return visible_to(actor).filter(Exists(live)).order_by("name")


def get(actor: Actor, slug: str) -> MLModel:
    """The ml_model of that slug. Raises NotFound when there is none or the actor may not see it."""
    found = visible_to(actor).filter(slug=slug).first()
    if found is None:
        raise NotFound("There is no ML model of that name here. The start page lists what you may use.")
    return found


def live_version(ml_model: MLModel) -> ModelVersion | None:
    """The version that answers now, with its current signature revision loaded."""
    return (
        ModelVersion.objects.filter(
            deployments__ml_model=ml_model,
            deployments__role=Deployment.Role.LIVE,
            deployments__ended_at=None,
        )
        .select_related("ml_model", "current_revision", "source")
        .first()
    )


def live_versions(rows: Iterable[MLModel]) -> dict[int, ModelVersion]:
    """By ml_model id the version that answers now, with its signature revision loaded; one query for all rows."""
    found = ModelVersion.objects.filter(
        ml_model__in=[row.pk for row in rows],
        deployments__role=Deployment.Role.LIVE,
        deployments__ended_at=None,
    ).select_related("current_revision")
    return {version.ml_model_id: version for version in found}


def versions(ml_model: MLModel) -> QuerySet[ModelVersion]:
    """All versions, newest first; ``is_live`` is annotated."""
    live = Deployment.objects.filter(version=OuterRef("pk"), role=Deployment.Role.LIVE, ended_at=None)
    return (
        ml_model.versions.select_related("source", "current_revision", "created_by")
        .prefetch_related("source__files")
        .annotate(is_live=Exists(live))
        .order_by("-number")
    )


def with_checks(rows: QuerySet[ModelVersion]) -> QuerySet[ModelVersion]:
    """The versions with the checks of their proof as ``checks``, so that the rest of their report need not be read."""
    return rows.annotate(checks=KeyTransform("checks", KeyTransform("proof", "report")))


def version(ml_model: MLModel, number: int) -> ModelVersion:
    """One version by its number. Raises NotFound."""
    found = versions(ml_model).select_related("ml_model").filter(number=number).first()
    if found is None:
        raise NotFound(f"{ml_model.name} has no version {number}.")
    return found


def deployments(version: ModelVersion) -> QuerySet[Deployment]:
    """When a version answered, the latest first, with whose word it was."""
    return version.deployments.select_related("started_by").order_by("-pk")


def may_manage(actor: Actor, ml_model: MLModel) -> bool:
    """True for the owner and for superusers: they edit, deploy and roll back."""
    owns = actor.user_id is not None and actor.user_id == ml_model.owner_id
    return actor.is_superuser or (actor.is_staff and owns)


def may_bring_code(actor: Actor) -> bool:
    """True for whoever may bring own code beside a file: superusers, and staff with that permission."""
    if actor.is_superuser:
        return True
    user = User.objects.filter(pk=actor.user_id, is_active=True).first() if actor.user_id else None
    return may_bring(actor) and user is not None and user.has_perm("predictions.add_code_package")


def may_bring(actor: Actor) -> bool:
    """True for whoever may upload a file: staff accounts."""
    return actor.is_superuser or (actor.is_staff and actor.user_id is not None)
