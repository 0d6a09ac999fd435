"""The history of one's own answers."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.paging import page, page_of
from predictions.api.permissions import KnownOrVisitor
from predictions.api.serializers.predictions import HistoryQuery, PredictionDetailOut, PredictionOut
from predictions.api.views import DeskView, checked_query, id_of
from predictions.models import Prediction
from predictions.selectors import predictions

FILTERS = {
    "model": "ml_model__slug",
    "outcome": "outcome",
    "since": "created_at__gte",
    "until": "created_at__lte",
}


class Predictions(DeskView):
    """``/predictions``"""

    opened_to = {"GET": KnownOrVisitor}

    @extend_schema(
        operation_id="list_predictions",
        tags=["predictions"],
        summary="Your own answers, newest first",
        parameters=[HistoryQuery],
        responses=page_of(PredictionOut, "PredictionPage"),
    )
    def get(self, request: Request) -> Response:
        """Filtered by ml_model, outcome and time."""
        query = checked_query(HistoryQuery, request)

        def shown(rows: list[Prediction]) -> list[Any]:
            return list(PredictionOut(rows, many=True, context={"request": request}).data)

        return page(request, _filtered(predictions.own(self.actor), query), query, shown)


class OnePrediction(DeskView):
    """``/predictions/{id}``"""

    opened_to = {"GET": KnownOrVisitor}

    @extend_schema(
        operation_id="get_prediction",
        tags=["predictions"],
        summary="One answer with its inputs and what a reviewer said",
        responses=PredictionDetailOut,
    )
    def get(self, request: Request, prediction_id: str) -> Response:
        """Of one's own; for staff, of anybody."""
        row = predictions.get(self.actor, id_of(prediction_id))
        return Response(PredictionDetailOut(row, context={"request": request}).data)


def _filtered(rows: QuerySet[Prediction], query: dict[str, Any]) -> QuerySet[Prediction]:
    return rows.filter(**{path: query[name] for name, path in FILTERS.items() if name in query})
