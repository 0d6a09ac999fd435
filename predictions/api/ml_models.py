"""The ml_models one may use, and bringing a new one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from predictions import dispatch
from predictions.api.bodies import UploadParser
from predictions.api.links import api_link
from predictions.api.paging import SlugPageQuery, page, page_of
from predictions.api.permissions import Anyone, StaffOnly
from predictions.api.serializers.jobs import JobDetailOut
from predictions.api.serializers.ml_models import MLModelCreateIn, MLModelDetailOut, MLModelOut
from predictions.api.views import DeskView, checked, checked_query
from predictions.models import MLModel
from predictions.selectors import ml_models
from predictions.services import code_packages
from predictions.services.code_packages import CodeFile
from predictions.services.sorting import Upload, chain_of
from predictions.values import BuildRequest

FORM_BYTES = 1_000_000
"""Room in an upload for everything but the files."""


class MLModels(DeskView):
    """``/models``"""

    opened_to = {"GET": Anyone, "POST": StaffOnly}
    parser_classes = (UploadParser,)

    @property
    def max_body_bytes(self) -> int:  # type: ignore[override]
        """The files of a model, a sample and a code package."""
        beside = int(settings.MAX_REQUEST_BYTES) + code_packages.MAX_BYTES
        return int(settings.MAX_UPLOAD_BYTES) + beside + FORM_BYTES

    @extend_schema(
        operation_id="list_models",
        tags=["models"],
        summary="The ML models you may use",
        parameters=[SlugPageQuery],
        responses=page_of(MLModelOut, "MLModelPage"),
    )
    def get(self, request: Request) -> Response:
        """Those with a live version, by slug."""
        query = checked_query(SlugPageQuery, request)

        def shown(rows: list[MLModel]) -> list[Any]:
            live = ml_models.live_versions(rows)
            return list(MLModelOut(rows, many=True, context={"request": request, "live": live}).data)

        rows = ml_models.usable_by(self.actor)
        return page(request, rows, query, shown, key="slug", read=str, newest_first=False)

    @extend_schema(
        operation_id="create_model",
        tags=["models"],
        summary="Bring a model file, or several that belong together",
        description=(
            "Starts a build. Follow it at the address in the Location header. Files that belong together (a model and its "
            "scaler, say) are put in order by what they take and give. Staff accounts only."
        ),
        request={"multipart/form-data": MLModelCreateIn},
        responses={202: OpenApiResponse(JobDetailOut, "The build was started.")},
    )
    def post(self, request: Request) -> Response:
        """Store the files and start their build."""
        data = checked(MLModelCreateIn, request.data)
        first, *more = data["file"]
        sample, code = data["sample"], data["code"]
        job = dispatch.build(
            actor=self.actor,
            request=BuildRequest(
                name=data["name"],
                description=data["description"],
                go_live=data["live"],
                visibility=data["visibility"],
                chain=chain_of(data["chain"]),
            ),
            stream=first,
            filename=first.name,
            declared_size=first.size,
            sample_stream=sample,
            sample_filename=sample.name if sample else "",
            more=[Upload(file, file.name, file.size) for file in more],
            code=CodeFile(stream=code, filename=code.name, main_module=data["main_module"]) if code else None,
        )
        body = JobDetailOut(job, context={"request": request}).data
        headers = {"Location": api_link(request, "job", job.pk)}
        return Response(body, status=status.HTTP_202_ACCEPTED, headers=headers)


class OneMLModel(DeskView):
    """``/models/{slug}``"""

    opened_to = {"GET": Anyone}

    @extend_schema(
        operation_id="get_model",
        tags=["models"],
        summary="What an ML model takes and answers",
        responses=MLModelDetailOut,
    )
    def get(self, request: Request, slug: str) -> Response:
        """The signature, an example that works, and where to send it."""
        ml_model = ml_models.get(self.actor, slug)
        live = ml_models.live_versions([ml_model])
        return Response(MLModelDetailOut(ml_model, context={"request": request, "live": live}).data)
