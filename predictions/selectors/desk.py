"""What the admin's first page and lists say at a glance; each number costs little however long the history is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import IntegerField, OuterRef, QuerySet, Subquery
from django.utils import timezone

from predictions.models import Deployment, Job, MLModel, Prediction, Review
from predictions.models.ids import earliest_id
from predictions.selectors import jobs, ml_models, review_queue
from predictions.selectors.review_queue import Queue
from predictions.values import Actor

TO_REVIEW_CAP = 99
ANSWERS_CAP = 10_000
RECENT_CAP = 1_000
RECENT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Counted:
    """A count that stopped at ``cap``."""

    number: int
    cap: int

    def __str__(self) -> str:
        return f"{self.number:,}" if self.number < self.cap else f"{self.cap:,}+"


class _CountOf(Subquery):
    """How many rows a (limited) subquery has."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


def to_review() -> Counted:
    """How many answers wait for a verdict."""
    return Counted(review_queue.count_up_to(Queue(), TO_REVIEW_CAP), TO_REVIEW_CAP)


def answers_today() -> Counted:
    """How many answers were given since midnight."""
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    found = Prediction.objects.filter(pk__gte=earliest_id(today)).order_by("-pk")
    return Counted(found.values("pk")[:ANSWERS_CAP].count(), ANSWERS_CAP)


def failed_jobs(actor: Actor) -> Counted:
    """How many of the jobs one may follow failed in the last seven days."""
    failed = jobs.visible_to(actor).filter(status=Job.Status.FAILED, finished_at__gte=timezone.now() - RECENT)
    return Counted(failed.values("pk")[:TO_REVIEW_CAP].count(), TO_REVIEW_CAP)


def open_jobs(actor: Actor) -> Counted:
    """How many of the jobs one may follow wait or run."""
    found = jobs.visible_to(actor).filter(status__in=(Job.Status.QUEUED, Job.Status.RUNNING))
    return Counted(found.values("pk")[:TO_REVIEW_CAP].count(), TO_REVIEW_CAP)


def live_ml_models() -> int:
    """How many ml_models answer now."""
    return Deployment.objects.filter(role=Deployment.Role.LIVE, ended_at=None).count()


def ml_models_with_use(actor: Actor) -> QuerySet[MLModel]:
    """Visible ml_models with ``live_number`` (None when nothing is live) and ``recent`` answers, up to RECENT_CAP."""
    live = Deployment.objects.filter(ml_model=OuterRef("pk"), role=Deployment.Role.LIVE, ended_at=None)
    since = earliest_id(timezone.now() - RECENT)
    recent = Prediction.objects.filter(ml_model=OuterRef("pk"), pk__gte=since).order_by("-pk")
    return (
        ml_models.visible_to(actor)
        .select_related("owner")
        .annotate(
            live_number=Subquery(live.values("version__number")[:1]),
            recent=_CountOf(recent.values("pk")[:RECENT_CAP]),
        )
    )


def latest_verdicts(limit: int = 8) -> QuerySet[Review]:
    """The newest verdicts with what they are about."""
    return Review.objects.select_related("reviewer", "prediction__ml_model").order_by("-pk")[:limit]
