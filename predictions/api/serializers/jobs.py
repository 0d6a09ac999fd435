"""Background runs over the wire."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from predictions.api.links import api_link, page_link
from predictions.models import Job


class JobErrorOut(serializers.Serializer[Any]):
    """Why it failed."""

    code = serializers.CharField(source="error_code")
    message = serializers.CharField(source="error_message")


class JobLinksOut(serializers.Serializer[Any]):
    """Where to go from a job."""

    self = serializers.URLField()
    page = serializers.URLField(allow_null=True)
    model = serializers.URLField(allow_null=True)
    result = serializers.URLField(
        allow_null=True, help_text="The file with its answers, of a scored file; null while there is none."
    )


class JobFileOut(serializers.Serializer[Any]):
    """The file of cases that a job scores, and how far it is."""

    filename = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    rows = serializers.IntegerField(allow_null=True, help_text="Null until the file was looked through.")
    answered = serializers.IntegerField(help_text="Rows that are stored and answered so far.")
    faulty = serializers.IntegerField(help_text="Rows with a reason in place of an answer so far.")
    warned = serializers.IntegerField(help_text="Answered rows with a warning so far.")
    result_size = serializers.IntegerField(allow_null=True, help_text="Bytes.")


class JobOut(serializers.Serializer[Any]):
    """A background run in a list."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Job.Kind.choices)
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=Job.Status.choices)
    model = serializers.CharField(source="ml_model.slug", default=None, allow_null=True)
    version = serializers.IntegerField(source="version.number", default=None, allow_null=True)
    file = JobFileOut(source="score_file", default=None, allow_null=True)
    error = serializers.SerializerMethodField()
    cancel_requested = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    links = serializers.SerializerMethodField()

    @extend_schema_field(JobErrorOut(allow_null=True))
    def get_error(self, row: Job) -> dict[str, Any] | None:
        return dict(JobErrorOut(row).data) if row.error_code or row.error_message else None

    @extend_schema_field(JobLinksOut)
    def get_links(self, row: Job) -> dict[str, str | None]:
        request = self.context["request"]
        return {
            "self": api_link(request, "job", row.pk),
            "page": page_link(request, "job", row.pk),
            "model": api_link(request, "ml_model", row.ml_model.slug) if row.ml_model else None,
            "result": api_link(request, "job_result", row.pk) if has_result(row) else None,
        }


def has_result(row: Job) -> bool:
    """Whether there is a file with answers to fetch."""
    return row.kind == Job.Kind.SCORE and bool(row.score_file.result_key)


class StepOut(serializers.Serializer[Any]):
    """One step of a run."""

    name = serializers.CharField()
    status = serializers.CharField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    message = serializers.CharField()


class LineOut(serializers.Serializer[Any]):
    """One line of the log."""

    at = serializers.DateTimeField()
    text = serializers.CharField()


class JobDetailOut(JobOut):
    """A background run with its steps and its log."""

    steps = StepOut(many=True)
    log = LineOut(many=True)
