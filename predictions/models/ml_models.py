"""ML models, their uploaded sources, sealed versions, signature revisions and deployments."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from predictions.models.environments import Environment
from predictions.models.ids import new_id


class MLModel(models.Model):
    """A named thing people use."""

    class Visibility(models.TextChoices):
        PRIVATE = "private", _("Owner and staff")
        MEMBERS = "members", _("Everyone with an account or key")
        PUBLIC = "public", _("Everyone, also without an account")

    slug = models.SlugField(max_length=80, unique=True, allow_unicode=True)
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), blank=True)
    visibility = models.CharField(
        _("visible to"), max_length=10, choices=Visibility, default=Visibility.PRIVATE
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="ml_models"
    )
    is_default = models.BooleanField(_("answers /predict"), default=False)
    card = models.JSONField(_("model card"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("ML model")
        verbose_name_plural = _("ML models")
        ordering = ("name",)
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="one_default_ml_model"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Source(models.Model):
    """A file as it was uploaded, never changed. ``key`` is empty once a failed build let the bytes go."""

    class Format(models.TextChoices):
        UNKNOWN = "unknown", _("not looked at yet")
        JOBLIB = "joblib", "joblib"
        PICKLE = "pickle", "pickle"
        SKOPS = "skops", "skops"
        ONNX = "onnx", "ONNX"
        JSON = "json", "JSON"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    ml_model = models.ForeignKey(
        MLModel, on_delete=models.CASCADE, null=True, blank=True, related_name="sources"
    )
    filename = models.CharField(max_length=255)
    format = models.CharField(max_length=10, choices=Format, default=Format.UNKNOWN)
    key = models.CharField(max_length=255, blank=True)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    sample_filename = models.CharField(max_length=255, blank=True)
    sample_key = models.CharField(max_length=255, blank=True)
    # Own code beside the file: run in this file's own sandbox only, and only because somebody allowed it.
    code_filename = models.CharField(max_length=255, blank=True)
    code_key = models.CharField(max_length=255, blank=True)
    code_sha256 = models.CharField(max_length=64, blank=True)
    code_main_module = models.CharField(max_length=200, blank=True)
    code_allowed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        permissions = [("add_code_package", _("Can bring own code beside a model file"))]

    def __str__(self) -> str:
        return self.filename


class SourceFile(models.Model):
    """A further file of a source that came as several; the first one is the source itself."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="files")
    place = models.PositiveSmallIntegerField()
    filename = models.CharField(max_length=255)
    format = models.CharField(max_length=10, choices=Source.Format, default=Source.Format.UNKNOWN)
    key = models.CharField(max_length=255, blank=True)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ("source", "place")
        constraints = [models.UniqueConstraint(fields=["source", "place"], name="source_file_once")]

    def __str__(self) -> str:
        return self.filename


class ModelVersion(models.Model):
    """One sealed build: never changed but for which signature revision is current."""

    class Runtime(models.TextChoices):
        ONNX = "onnx", "ONNX Runtime"
        NATIVE = "native", _("original library, isolated")

    ml_model = models.ForeignKey(MLModel, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="versions")
    runtime = models.CharField(max_length=10, choices=Runtime)
    artifact_key = models.CharField(max_length=255)
    artifact_sha256 = models.CharField(max_length=64)
    artifact_size = models.BigIntegerField()
    environment = models.ForeignKey(
        Environment, on_delete=models.PROTECT, null=True, blank=True, related_name="versions"
    )
    plan = models.JSONField(null=True, blank=True)
    report = models.JSONField(default=dict, blank=True)
    libraries = models.JSONField(default=dict, blank=True)
    metrics = models.JSONField(default=list, blank=True)
    current_revision = models.ForeignKey(
        "SignatureRevision", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("version")
        ordering = ("ml_model", "-number")
        constraints = [models.UniqueConstraint(fields=["ml_model", "number"], name="version_number_once")]

    def __str__(self) -> str:
        return f"{self.ml_model} v{self.number}"


class SignatureRevision(models.Model):
    """One state of a version's signature. Rows keep pointing at the revision they were answered under."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="revisions")
    number = models.PositiveIntegerField()
    document: models.JSONField[Any, Any] = models.JSONField()
    changes = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("version", "-number")
        constraints = [models.UniqueConstraint(fields=["version", "number"], name="revision_number_once")]

    def __str__(self) -> str:
        return f"{self.version}, signature {self.number}"


class Deployment(models.Model):
    """Which version answers, since when, and by whose decision. The open row is the present.

    ``overridden``: codes of the failed checks that ``reason`` set aside.
    """

    class Role(models.TextChoices):
        LIVE = "live", _("live")

    ml_model = models.ForeignKey(MLModel, on_delete=models.CASCADE, related_name="deployments")
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="deployments")
    role = models.CharField(max_length=10, choices=Role, default=Role.LIVE)
    started_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.TextField(_("reason"), blank=True, default="")
    overridden = models.JSONField(_("checks set aside"), default=list, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["ml_model"], condition=Q(role="live", ended_at=None), name="one_live_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.version} {self.role}"
