"""Celery's door: take a message, call one service, finish.

Services are imported by the tasks that need them: a worker of one queue stays free of the libraries of the others.
"""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
import redis
from celery import shared_task
from django.conf import settings

from predictions import dispatch, gateway
from predictions.errors import DeskError
from predictions.gateway import envelope
from predictions.gateway.tiers import COLD
from predictions.models import Job
from predictions.selectors.targets import live_target
from predictions.services import jobs, partitions, score_files
from predictions.values import Actor, Group

logger = logging.getLogger(__name__)

TAKES_JSON: dict[str, Any] = {"takes_json": True}
"""Tells ``deploy_site.direct_queues`` to hand arguments over as they came."""

_decode = msgspec.json.Decoder(Group).decode
_encode = msgspec.json.Encoder().encode


@shared_task(name="predictions.tasks.answer", ignore_result=True, acks_late=False, **TAKES_JSON)
def answer(body: Any) -> None:
    """Answer one group for the gateway that waits on the group's reply channel.

    ``body`` is the group as JSON when taken from the queue directly, as plain lists when Celery decoded it.
    """
    from predictions.services import inference  # noqa: PLC0415

    group = _decode(body) if isinstance(body, bytes) else msgspec.convert(body, Group)
    if not group.may_load and not inference.is_loaded(group.version_id) and _passed_on(group):
        return
    reply = inference.answer(group)
    try:
        _replies().publish(group.reply_to, _encode(reply))
    except redis.RedisError:
        # The gateway looks for the rows themselves at its deadline.
        logger.warning("A reply could not be sent; its rows are stored.")


def _passed_on(group: Group) -> bool:
    """Whether the group went to the queue whose callers wait for loading; others wait behind this one here."""
    again = envelope.message(
        task=answer.name,
        queue=COLD.queue,
        argument=_encode(msgspec.structs.replace(group, may_load=True)),
        expires=max(ask.deadline for ask in group.asks),
    )
    try:
        _replies().lpush(COLD.queue, again)
    except redis.RedisError:
        return False
    return True


@lru_cache(maxsize=1)
def _replies() -> redis.Redis:
    # No socket_keepalive: a connection through a Unix socket, as the embedded server's is, refuses that setting.
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


@shared_task(name="predictions.tasks.run_build", ignore_result=True)
def run_build(job_id: str) -> None:
    """Turn a source into a version."""
    from predictions.services import builds  # noqa: PLC0415

    builds.run(UUID(job_id))
    for slug in jobs.live_by(UUID(job_id)):
        dispatch.warm(slug)


@shared_task(name="predictions.tasks.warm", ignore_result=True)
def warm(slug: str) -> None:
    """Have the live version loaded by a worker that answers, as its first caller would; nothing is stored."""
    try:
        target = live_target(Actor(is_superuser=True), slug, fresh=True)
        gateway.probe(target, seconds=dispatch.WARM_SECONDS)
    except DeskError as error:
        logger.warning("The live version of an ML model could not be loaded ahead (%s).", error.code)


@shared_task(name="predictions.tasks.run_training", ignore_result=True)
def run_training(job_id: str) -> None:
    """Train and build one demo."""
    from predictions.services import demos  # noqa: PLC0415

    demos.run(UUID(job_id))


@shared_task(name="predictions.tasks.run_batch", ignore_result=True)
def run_batch(job_id: str) -> None:
    """Take part in scoring a file, and call others to it; what the queue does not take, the sweeper sends."""
    from predictions.services import scoring  # noqa: PLC0415

    for _ in range(scoring.run(UUID(job_id))):
        run_batch.delay(job_id)


@shared_task(name="predictions.tasks.sweep_jobs", ignore_result=True)
def sweep_jobs() -> None:
    """Send again what the queue lost or a worker dropped. The row decides, so a second hint is harmless."""
    senders = {Job.Kind.BUILD: run_build, Job.Kind.DEMO: run_training, Job.Kind.SCORE: run_batch}
    begun = time.monotonic()
    for job in jobs.stale():
        senders[Job.Kind(job.kind)].delay(str(job.pk))
        jobs.note_sent(job.pk)
        if time.monotonic() - begun > 10:
            break
    score_files.forget_old()


@shared_task(name="predictions.tasks.extend_history", ignore_result=True)
def extend_history() -> None:
    """Have the history's parts of the coming months ready."""
    if made := partitions.extend():
        logger.info("New parts of the history: %s.", ", ".join(made))
