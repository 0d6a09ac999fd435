"""The history of one's own answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.paging import answer, page_of, place
from predictions.api.permissions import KnownOrVisitor
from predictions.api.serializers.predictions import HistoryQuery, PredictionDetailOut, PredictionOut
from predictions.api.views import DeskView, checked_query, id_of
from predictions.selectors import history, predictions
from predictions.selectors.history import Wanted

INSTANT = timedelta(microseconds=1)
"""What makes ``to`` inclusive: times are stored to the microsecond."""


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
        """Filtered by ml_model, outcome and time. A page may hold fewer than ``limit``; ``next`` says if there is more."""
        query = checked_query(HistoryQuery, request)
        beyond = place(query["cursor"], UUID) if "cursor" in query else None
        limit: int = query["limit"]
        seen = history.cases(self.actor, _wanted(query), limit=limit + 1, beyond=beyond)
        rows = predictions.listed(seen.ids[:limit])
        shown = PredictionOut(rows, many=True, context={"request": request}).data
        return answer(request, list(shown), seen.ids[limit - 1] if len(seen.ids) > limit else seen.end)


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


def _wanted(query: dict[str, Any]) -> Wanted:
    until: datetime | None = query.get("until")
    return Wanted(
        ml_model=query.get("model", ""),
        outcome=query.get("outcome", ""),
        since=query.get("since"),
        until=None if until is None else until + INSTANT,
    )
