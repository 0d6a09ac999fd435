"""Who has which piece of a file: claims are conditional updates, and a piece whose worker went silent is taken again."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from predictions import repository
from predictions.errors import DeskError
from predictions.models import Job, ScoreFile, ScorePiece
from predictions.models.ids import new_id
from predictions.sandbox import Stopped
from predictions.services import jobs

_LOOK_SECONDS = 1.0
_ID_BITS = 32
"""The last bits of a piece's first id number its blocks and the cases in them."""


class Watch:
    """Says that this worker lives and notices, about once a second, that it should stop."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.piece: ScorePiece | None = None
        self._looked = 0.0

    def look(self) -> None:
        """Raises Stopped when the job was cancelled, Lost when it is over or the piece is another worker's."""
        if time.monotonic() - self._looked < _LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        if jobs.heartbeat(self.job):
            raise Stopped("The job was cancelled.")
        if self.piece is not None and not _mine(self.piece).update(claimed_at=timezone.now()):
            raise jobs.Lost


def claim(file: ScoreFile) -> ScorePiece | None:
    """Take the first piece that nobody has, or one whose worker went silent; None when there is none.

    Raises DeskError (``worker_lost``) for a piece that workers died of again and again.
    """
    silent = timezone.now() - timedelta(seconds=settings.JOB_STALE_SECONDS)
    with transaction.atomic():
        piece = (
            ScorePiece.objects.select_for_update(skip_locked=True)
            .filter(_free(silent), file=file, is_done=False)
            .order_by("number")
            .first()
        )
        if piece is None:
            return None
        if piece.attempts >= jobs.MAX_ATTEMPTS:
            raise DeskError(
                f"The worker stopped {jobs.MAX_ATTEMPTS} times while it was at the same rows; "
                "they may be too much for this site.",
                code="worker_lost",
            )
        left_behind = piece.part_key
        piece.attempts += 1
        piece.claimed_at = timezone.now()
        piece.part_key = repository.new_key("parts")
        if piece.first_id is None:
            piece.first_id = UUID(int=new_id().int >> _ID_BITS << _ID_BITS)
        piece.save(update_fields=["attempts", "claimed_at", "part_key", "first_id"])
    repository.delete(left_behind)
    return piece


def free_pieces(file: ScoreFile) -> int:
    """How many pieces could be taken now."""
    silent = timezone.now() - timedelta(seconds=settings.JOB_STALE_SECONDS)
    return ScorePiece.objects.filter(_free(silent), file=file, is_done=False).count()


def finish(job: Job, piece: ScorePiece, *, part_size: int, answered: int, faulty: int, warned: int) -> None:
    """Count a piece as done, in the transaction that writes its answers. Raises Lost, and then nothing is written."""
    if not _mine(piece).update(is_done=True, part_size=part_size):
        raise jobs.Lost
    ScoreFile.objects.filter(pk=piece.file_id).update(
        answered=F("answered") + answered, faulty=F("faulty") + faulty, warned=F("warned") + warned
    )
    running = Job.objects.select_for_update().filter(pk=job.pk, status=Job.Status.RUNNING)
    if running.values_list("pk").first() is None:
        raise jobs.Lost


def claim_joining(file: ScoreFile) -> bool:
    """Take the joining of a file whose pieces are all done; False when it is not so far or somebody joins already."""
    now = timezone.now()
    silent = Q(join_claimed_at__lt=now - timedelta(seconds=settings.JOB_STALE_SECONDS))
    undone = ScorePiece.objects.filter(file=OuterRef("pk"), is_done=False)
    ready = ScoreFile.objects.filter(~Exists(undone), pk=file.pk, result_key="", rows__isnull=False)
    return bool(ready.filter(silent | Q(join_claimed_at=None)).update(join_claimed_at=now))


def _free(silent: datetime) -> Q:
    return Q(claimed_at=None) | Q(claimed_at__lt=silent)


def _mine(piece: ScorePiece) -> QuerySet[ScorePiece]:
    return ScorePiece.objects.filter(pk=piece.pk, attempts=piece.attempts, is_done=False)
