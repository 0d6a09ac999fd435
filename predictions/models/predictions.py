"""Recorded answers and what reviewers say of them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from predictions.models.api_keys import ApiKey
from predictions.models.ids import new_id
from predictions.models.ml_models import MLModel, ModelVersion, SignatureRevision


class Prediction(models.Model):
    """One answer to one case. Written once by the worker, never changed.

    ``inputs`` is the list of values in the order of the revision's inputs, ``outputs`` what the caller got.
    ``outcome`` and ``score`` repeat the label (or value) and top probability (or value) for lists and filters.
    """

    class Face(models.TextChoices):
        FORM = "form", _("form")
        API = "api", _("API")
        ADMIN = "admin", _("admin")
        FILE = "file", _("file")
        ARTICLE = "article", _("/predict")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    ml_model = models.ForeignKey(MLModel, on_delete=models.PROTECT, related_name="predictions")
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="predictions")
    revision = models.ForeignKey(SignatureRevision, on_delete=models.PROTECT, related_name="predictions")
    inputs: models.JSONField[Any, Any] = models.JSONField()
    outputs: models.JSONField[Any, Any] = models.JSONField()
    warnings: models.JSONField[Any, Any] = models.JSONField(default=list)
    outcome = models.CharField(_("outcome"), max_length=200)
    score = models.FloatField(_("score"), null=True)
    face = models.CharField(_("through"), max_length=10, choices=Face)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="predictions"
    )
    api_key = models.ForeignKey(ApiKey, on_delete=models.PROTECT, null=True, related_name="predictions")
    visitor = models.UUIDField(null=True)
    created_at = models.DateTimeField(_("answered"))
    duration_ms = models.FloatField(_("milliseconds"), help_text=_("from the queue to the commit"))

    class Meta:
        verbose_name = _("prediction")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["ml_model", "-id"], name="prediction_of_ml_model"),
            models.Index(fields=["user", "-id"], name="prediction_of_user", condition=Q(user__isnull=False)),
            models.Index(
                fields=["api_key", "-id"], name="prediction_of_key", condition=Q(api_key__isnull=False)
            ),
            models.Index(
                fields=["visitor", "-id"], name="prediction_of_visitor", condition=Q(visitor__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Review(models.Model):
    """A reviewer's verdict beside a prediction. The newest one counts; earlier ones stay."""

    class Verdict(models.TextChoices):
        CONFIRMED = "confirmed", _("confirmed")
        OVERRULED = "overruled", _("overruled")

    prediction = models.ForeignKey(Prediction, on_delete=models.PROTECT, related_name="reviews")
    verdict = models.CharField(_("verdict"), max_length=10, choices=Verdict)
    outcome = models.CharField(_("right answer"), max_length=200, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    created_at = models.DateTimeField(_("reviewed"), auto_now_add=True)

    class Meta:
        verbose_name = _("review")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict="confirmed") | (Q(verdict="overruled") & ~Q(reason="")),
                name="overruled_with_reason",
            )
        ]

    def __str__(self) -> str:
        return f"{self.verdict} {self.prediction_id}"
