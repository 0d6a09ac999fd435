"""Background runs an actor may follow."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from predictions.errors import NotFound
from predictions.models import Job
from predictions.values import Actor


def visible_to(actor: Actor) -> QuerySet[Job]:
    """One's own jobs, newest first: of the account, or of the key; all of them for superusers."""
    rows = Job.objects.select_related(
        "ml_model", "source", "version", "created_by", "api_key", "score_file"
    ).order_by("-id")
    if actor.is_superuser:
        return rows
    if actor.user_id is not None:
        return rows.filter(created_by_id=actor.user_id)
    if actor.api_key_id is not None:
        return rows.filter(api_key_id=actor.api_key_id, created_by=None)
    return rows.none()


def files_of(actor: Actor, ml_model_id: int) -> QuerySet[Job]:
    """One's own files that this ml_model scores or scored, newest first."""
    return visible_to(actor).filter(kind=Job.Kind.SCORE, ml_model_id=ml_model_id)


def get(actor: Actor, job_id: UUID) -> Job:
    """One job. Raises NotFound."""
    found = visible_to(actor).filter(pk=job_id).first()
    if found is None:
        raise NotFound("There is no job with that id that you may follow.")
    return found
