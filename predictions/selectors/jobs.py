"""Background runs an actor may follow."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from predictions.errors import NotFound
from predictions.models import Job
from predictions.values import Actor


def visible_to(actor: Actor) -> QuerySet[Job]:
    """One's own jobs, newest first; all of them for superusers; none without an account."""
    rows = Job.objects.select_related("ml_model", "source", "version", "created_by").order_by("-id")
    if actor.is_superuser:
        return rows
    if actor.user_id is None:
        return rows.none()
    return rows.filter(created_by_id=actor.user_id)


def get(actor: Actor, job_id: UUID) -> Job:
    """One job. Raises NotFound."""
    found = visible_to(actor).filter(pk=job_id).first()
    if found is None:
        raise NotFound("There is no job with that id that you may follow.")
    return found
