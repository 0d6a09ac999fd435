"""Recorded answers over the wire."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from predictions.api.links import api_link
from predictions.api.paging import IdPageQuery
from predictions.models import Prediction, Review


class DayOrInstant(serializers.DateTimeField):
    """``2026-11-23`` (the whole day in UTC) or ``2026-11-23T10:00:00Z``; ``end`` takes a day to its end."""

    def __init__(self, *, end: bool = False, **kwargs: Any) -> None:
        self.end = end
        super().__init__(**kwargs)

    def to_internal_value(self, value: Any) -> datetime:
        try:
            day = serializers.DateField().to_internal_value(value)
        except serializers.ValidationError:
            return super().to_internal_value(value)
        return timezone.make_aware(datetime.combine(day, time.max if self.end else time.min))


class HistoryQuery(IdPageQuery):
    """Filters of the history."""

    model = serializers.CharField(required=False, max_length=80, help_text="An ml_model's slug.")
    outcome = serializers.CharField(required=False, max_length=200, help_text="A label or value, exactly.")

    def get_fields(self) -> dict[str, Any]:
        """With ``from`` and ``to``, which Python keeps for itself as names."""
        fields = super().get_fields()
        fields["from"] = DayOrInstant(
            source="since", required=False, help_text="Answered at or after; a day or an instant."
        )
        fields["to"] = DayOrInstant(
            source="until", required=False, end=True, help_text="Answered at or before; a day or an instant."
        )
        return fields


class WarningOut(serializers.Serializer[Any]):
    """Something worth knowing about an accepted value."""

    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ReviewOut(serializers.Serializer[Any]):
    """What the newest review said."""

    verdict = serializers.ChoiceField(choices=Review.Verdict.choices)
    outcome = serializers.CharField(source="right_outcome", help_text="The right answer, when it is known.")
    reason = serializers.CharField(source="review_reason")


class PredictionOut(serializers.Serializer[Any]):
    """A recorded answer in a list."""

    id = serializers.UUIDField()
    model = serializers.CharField(source="ml_model.slug")
    version = serializers.IntegerField(source="version.number")
    outcome = serializers.CharField()
    score = serializers.FloatField(allow_null=True, help_text="The top probability, or the value.")
    face = serializers.ChoiceField(choices=Prediction.Face.choices)
    created_at = serializers.DateTimeField()
    review = serializers.SerializerMethodField()
    link = serializers.SerializerMethodField()

    @extend_schema_field(ReviewOut(allow_null=True))
    def get_review(self, row: Any) -> dict[str, Any] | None:
        return dict(ReviewOut(row).data) if row.verdict else None

    @extend_schema_field(serializers.URLField())
    def get_link(self, row: Prediction) -> str:
        return api_link(self.context["request"], "prediction", row.pk)


class PredictionDetailOut(PredictionOut):
    """A recorded answer in full, under the signature it was answered with."""

    signature_revision = serializers.IntegerField(source="revision.number")
    inputs = serializers.SerializerMethodField(help_text="By feature name.")
    outputs = serializers.JSONField(help_text="What the caller got.")
    warnings = WarningOut(many=True)
    duration_ms = serializers.FloatField()
    cached = serializers.BooleanField(
        help_text="Taken from an equal case that this version answered before, instead of computed again."
    )

    @extend_schema_field(serializers.DictField())
    def get_inputs(self, row: Prediction) -> dict[str, Any]:
        names = [item["name"] for item in row.revision.document["inputs"]]
        return dict(zip(names, row.inputs, strict=True))


class AnswerOut(serializers.Serializer[Any]):
    """One answer. Which of label, value and outputs it holds depends on the ml_model's task."""

    id = serializers.UUIDField(help_text="Where to find it again: /api/v1/predictions/{id}")
    label = serializers.JSONField(required=False, help_text="Classification: the class.")  # type: ignore[assignment]
    probabilities = serializers.DictField(child=serializers.FloatField(), required=False)
    value = serializers.JSONField(required=False, help_text="Regression: the value.")
    score = serializers.FloatField(required=False, allow_null=True, help_text="Outliers: how far out.")
    outputs = serializers.DictField(required=False, help_text="Other ml_models: by output name.")
    warnings = WarningOut(many=True)


class AnswersOut(serializers.Serializer[Any]):
    """What ``predict`` answers: one entry per row, in the order of the request."""

    model = serializers.CharField()
    version = serializers.IntegerField()
    predictions = AnswerOut(many=True)
