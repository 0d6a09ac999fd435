"""Background runs: claimed by one worker at a time, reported into their row, found again when a worker dies.

``attempts`` is the fence: a worker that was taken for dead writes with an old number, and nothing happens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from predictions.errors import Conflict, DeskError, NotAllowed
from predictions.models import Deployment, Job, MLModel, ModelVersion, Source
from predictions.services import score_files, sources
from predictions.services.naming import require_usable_name
from predictions.values import Actor, BuildRequest

__all__ = ["require_usable_name"]

MAX_ATTEMPTS = 3
MAX_LOG_LINES = 500
_MAX_TEXT = 500
# A hint sent this long ago and not taken was lost, unless the workers are busy: a second one does no harm.
_UNSENT_SECONDS = 10


class Lost(DeskError):
    """Another worker has the job now, or it is over; whatever this one does must have no effect."""

    code = "job_lost"

    def __init__(self) -> None:
        super().__init__("This job is no longer this worker's.")


def create(
    *,
    kind: Job.Kind,
    name: str,
    request: BuildRequest,
    actor: Actor,
    source: Source | None = None,
    slug: str = "",
) -> Job:
    """Write down a run that is to happen. ``slug`` names a demo. Enqueuing is for the dispatcher."""
    document = asdict(request) | ({"slug": slug} if slug else {})
    return Job.objects.create(
        kind=kind, name=name.strip()[:120], request=document, source=source, created_by_id=actor.user_id
    )


def claim(job_id: UUID) -> Job | None:
    """Take a waiting job, or one whose worker went silent; None when there is nothing to take."""
    now = timezone.now()
    silent = Q(status=Job.Status.RUNNING, heartbeat_at__lt=now - _stale_after())
    waiting = Q(status=Job.Status.QUEUED)
    taken = Job.objects.filter(waiting | silent, pk=job_id, attempts__lt=MAX_ATTEMPTS).update(
        status=Job.Status.RUNNING,
        attempts=F("attempts") + 1,
        started_at=now,
        heartbeat_at=now,
        steps=[],
    )
    if not taken:
        return None
    job = Job.objects.select_related("source", "created_by").get(pk=job_id)
    if job.attempts > 1:
        add_log(job, "The worker that had this job stopped; another one begins again.")
    return job


def heartbeat(job: Job) -> bool:
    """Say that this worker is alive. Returns True when somebody asked for the job to stop. Raises Lost."""
    _held(job, heartbeat_at=timezone.now())
    return Job.objects.values_list("cancel_requested", flat=True).get(pk=job.pk)


def start_step(job: Job, name: str) -> None:
    """Begin a step; the one before must be finished. Raises Lost."""
    step = {"name": name, "status": "running", "started_at": _now(), "finished_at": None, "message": ""}
    _held(job, steps=[*job.steps, step], heartbeat_at=timezone.now())


def finish_step(job: Job, message: str, *, status: str = "done") -> None:
    """End the newest step with its outcome; nothing happens when none is running. Raises Lost."""
    if not job.steps or job.steps[-1]["status"] != "running":
        return
    ended = {**job.steps[-1], "status": status, "finished_at": _now(), "message": message[:_MAX_TEXT]}
    _held(job, steps=[*job.steps[:-1], ended], heartbeat_at=timezone.now())


def rename_step(job: Job, name: str) -> None:
    """The running step turns out to be another one. Raises Lost."""
    _held(job, steps=[*job.steps[:-1], {**job.steps[-1], "name": name}])


def drop_running_step(job: Job) -> None:
    """Forget the newest step if it still runs: it did not come to it. Raises Lost."""
    if job.steps and job.steps[-1]["status"] == "running":
        _held(job, steps=job.steps[:-1])


def add_log(job: Job, text: str) -> None:
    """Add a line; the oldest lines go when there are too many. Raises Lost."""
    line = {"at": _now(), "text": text[:_MAX_TEXT]}
    _held(job, log=[*job.log, line][-MAX_LOG_LINES:])


def note_source(job: Job, source: Source) -> None:
    """The job made its own source. Raises Lost."""
    _held(job, source=source)


def succeed(job: Job, *, ml_model: MLModel, version: ModelVersion | None) -> None:
    """End the job well. Call it in the transaction that writes what the job made. Raises Lost."""
    _held(
        job,
        status=Job.Status.SUCCEEDED,
        ml_model=ml_model,
        version=version,
        finished_at=timezone.now(),
        error_code="",
        error_message="",
    )


def fail(job: Job, code: str, message: str) -> None:
    """End the job badly, and let the bytes of its source go. Nothing happens when the job is not ours."""
    _end(job, status=Job.Status.FAILED, error_code=code[:60], error_message=message)


def cancelled(job: Job) -> None:
    """End the job because somebody asked for it, and let the bytes of its source go."""
    _end(job, status=Job.Status.CANCELLED)


def request_cancel(job: Job, actor: Actor) -> None:
    """Ask for the job to stop; one that waits stops at once. Raises NotAllowed, Conflict when it is over."""
    if not (actor.is_superuser or _owns(actor, job)):
        raise NotAllowed("Only who started this job can cancel it.")
    rows = Job.objects.filter(pk=job.pk)
    if rows.filter(status=Job.Status.QUEUED).update(
        status=Job.Status.CANCELLED, cancel_requested=True, finished_at=timezone.now()
    ):
        _forget(job)
    elif not rows.filter(status=Job.Status.RUNNING).update(cancel_requested=True):
        raise Conflict("This job is already over.")
    job.refresh_from_db()


def note_sent(job_id: UUID) -> None:
    """Remember that the queue has a hint of this job."""
    Job.objects.filter(pk=job_id).update(sent_at=timezone.now())


def stale() -> Iterable[Job]:
    """Jobs to send again: the queue lost their hint, or their worker went silent.

    One whose workers went silent too often is failed here (``worker_lost``) instead.
    """
    now = timezone.now()
    silent = Job.objects.filter(status=Job.Status.RUNNING, heartbeat_at__lt=now - _stale_after())
    for job in silent.filter(attempts__gte=MAX_ATTEMPTS).select_related("source"):
        fail(
            job,
            "worker_lost",
            f"The worker stopped {MAX_ATTEMPTS} times while it was at this; the file may be too large for this site.",
        )
    unsent = Q(sent_at=None, created_at__lt=now - timedelta(seconds=_UNSENT_SECONDS))
    waiting = Job.objects.filter(unsent | Q(sent_at__lt=now - _stale_after()), status=Job.Status.QUEUED)
    quiet = silent.filter(Q(sent_at=None) | Q(sent_at__lt=now - _stale_after()), attempts__lt=MAX_ATTEMPTS)
    return list((waiting | quiet).order_by("id")[:1000])


def _stale_after() -> timedelta:
    return timedelta(seconds=settings.JOB_STALE_SECONDS)


def _now() -> str:
    return timezone.now().isoformat()


def _held(job: Job, **columns: Any) -> None:
    mine = Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING, attempts=job.attempts)
    if not mine.update(**columns):
        raise Lost
    for name, value in columns.items():
        setattr(job, name, value)


def _end(job: Job, **columns: Any) -> None:
    with transaction.atomic():
        try:
            finish_step(job, columns.get("error_message", ""), status=str(columns["status"]))
            _held(job, finished_at=timezone.now(), **columns)
        except Lost:
            return
    _forget(job)


def _owns(actor: Actor, job: Job) -> bool:
    if actor.user_id is not None:
        return actor.user_id == job.created_by_id
    return actor.api_key_id is not None and job.created_by_id is None and actor.api_key_id == job.api_key_id


def _forget(job: Job) -> None:
    if job.kind == Job.Kind.SCORE:
        score_files.forget(job)
    if job.source is not None:
        sources.forget(job.source)


def live_by(job_id: UUID) -> list[str]:
    """The slug of the ml_model that answers with the version this job made; empty for any other job."""
    rows = Job.objects.filter(
        pk=job_id,
        status=Job.Status.SUCCEEDED,
        version__deployments__role=Deployment.Role.LIVE,
        version__deployments__ended_at=None,
    )
    return list(rows.values_list("ml_model__slug", flat=True).distinct())
