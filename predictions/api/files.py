"""Files of cases: taken in, scored by the workers, and fetched with their answers."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from predictions import dispatch
from predictions.api.bodies import UploadParser
from predictions.api.links import api_link
from predictions.api.permissions import Known
from predictions.api.renderers import CsvRenderer, JsonRenderer
from predictions.api.serializers.jobs import JobDetailOut
from predictions.api.views import DeskView, checked, id_of
from predictions.selectors import jobs
from predictions.selectors.targets import live_target
from predictions.services import score_files

FORM_BYTES = 1_000_000
"""Room in an upload for everything but the file."""


class CaseFileIn(serializers.Serializer[Any]):
    """A file of cases."""

    file = serializers.FileField(
        allow_empty_file=True,
        help_text="CSV in UTF-8 with a header; comma, semicolon or tab between cells. An empty cell is a missing value.",
    )


class Files(DeskView):
    """``/models/{slug}/files``"""

    opened_to = {"POST": Known}
    parser_classes = (UploadParser,)

    @property
    def max_body_bytes(self) -> int:  # type: ignore[override]
        """One file of cases."""
        return int(settings.MAX_SCORE_FILE_BYTES) + FORM_BYTES

    @extend_schema(
        operation_id="score_file",
        tags=["models"],
        summary="Score a CSV file",
        description=(
            "Starts a job that answers every row with the version that is live now. Follow it at the address in the "
            "Location header; its `links.result` is the file with the answers once it succeeded. A row with a fault "
            "does not stop the others: it comes back with the reason in the column `error`."
        ),
        request={"multipart/form-data": CaseFileIn},
        responses={202: OpenApiResponse(JobDetailOut, "The file was taken in; its rows are being answered.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Store the file and start its job."""
        target = live_target(self.actor, slug, fresh=True)
        score_files.require_room(self.actor)
        file = checked(CaseFileIn, request.data)["file"]
        job = dispatch.score(
            actor=self.actor, target=target, stream=file, filename=file.name, declared_size=file.size
        )
        body = JobDetailOut(jobs.get(self.actor, job.pk), context={"request": request}).data
        headers = {"Location": api_link(request, "job", job.pk)}
        return Response(body, status=status.HTTP_202_ACCEPTED, headers=headers)


class JobResult(DeskView):
    """``/jobs/{id}/result``"""

    opened_to = {"GET": Known}
    renderer_classes = (JsonRenderer, CsvRenderer)

    @extend_schema(
        operation_id="get_job_result",
        tags=["jobs"],
        summary="The file with its answers",
        description=(
            "The rows as they were sent, with columns for the answer, `warnings`, `prediction_id` and `error` behind "
            "them. 404 while there is none yet, and once it was deleted."
        ),
        responses={(200, "text/csv"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, job_id: str) -> StreamingHttpResponse:
        """Sent while it is read."""
        file, chunks = score_files.result_chunks(jobs.get(self.actor, id_of(job_id)))
        response = StreamingHttpResponse(chunks, content_type="text/csv; charset=utf-8")
        response.headers["Content-Length"] = str(file.result_size)
        response.headers["Content-Disposition"] = (
            content_disposition_header(as_attachment=True, filename=file.result_name) or "attachment"
        )
        return response
