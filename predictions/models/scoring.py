"""Files of cases: what was brought, how far its scoring is, and where its answers are."""

from __future__ import annotations

from django.db import models

from predictions.models.jobs import Job
from predictions.models.ml_models import SignatureRevision


class ScoreFile(models.Model):
    """A file of cases and its result, beside the job that scores it. The job names ml_model and version.

    ``columns`` are the header's names, ``delimiter`` stands between cells, ``body`` is where the first record begins
    in bytes. ``rows`` is None until the file was split. Keys are empty once their bytes are gone.
    """

    job = models.OneToOneField(Job, on_delete=models.CASCADE, primary_key=True, related_name="score_file")
    revision = models.ForeignKey(SignatureRevision, on_delete=models.PROTECT, related_name="+")
    filename = models.CharField(max_length=255)
    key = models.CharField(max_length=255, blank=True)
    size = models.BigIntegerField()
    delimiter = models.CharField(max_length=1)
    columns = models.JSONField(default=list)
    body = models.BigIntegerField()
    rows = models.BigIntegerField(null=True)
    answered = models.BigIntegerField(default=0)
    faulty = models.BigIntegerField(default=0)
    warned = models.BigIntegerField(default=0)
    join_claimed_at = models.DateTimeField(null=True)
    result_key = models.CharField(max_length=255, blank=True)
    result_size = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return self.filename

    @property
    def result_name(self) -> str:
        """What to save the result as."""
        stem, _dot, ending = self.filename.rpartition(".")
        return f"{stem}-answers.{ending}" if stem and len(ending) <= 5 else f"{self.filename}-answers.csv"

    @property
    def done_rows(self) -> int:
        """Rows that have their answer or their error."""
        return self.answered + self.faulty


class ScorePiece(models.Model):
    """Whole records of a file, from byte ``begin`` to before ``end``: what one worker takes at a time.

    ``first_id`` is made at the first claim and kept, so that a piece done again gets the ids it had.
    """

    file = models.ForeignKey(ScoreFile, on_delete=models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    begin = models.BigIntegerField()
    end = models.BigIntegerField()
    rows = models.PositiveIntegerField()
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True)
    is_done = models.BooleanField(default=False)
    first_id = models.UUIDField(null=True)
    part_key = models.CharField(max_length=255, blank=True)
    part_size = models.BigIntegerField(default=0)

    class Meta:
        ordering = ("file", "number")
        constraints = [models.UniqueConstraint(fields=["file", "number"], name="score_piece_number_once")]

    def __str__(self) -> str:
        return f"{self.file_id} piece {self.number}"
