"""What an ml_model takes and answers, as partners read it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from predictions.signature.fields import Field

KINDS = ("number", "integer", "boolean", "choice", "text", "tensor")
ELEMENTS = ("float", "integer", "boolean", "text")
TASKS = ("classification", "regression", "outlier", "clustering", "other")

ONLY_FOR = {
    "max_length": {"text"},
    "choices": {"choice"},
    "unseen": {"choice"},
    "shape": {"tensor"},
    "element": {"tensor"},
    "minimum": {"number", "integer", "tensor"},
    "maximum": {"number", "integer", "tensor"},
    "usual_minimum": {"number", "integer", "tensor"},
    "usual_maximum": {"number", "integer", "tensor"},
}
"""Which properties say something for which kinds of input; elsewhere they are left out."""


class ChoiceOut(serializers.Serializer[Any]):
    """One category: send ``value``; ``label`` is for people."""

    value = serializers.JSONField()
    label = serializers.CharField(source="shown")  # type: ignore[assignment]


class FieldOut(serializers.Serializer[Any]):
    """One input."""

    name = serializers.CharField()
    type = serializers.ChoiceField(source="kind", choices=KINDS)
    label = serializers.CharField(source="shown")  # type: ignore[assignment]
    unit = serializers.CharField()
    help = serializers.CharField()
    group = serializers.CharField()
    required = serializers.BooleanField(help_text="Must be present.")  # type: ignore[assignment]
    nullable = serializers.BooleanField(help_text="May be null, which means missing.")
    default = serializers.JSONField(allow_null=True, help_text="Taken when an optional input is absent.")
    minimum = serializers.FloatField(required=False, allow_null=True, help_text="Below it is an error.")
    maximum = serializers.FloatField(required=False, allow_null=True, help_text="Above it is an error.")
    usual_minimum = serializers.FloatField(
        source="soft_minimum", required=False, allow_null=True, help_text="Below it is a warning."
    )
    usual_maximum = serializers.FloatField(
        source="soft_maximum", required=False, allow_null=True, help_text="Above it is a warning."
    )
    choices = ChoiceOut(many=True, required=False)
    unseen = serializers.ChoiceField(
        choices=("refuse", "warn"), required=False, help_text="What a category that is not a choice does."
    )
    max_length = serializers.IntegerField(required=False)
    shape = serializers.ListField(
        child=serializers.IntegerField(allow_null=True), required=False, help_text="null is any length."
    )
    element = serializers.ChoiceField(choices=ELEMENTS, required=False)

    def to_representation(self, instance: Field) -> dict[str, Any]:
        shown = super().to_representation(instance)
        return {
            key: value
            for key, value in shown.items()
            if key not in ONLY_FOR or instance.kind in ONLY_FOR[key] or (key == "choices" and value)
        }


class ClassNameOut(serializers.Serializer[Any]):
    """One class: answers hold ``label``."""

    value = serializers.JSONField()
    label = serializers.JSONField(source="shown")  # type: ignore[assignment]


class OutputOut(serializers.Serializer[Any]):
    """One output."""

    name = serializers.CharField()
    type = serializers.ChoiceField(source="kind", choices=("class", "number", "tensor"))
    label = serializers.CharField(source="shown")  # type: ignore[assignment]
    unit = serializers.CharField()
    help = serializers.CharField()
    classes = ClassNameOut(many=True)
    probabilities = serializers.BooleanField(help_text="Answers hold a probability per class.")
