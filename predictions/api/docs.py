"""The API document, and pages to read and try it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api import openapi, renderers
from predictions.api.permissions import Anyone
from predictions.api.views import DeskView
from predictions.selectors import ml_models

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Swagger UI sets styles in its elements; scripts come from this site only, none inline."""


class OpenApi(DeskView):
    """``/openapi.json``"""

    opened_to = {"GET": Anyone}

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """OpenAPI 3.1, with a precise route for every ml_model the asker may use."""
        rows = list(ml_models.usable_by(self.actor)[: openapi.MAX_ML_MODELS])
        live = ml_models.live_versions(rows)
        document = openapi.document_for((row, live[row.pk]) for row in rows if row.pk in live)
        return HttpResponse(
            renderers.encode(document),
            content_type="application/json",
            headers={"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"},
        )


class SwaggerUi(SpectacularSwaggerSplitView):
    """``/docs``: Swagger UI from this site's own static files; the script comes from ``?script``."""

    http_method_names = ["get", "head"]
    permission_classes = (Anyone,)
    url_name = "api:openapi"
    template_name = "api/docs.html"
    title = "Model Desk API"

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The page, or its script."""
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response
