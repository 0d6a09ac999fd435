"""``POST /predict``: the address that the article about this site's idea ends with."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request

from predictions import timings
from predictions.api import renderers
from predictions.api.answers import answered, answering_actor, member
from predictions.api.permissions import Anyone
from predictions.api.views import DeskView
from predictions.selectors.targets import default_target
from predictions.values import Face, GivenAnswer

WHOLE_WITHIN = 1e-9
WHOLE_BELOW = 1e15
DIGITS = 10


class ArticlePredict(DeskView):
    """``/predict``: the ml_model marked as the site's default."""

    opened_to = {"POST": Anyone}
    face: ClassVar[Face] = "article"

    @extend_schema(
        operation_id="predict_with_default",
        tags=["predict"],
        summary="Answers of the site's default ML model",
        request=inline_serializer(
            "DefaultPredictIn", {"input": serializers.ListField(child=serializers.JSONField())}
        ),
        responses=inline_serializer(
            "DefaultPredictOut", {"prediction": serializers.ListField(child=serializers.JSONField())}
        ),
        examples=[
            OpenApiExample("One row", value={"input": [1, 2, 3]}, request_only=True),
            OpenApiExample("Its answer", value={"prediction": [4]}, response_only=True),
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        """``{"input": [1, 2, 3]}`` gives ``{"prediction": [4]}``; a list of rows gives one entry per row."""
        actor = answering_actor(self.actor)
        target = default_target(actor)
        timings.mark(timings.ADMIT)
        data = request.data
        timings.mark(timings.PARSE)
        answers = answered(target, member(data, "input"), actor, self.face)
        body = renderers.encode({"prediction": [shown(answer) for answer in answers]})
        timings.finish(len(answers))
        return HttpResponse(body, content_type="application/json")


def shown(answer: GivenAnswer) -> Any:
    """The label or value alone, or what a graph with other outputs gave."""
    outputs = answer.outputs
    return next(
        (tidy(outputs[name]) for name in ("label", "value") if name in outputs), outputs.get("outputs")
    )


def tidy(value: Any) -> Any:
    """Numbers as people write them: 4 for 3.9999999999, else ten significant digits; other values as they are."""
    if isinstance(value, list):
        return [tidy(item) for item in value]
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    nearest = round(value)
    return (
        nearest
        if abs(value - nearest) <= WHOLE_WITHIN and abs(value) < WHOLE_BELOW
        else float(f"{value:.{DIGITS}g}")
    )
