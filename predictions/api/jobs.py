"""Following background runs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.paging import IdPageQuery, page, page_of
from predictions.api.permissions import Known
from predictions.api.serializers.jobs import JobDetailOut, JobOut
from predictions.api.views import DeskView, checked_query, id_of
from predictions.models import Job
from predictions.selectors import jobs
from predictions.services import jobs as job_services


class Jobs(DeskView):
    """``/jobs``"""

    opened_to = {"GET": Known}

    @extend_schema(
        operation_id="list_jobs",
        tags=["jobs"],
        summary="Your background runs, newest first",
        parameters=[IdPageQuery],
        responses=page_of(JobOut, "JobPage"),
    )
    def get(self, request: Request) -> Response:
        """Without steps and log."""
        query = checked_query(IdPageQuery, request)

        def shown(rows: list[Job]) -> list[Any]:
            return list(JobOut(rows, many=True, context={"request": request}).data)

        return page(request, jobs.visible_to(self.actor).defer("steps", "log"), query, shown)


class OneJob(DeskView):
    """``/jobs/{id}``"""

    opened_to = {"GET": Known}

    @extend_schema(
        operation_id="get_job",
        tags=["jobs"],
        summary="One run: status, steps, log, and why it failed",
        responses=JobDetailOut,
    )
    def get(self, request: Request, job_id: str) -> Response:
        """Ask again while the status is queued or running."""
        job = jobs.get(self.actor, id_of(job_id))
        return Response(JobDetailOut(job, context={"request": request}).data)


class CancelJob(DeskView):
    """``/jobs/{id}/cancel``"""

    opened_to = {"POST": Known}

    @extend_schema(
        operation_id="cancel_job",
        tags=["jobs"],
        summary="Ask a run to stop at its next step",
        request=None,
        responses=JobDetailOut,
    )
    def post(self, request: Request, job_id: str) -> Response:
        """A run that is over stays as it is."""
        job = jobs.get(self.actor, id_of(job_id))
        job_services.request_cancel(job, self.actor)
        job = jobs.get(self.actor, job.pk)
        return Response(JobDetailOut(job, context={"request": request}).data)
