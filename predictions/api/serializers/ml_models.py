"""ML models and their versions over the wire."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from predictions.api.links import api_link, page_link
from predictions.api.serializers.signatures import TASKS, FieldOut, OutputOut
from predictions.models import MLModel, ModelVersion
from predictions.selectors.signatures import BUILT_SIGNATURE
from predictions.signature.fields import Signature
from predictions.signature.schema import example_row


@extend_schema_field({"type": "string", "format": "binary"})
class FileIn(serializers.FileField):
    """The bytes of a file; the document would call it an address otherwise."""


@extend_schema_field({"type": "array", "items": {"type": "string", "format": "binary"}})
class FilesIn(serializers.ListField):
    """One part or several of one name. What is wrong with one of them is wrong with the field."""

    child = serializers.FileField(allow_empty_file=True)

    def to_internal_value(self, data: Any) -> Any:
        """The files. Raises ValidationError."""
        try:
            return super().to_internal_value(data)
        except serializers.ValidationError as error:
            detail: Any = error.detail
            raise serializers.ValidationError(
                next(iter(detail.values())) if isinstance(detail, dict) else detail
            ) from None


class MLModelCreateIn(serializers.Serializer[Any]):
    """A model file, those that belong to it, and what to do with them."""

    file = FilesIn(
        required=False,
        help_text=(
            "The model (.joblib, .pkl, .skops, .onnx, or a zip of an MLflow folder). May be there several times: with the "
            "scaler, encoder or vectorizer before it, a list of its columns (JSON), a CSV of typical rows; in any order."
        ),
    )
    files = FilesIn(required=False, help_text="The same as `file`, for programs that call several files so.")
    name = serializers.CharField(max_length=120)
    description = serializers.CharField(required=False, default="", allow_blank=True, max_length=10_000)
    sample = FileIn(
        required=False, allow_null=True, default=None, help_text="A CSV of typical rows, with a header."
    )
    code = FileIn(
        required=False,
        allow_null=True,
        default=None,
        help_text="A wheel or zip with the model's own classes. Administrators only; it runs in this model's sandbox.",
    )
    main_module = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=200,
        help_text="The module in `code` that defines what the training script itself defined.",
    )
    live = serializers.BooleanField(required=False, default=False, help_text="Go live when it is built.")
    visibility = serializers.ChoiceField(
        choices=MLModel.Visibility.choices, required=False, default=MLModel.Visibility.PRIVATE
    )
    chain = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=3000,
        help_text=(
            "Where a build asked for the order of several transformers: the names of their files with commas between them."
        ),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """All files in one list, ``file``. Raises ValidationError when there is none."""
        files = [*attrs.get("file", ()), *attrs.pop("files", ())]
        if not files:
            raise serializers.ValidationError({"file": [_("Send the model file.")]}, code="required")
        return {**attrs, "file": files}


class MLModelLinksOut(serializers.Serializer[Any]):
    """Where to go from an ml_model."""

    self = serializers.URLField()
    predict = serializers.URLField()
    page = serializers.URLField(allow_null=True)


class MLModelOut(serializers.Serializer[Any]):
    """An ml_model in a list. Context: request, and ``live``: the live version by ml_model id."""

    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    visibility = serializers.ChoiceField(choices=MLModel.Visibility.choices)
    task = serializers.SerializerMethodField()
    version = serializers.SerializerMethodField(help_text="The live version; null when none is live.")
    links = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(choices=TASKS, allow_null=True))
    def get_task(self, row: MLModel) -> str | None:
        signature = self._signature(row)
        return signature.task if signature else None

    def get_version(self, row: MLModel) -> int | None:
        live = self._live(row)
        return live.number if live else None

    @extend_schema_field(MLModelLinksOut)
    def get_links(self, row: MLModel) -> dict[str, str | None]:
        request = self.context["request"]
        return {
            "self": api_link(request, "ml_model", row.slug),
            "predict": api_link(request, "predict", row.slug),
            "page": page_link(request, "ml_model", row.slug),
        }

    def _live(self, row: MLModel) -> ModelVersion | None:
        live: ModelVersion | None = self.context["live"].get(row.pk)
        return live

    def _signature(self, row: MLModel) -> Signature | None:
        live = self._live(row)
        if live is None or live.current_revision is None:
            return None
        return Signature.from_document(live.current_revision.document)


class MLModelDetailOut(MLModelOut):
    """An ml_model with everything needed to call it. ``inputs`` stand in the order that lists are read in."""

    signature_revision = serializers.SerializerMethodField()
    inputs = serializers.SerializerMethodField()
    outputs = serializers.SerializerMethodField()
    example = serializers.SerializerMethodField(help_text="A request body that works.")
    metrics = serializers.SerializerMethodField(help_text="How good it was on rows it had not seen.")
    card = serializers.JSONField()
    created_at = serializers.DateTimeField()

    def get_signature_revision(self, row: MLModel) -> int | None:
        live = self._live(row)
        return live.current_revision.number if live and live.current_revision else None

    @extend_schema_field(FieldOut(many=True))
    def get_inputs(self, row: MLModel) -> list[Any]:
        signature = self._signature(row)
        return list(FieldOut(signature.inputs, many=True).data) if signature else []

    @extend_schema_field(OutputOut(many=True))
    def get_outputs(self, row: MLModel) -> list[Any]:
        signature = self._signature(row)
        return list(OutputOut(signature.outputs, many=True).data) if signature else []

    @extend_schema_field(OpenApiTypes.ANY)
    def get_example(self, row: MLModel) -> dict[str, Any] | None:
        signature = self._signature(row)
        return {"inputs": [example_row(signature)]} if signature else None

    @extend_schema_field(serializers.ListField(child=serializers.JSONField()))
    def get_metrics(self, row: MLModel) -> list[Any]:
        live = self._live(row)
        return list(live.metrics) if live else []


class VersionLiveIn(serializers.Serializer[Any]):
    """What going live may say. The body may be left out."""

    reason = serializers.CharField(
        required=False,
        default="",
        allow_blank=True,
        max_length=2000,
        help_text="Why it shall answer although it failed its proof.",
    )


class VersionFileOut(serializers.Serializer[Any]):
    """A further file of a version that came as several."""

    filename = serializers.CharField()
    format = serializers.CharField()
    sha256 = serializers.CharField()
    size = serializers.IntegerField()


class VersionOut(serializers.Serializer[Any]):
    """A sealed version, for the owner."""

    number = serializers.IntegerField()
    live = serializers.BooleanField(source="is_live")
    signature_revision = serializers.IntegerField(
        source="current_revision.number", default=None, allow_null=True
    )
    runtime = serializers.ChoiceField(choices=ModelVersion.Runtime.choices)
    filename = serializers.CharField(source="source.filename")
    format = serializers.CharField(source="source.format")
    sha256 = serializers.CharField(source="source.sha256")
    size = serializers.IntegerField(source="source.size", help_text="Bytes of the file as it was uploaded.")
    files = VersionFileOut(source="source.files", many=True, help_text="What came together with that file.")
    served_size = serializers.IntegerField(source="artifact_size", help_text="Bytes of what answers.")
    libraries = serializers.JSONField()
    metrics = serializers.JSONField()
    report = serializers.SerializerMethodField(help_text="How the build went and what it compared.")
    created_at = serializers.DateTimeField()

    @extend_schema_field(OpenApiTypes.ANY)
    def get_report(self, row: ModelVersion) -> dict[str, Any]:
        return {key: value for key, value in row.report.items() if key != BUILT_SIGNATURE}
