"""Scoring a file on the worker's side: split it once, let any number of workers take pieces, join what they wrote."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from predictions import repository
from predictions.errors import NotFound
from predictions.models import Job, MLModel, ScoreFile, ScorePiece
from predictions.services import jobs, score_claims, score_files, score_pieces
from predictions.services.builds import ending
from predictions.services.connections import retried
from predictions.services.inference import registry
from predictions.services.progress import Progress
from predictions.services.score_answers import Answerer, answer_columns, cell_writer
from predictions.services.score_checking import Checker
from predictions.services.score_claims import Watch
from predictions.services.score_pieces import Bench
from predictions.services.score_splitting import spans
from predictions.services.score_storing import Origin
from predictions.signature.case_files import Layout, places_of
from predictions.signature.fields import Signature

TURN_SECONDS = 10.0
"""After this long a worker goes to the end of the queue, so that files and builds share the workers."""

MAX_SHOWN_COLUMNS = 20


def run(job_id: UUID) -> int:
    """Take part in a job for a while. Returns how many more hints of it are worth sending.

    Running it any number of times at once, or after the job is over, changes nothing but the speed.
    """
    job = retried(lambda: _taken_up(job_id))
    if job is None:
        return 0
    more = 0
    with ending(job):
        more = _turn(job)
    return more


def _taken_up(job_id: UUID) -> Job | None:
    """The job when there is something to do for this worker; None otherwise."""
    found = Job.objects.select_related("score_file").filter(pk=job_id, kind=Job.Kind.SCORE).first()
    if found is None or found.is_over:
        return None
    if found.score_file.rows is None:
        claimed = jobs.claim(job_id)
        return None if claimed is None else Job.objects.select_related("score_file").get(pk=job_id)
    return found if found.status == Job.Status.RUNNING else None


def _turn(job: Job) -> int:
    file: ScoreFile = job.score_file
    more = 0
    if file.rows is None:
        more = min(_split(job, file), settings.SCORE_HANDS) - 1
    elif job.heartbeat_at and job.heartbeat_at < timezone.now() - timedelta(
        seconds=settings.JOB_STALE_SECONDS
    ):
        # Every worker of it died or its hints were lost.
        more = min(score_claims.free_pieces(file), settings.SCORE_HANDS) - 1
    watch = Watch(job)
    watch.look()
    if _scored_pieces(job, file, watch):
        return more + 1
    if score_claims.claim_joining(file):
        _join(job, file, watch)
    return max(more, 0)


def _split(job: Job, file: ScoreFile) -> int:
    """Cut the file into pieces and write them down, all or none. Returns how many there are."""
    progress = Progress(job)
    progress.begin("split")
    watch = Watch(job)
    with repository.opened(file.key) as stream:
        found = list(
            spans(stream, begin=file.body, size=file.size, delimiter=file.delimiter, look=watch.look)
        )
    rows = sum(span.rows for span in found)
    if not rows:
        raise score_files.no_rows()
    with transaction.atomic():
        ScorePiece.objects.filter(file=file).delete()
        ScorePiece.objects.bulk_create(
            ScorePiece(file=file, number=number, begin=span.begin, end=span.end, rows=span.rows)
            for number, span in enumerate(found)
        )
        ScoreFile.objects.filter(pk=file.pk).update(rows=rows)
        progress.done(f"{_rows(rows)} in {len(found):,} piece{'s' if len(found) > 1 else ''}.")
        _tell_carried(job, file)
        jobs.start_step(job, "score")
    file.rows = rows
    return len(found)


def _tell_carried(job: Job, file: ScoreFile) -> None:
    signature = _signature(file)
    layout = Layout(file.delimiter, tuple(file.columns), places_of(file.columns, signature), file.body)
    if layout.carried:
        shown = ", ".join(f"“{name}”" for name in layout.carried[:MAX_SHOWN_COLUMNS])
        jobs.add_log(job, f"Columns that are no inputs come back as they are: {shown}.")


def _scored_pieces(job: Job, file: ScoreFile, watch: Watch) -> bool:
    """Take pieces until there are none or the turn is over. True when there may be more to take."""
    piece = score_claims.claim(file)
    if piece is None:
        return False
    until = time.monotonic() + TURN_SECONDS
    with registry().lease(_version_id(job)) as runtime, repository.opened(file.key) as stream:
        bench = _bench(job, file, stream, watch, runtime)
        while piece is not None:
            score_pieces.score(bench, piece, watch)
            if time.monotonic() > until:
                return True
            watch.look()
            piece = score_claims.claim(file)
    return False


def _bench(job: Job, file: ScoreFile, stream: BinaryIO, watch: Watch, runtime: object) -> Bench:
    signature = _signature(file)
    places = places_of(file.columns, signature)
    head = stream.read(file.body)
    return Bench(
        stream=stream,
        checker=Checker(signature, places, width=len(file.columns), delimiter=file.delimiter),
        answerer=Answerer(runtime, signature, delimiter=file.delimiter, look=watch.look),  # type: ignore[arg-type]
        origin=Origin(
            ml_model_id=job.ml_model_id or 0,
            version_id=_version_id(job),
            revision_id=file.revision_id,
            user_id=job.created_by_id,
            api_key_id=job.api_key_id,
        ),
        delimiter=file.delimiter,
        line_end=_line_end(head),
        answer_width=len(answer_columns(signature)),
    )


def _join(job: Job, file: ScoreFile, watch: Watch) -> None:
    """Put the parts behind each other, in the order of the file, and end the job well."""
    job.refresh_from_db(fields=["steps", "log"])
    file.refresh_from_db()
    progress = Progress(job)
    progress.done(_outcome(file))
    progress.begin("join")
    stored = repository.store(_Joined(_parts(file, watch)), kind="results", max_bytes=None)  # type: ignore[arg-type]
    try:
        with transaction.atomic():
            ScoreFile.objects.filter(pk=file.pk).update(result_key=stored.key, result_size=stored.size)
            progress.done(f"{stored.size:,} bytes, SHA-256 {stored.sha256[:16]}…")
            jobs.succeed(job, ml_model=_ml_model(job), version=job.version)
    except BaseException:
        repository.delete(stored.key)
        raise
    score_files.drop_pieces(file)


def _outcome(file: ScoreFile) -> str:
    told = [f"{_rows(file.answered)} answered"]
    if file.warned:
        told.append(f"{file.warned:,} of them with warnings")
    if file.faulty:
        told.append(f"{file.faulty:,} not answered, each with its reason in the column “error”")
    return ", ".join(told) + "."


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _parts(file: ScoreFile, watch: Watch) -> Iterator[bytes]:
    with repository.opened(file.key) as stream:
        head = stream.read(file.body)
    yield _header(head, file, _signature(file))
    for key in file.pieces.order_by("number").values_list("part_key", flat=True):
        with repository.opened(key) as part:
            while chunk := part.read(1 << 20):
                yield chunk
        watch.look()
        ScoreFile.objects.filter(pk=file.pk).update(join_claimed_at=timezone.now())


class _Joined:
    """Pieces of bytes as one stream to read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _size: int = -1) -> bytes:
        """The next piece, of whatever size; nothing at the end."""
        return next((piece for piece in self._pieces if piece), b"")


