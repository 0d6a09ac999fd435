"""Do later: the only place that enqueues. A job row first, then a hint through the queue after commit.

Tasks are named, not imported, so that the web process stays free of what workers need.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import BinaryIO
from uuid import UUID

import redis
from celery import current_app
from django.db import DatabaseError, transaction
from kombu.exceptions import OperationalError

from predictions.models import Deployment, Job, ModelVersion
from predictions.selectors.targets import Target
from predictions.services import deployments, jobs, score_files, sources, uploads
from predictions.services.code_packages import CodeFile
from predictions.services.sorting import Upload
from predictions.values import Actor, BuildRequest

logger = logging.getLogger(__name__)

WARM_SECONDS = 60
"""After so long somebody has asked it already, or nobody will soon."""

TASKS = {
    Job.Kind.BUILD: "predictions.tasks.run_build",
    Job.Kind.DEMO: "predictions.tasks.run_training",
    Job.Kind.SCORE: "predictions.tasks.run_batch",
}


def build(
    *,
    actor: Actor,
    request: BuildRequest,
    stream: BinaryIO,
    filename: str,
    declared_size: int | None = None,
    sample_stream: BinaryIO | None = None,
    sample_filename: str = "",
    more: Sequence[Upload] = (),
    code: CodeFile | None = None,
) -> Job:
    """Store a model file (``more``: with those that belong to it, in any order) and start turning it into a version. Returns the job to follow.

    Raises NotAllowed, BadModelFile, TooLarge, DeskError for an unusable name.
    """
    jobs.require_usable_name(actor=actor, name=request.name)
    source = uploads.receive(
        actor=actor,
        stream=stream,
        filename=filename,
        declared_size=declared_size,
        sample_stream=sample_stream,
        sample_filename=sample_filename,
        more=more,
        code=code,
    )
    try:
        with transaction.atomic():
            job = jobs.create(
                kind=Job.Kind.BUILD, name=request.name, request=request, source=source, actor=actor
            )
            send_after_commit(job)
    except BaseException:
        sources.forget_without_job(source)
        raise
    return job


def demo(*, slug: str, name: str, actor: Actor) -> Job:
    """Train and build one of the demo ml_models that come with the site."""
    with transaction.atomic():
        job = jobs.create(
            kind=Job.Kind.DEMO,
            name=name,
            request=BuildRequest(name=name, go_live=True),
            actor=actor,
            slug=slug,
        )
        send_after_commit(job)
    return job


def score(
    *,
    actor: Actor,
    target: Target,
    stream: BinaryIO,
    filename: str,
    declared_size: int | None = None,
) -> Job:
    """Store a file of cases and start scoring it with the version that is live now. Returns the job to follow.

    Raises NotAllowed without account or key, TooManyRequests, TooLarge, BadCaseFile.
    """
    job = score_files.receive(
        actor=actor, target=target, stream=stream, filename=filename, declared_size=declared_size
    )
    send_after_commit(job)
    return job


@transaction.atomic
def go_live(*, version: ModelVersion, actor: Actor, reason: str = "") -> Deployment:
    """Let a version answer, and have a worker load it before somebody waits for that. Raises as the service."""
    deployment = deployments.go_live(version=version, actor=actor, reason=reason)
    slug = version.ml_model.slug
    transaction.on_commit(lambda: warm(slug))
    return deployment


def warm(slug: str) -> None:
    """Ask for the live version of an ml_model to be loaded. Without a broker its first caller waits for that."""
    try:
        current_app.send_task("predictions.tasks.warm", args=[slug], expires=WARM_SECONDS)
    except (OperationalError, redis.RedisError, OSError) as error:
        logger.warning("The queue did not take the loading of an ML model (%s).", type(error).__name__)


def send_after_commit(job: Job) -> None:
    """Hint the workers once the row is there for them to read."""
    job_id, kind = job.pk, Job.Kind(job.kind)
    transaction.on_commit(lambda: send(job_id, kind))


def send(job_id: UUID, kind: Job.Kind) -> None:
    """Put the hint in the queue. Without a broker the row waits and the sweeper sends it later."""
    try:
        current_app.send_task(TASKS[kind], args=[str(job_id)])
    except (OperationalError, redis.RedisError, OSError) as error:
        # A server that is full or slow does not answer as one that is away.
        logger.warning(
            "The queue did not take job %s (%s); it waits for the sweeper.", job_id, type(error).__name__
        )
        return
    try:
        jobs.note_sent(job_id)
    except DatabaseError:
        # The row is there and its hint is sent; a second hint does no harm.
        logger.warning("That job %s was sent could not be noted.", job_id)
