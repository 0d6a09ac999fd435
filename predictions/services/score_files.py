"""Files of cases on the door's side: taken in, looked at, written down as a job, and let go of. Nothing heavy here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import BinaryIO

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from predictions import repository
from predictions.errors import BadCaseFile, NotAllowed, NotFound, TooLarge, TooManyRequests
from predictions.models import ApiKey, Job, ScoreFile, ScorePiece
from predictions.repository import Stored
from predictions.selectors.targets import Target
from predictions.services.uploads import clean_filename
from predictions.signature import case_files
from predictions.signature.case_files import Layout
from predictions.values import Actor

_CHUNK = 1 << 18
UNDER_WAY = (Job.Status.QUEUED, Job.Status.RUNNING)


def receive(
    *, actor: Actor, target: Target, stream: BinaryIO, filename: str, declared_size: int | None = None
) -> Job:
    """Store a file of cases and write down that the live version is to score it. Enqueuing is for the dispatcher.

    Nothing is left behind when this raises: NotAllowed for callers without account or key, TooManyRequests
    (``too_many_files``), TooLarge (``file_too_large``), BadCaseFile when its header does not fit the signature.
    """
    require_room(actor)
    limit: int = settings.MAX_SCORE_FILE_BYTES
    if declared_size is not None and declared_size > limit:
        raise TooLarge(
            f"The file is larger than the {limit / 1e6:,.0f} MB this site accepts; split it into several.",
            code="file_too_large",
        )
    stored = repository.store(stream, kind="cases", max_bytes=limit)
    try:
        _require_whole(stored.size, declared_size)
        layout = _layout_of(stored, target)
        return _written(actor, target, clean_filename(filename), stored, layout)
    except BaseException:
        repository.delete(stored.key)
        raise


def no_rows() -> BadCaseFile:
    """The error for a file that is only a header."""
    return BadCaseFile("The file has a header but no rows; add some below it.", code="no_rows", field="file")


def require_room(actor: Actor) -> None:
    """Raise NotAllowed for callers without account or key, TooManyRequests when enough of theirs is under way."""
    if not actor.is_known:
        raise NotAllowed("Sign in, or send an API key, to score a file.")
    most: int = settings.MAX_SCORE_FILES_AT_ONCE
    if _owned(actor).filter(status__in=UNDER_WAY).count() >= most:
        raise TooManyRequests(
            f"{most} files of yours are under way; wait until one is done, or cancel one.",
            code="too_many_files",
            retry_after=30,
        )


def result_chunks(job: Job) -> tuple[ScoreFile, Iterator[bytes]]:
    """The finished result of a job, to be sent as it is read. Raises NotFound while or once there is none."""
    found = ScoreFile.objects.filter(job=job).first()
    if found is None:
        raise NotFound("This job has no file of answers.")
    if not found.result_key:
        if job.status == Job.Status.SUCCEEDED:
            raise NotFound(
                f"The result was deleted after {settings.SCORE_RESULT_DAYS} days; every answer is in your history."
            )
        raise NotFound("There is no result yet; it can be fetched when the job is done.")
    return found, _chunks(repository.opened(found.result_key))


def forget(job: Job) -> None:
    """Delete the bytes of a file whose job came to nothing. Answers that were stored stay in the history."""
    found = ScoreFile.objects.filter(job=job).first()
    if found is None:
        return
    keys = [found.key, found.result_key, *found.pieces.values_list("part_key", flat=True)]
    found.pieces.all().delete()
    ScoreFile.objects.filter(pk=found.pk).update(key="", result_key="")
    for key in keys:
        repository.delete(key)


def forget_old() -> None:
    """Delete results that were there to be fetched for long enough, and parts that a worker left when it died."""
    now = timezone.now()
    old = now - timedelta(days=settings.SCORE_RESULT_DAYS)
    for found in ScoreFile.objects.exclude(result_key="").filter(job__finished_at__lt=old)[:100]:
        ScoreFile.objects.filter(pk=found.pk).update(result_key="")
        repository.delete(found.result_key)
    left = now - timedelta(seconds=settings.JOB_STALE_SECONDS)
    for found in ScoreFile.objects.filter(pieces__isnull=False, job__finished_at__lt=left).distinct()[:100]:
        drop_pieces(found)


def drop_pieces(file: ScoreFile) -> None:
    """Delete the parts of a result once it is joined, and the file they came from."""
    keys = [file.key, *file.pieces.values_list("part_key", flat=True)]
    ScorePiece.objects.filter(file=file).delete()
    ScoreFile.objects.filter(pk=file.pk).update(key="")
    for key in keys:
        with suppress(OSError):
            repository.delete(key)


def _written(actor: Actor, target: Target, filename: str, stored: Stored, layout: Layout) -> Job:
    with transaction.atomic():
        _lock(actor)
        require_room(actor)
        job = Job.objects.create(
            kind=Job.Kind.SCORE,
            name=target.name,
            ml_model_id=target.ml_model_id,
            version_id=target.version_id,
            created_by_id=actor.user_id,
            api_key_id=actor.api_key_id,
        )
        ScoreFile.objects.create(
            job=job,
            revision_id=target.revision_id,
            filename=filename if filename != "model" else "rows.csv",
            key=stored.key,
            size=stored.size,
            delimiter=layout.delimiter,
            columns=list(layout.columns),
            body=layout.body,
        )
    return job


def _lock(actor: Actor) -> None:
    """One caller's files are counted one after the other."""
    if actor.user_id is not None:
        User.objects.select_for_update().filter(pk=actor.user_id).first()
    elif actor.api_key_id is not None:
        ApiKey.objects.select_for_update().filter(pk=actor.api_key_id).first()


def _owned(actor: Actor) -> QuerySet[Job]:
    rows = Job.objects.filter(kind=Job.Kind.SCORE)
    if actor.user_id is not None:
        return rows.filter(created_by_id=actor.user_id)
    return rows.filter(api_key_id=actor.api_key_id, created_by=None)


def _require_whole(size: int, declared_size: int | None) -> None:
    if declared_size is not None and size != declared_size:
        raise BadCaseFile(
            f"The upload stopped after {size:,} of {declared_size:,} bytes; send the file again.",
            code="truncated_upload",
        )


def _layout_of(stored: Stored, target: Target) -> Layout:
    with repository.opened(stored.key) as stream:
        head = stream.read(case_files.HEAD_BYTES)
    layout = case_files.layout_of(head, target.signature)
    if stored.size <= layout.body:
        raise no_rows()
    return layout


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    with stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
