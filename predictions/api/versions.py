"""The versions of an ml_model, for its owner."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from predictions import dispatch
from predictions.api.paging import NumberPageQuery, page, page_of
from predictions.api.permissions import Known
from predictions.api.serializers.ml_models import VersionLiveIn, VersionOut
from predictions.api.views import DeskView, checked, checked_query
from predictions.errors import NotAllowed
from predictions.models import MLModel, ModelVersion
from predictions.selectors import ml_models
from predictions.values import Actor


class Versions(DeskView):
    """``/models/{slug}/versions``"""

    opened_to = {"GET": Known}

    @extend_schema(
        operation_id="list_versions",
        tags=["versions"],
        summary="All versions of an ML model",
        description="For the owner of the ML model and for administrators.",
        parameters=[NumberPageQuery],
        responses=page_of(VersionOut, "VersionPage"),
    )
    def get(self, request: Request, slug: str) -> Response:
        """Newest first."""
        query = checked_query(NumberPageQuery, request)
        rows = ml_models.versions(managed(self.actor, slug))

        def shown(found: list[ModelVersion]) -> list[Any]:
            return list(VersionOut(found, many=True).data)

        return page(request, rows, query, shown, key="number", read=int)


class VersionLive(DeskView):
    """``/models/{slug}/versions/{number}/live``"""

    opened_to = {"POST": Known}

    @extend_schema(
        operation_id="go_live",
        tags=["versions"],
        summary="Let a version answer from now on",
        description=(
            "Also the way back to an earlier version. Doing it twice changes nothing. A version that failed a check of "
            "its proof needs a `reason` in words, which is kept; without one the answer is 409 `not_proven`."
        ),
        request=VersionLiveIn,
        responses=VersionOut,
    )
    def post(self, request: Request, slug: str, number: int) -> Response:
        """Go live, or roll back."""
        ml_model = managed(self.actor, slug)
        version = ml_models.version(ml_model, number)
        given: Any = request.data
        reason = checked(VersionLiveIn, {} if given is None else given)["reason"]
        dispatch.go_live(version=version, actor=self.actor, reason=reason)
        return Response(VersionOut(ml_models.version(ml_model, number)).data)


def managed(actor: Actor, slug: str) -> MLModel:
    """The ml_model whose versions this actor may see and change. Raises NotFound, NotAllowed."""
    ml_model = ml_models.get(actor, slug)
    if not ml_models.may_manage(actor, ml_model):
        raise NotAllowed(_("Only the owner of this ML model can see and change its versions."))
    return ml_model