def _header(head: bytes, file: ScoreFile, signature: Signature) -> bytes:
    """The file's own header with the columns of the answers behind it."""
    end = _line_end(head)
    line = head.removesuffix(b"\n").removesuffix(b"\r")
    added = result_columns(tuple(file.columns), signature)
    write = cell_writer(file.delimiter)
    return line + "".join(file.delimiter + write(name) for name in added).encode() + end


def result_columns(columns: tuple[str, ...], signature: Signature) -> tuple[str, ...]:
    """What stands behind the file's own columns; a name that is taken begins with ``answer.``."""
    names = (*answer_columns(signature), "warnings", "prediction_id", "error")
    taken = {name.strip() for name in columns}
    found = []
    for name in names:
        free = name
        while free in taken:
            free = f"answer.{free}"
        taken.add(free)
        found.append(free)
    return tuple(found)


def _line_end(head: bytes) -> bytes:
    return b"\r\n" if head.endswith(b"\r\n") else b"\n"


def _signature(file: ScoreFile) -> Signature:
    return Signature.from_document(file.revision.document)


def _ml_model(job: Job) -> MLModel:
    if job.ml_model is None:
        raise NotFound("The ML model that this file was brought for is gone.")
    return job.ml_model


def _version_id(job: Job) -> int:
    if job.version_id is None:
        raise NotFound("The version that this file was brought for is gone; bring the file again.")
    return job.version_id
