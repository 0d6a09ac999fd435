"""Recorded answers and what reviewers say of them."""

from __future__ import annotations

from typing import Any

import msgspec
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from predictions.models.api_keys import ApiKey
from predictions.models.blocks import PredictionBlock
from predictions.models.deletion import keep
from predictions.models.ids import new_id, place_of
from predictions.models.ml_models import MLModel, ModelVersion, SignatureRevision

Case = tuple[list[Any], dict[str, Any], list[dict[str, str]]]
"""Inputs in the order of the revision, outputs as the caller got them, warnings."""


class JsonText(models.TextField[str | None, str | None]):
    """A ``json`` column read and written as text, decoded by whom it concerns: most lists never look into it.

    ``json`` and not ``jsonb``: the server keeps the text it got, which is a third of the work of a row.
    """

    def db_type(self, connection: Any) -> str:
        """PostgreSQL's."""
        return "json"

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        """As text, or the driver would decode it."""
        return f"{sql}::text", params


class Prediction(models.Model):
    """One answer to one case. Written once by the worker, never changed.

    ``inputs`` is the list of values in the order of the revision's inputs, ``outputs`` what the caller got. They lie
    in the row itself (``own``: a JSON list of inputs, outputs and warnings), or for cases asked together in their
    ``PredictionBlock``; rows from before version 2 of the table have them in three columns of their own.
    ``selectors.blocks.fill`` loads the blocks of many rows at once.

    ``outcome`` and ``score`` repeat the label (or value) and top probability (or value) for lists and filters.
    ``margin`` is the top probability less the second one (0 where there is none), null without probabilities.
    """

    class Face(models.TextChoices):
        FORM = "form", _("form")
        API = "api", _("API")
        ADMIN = "admin", _("admin")
        FILE = "file", _("file")
        ARTICLE = "article", _("/predict")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # The database checks all five in one trigger per statement, and refuses to delete what answers refer to. Of
    # versions and revisions only it can say so without reading the whole history.
    ml_model = models.ForeignKey(
        MLModel, on_delete=keep, related_name="predictions", db_constraint=False, db_index=False
    )
    version = models.ForeignKey(
        ModelVersion,
        on_delete=models.DO_NOTHING,
        related_name="predictions",
        db_constraint=False,
        db_index=False,
    )
    revision = models.ForeignKey(
        SignatureRevision,
        on_delete=models.DO_NOTHING,
        related_name="predictions",
        db_constraint=False,
        db_index=False,
    )
    old_inputs: models.JSONField[Any, Any] = models.JSONField(null=True, editable=False, db_column="inputs")
    old_outputs: models.JSONField[Any, Any] = models.JSONField(null=True, editable=False, db_column="outputs")
    old_warnings: models.JSONField[Any, Any] = models.JSONField(
        null=True, editable=False, db_column="warnings"
    )
    own = JsonText(null=True, editable=False)
    outcome = models.CharField(_("outcome"), max_length=200)
    score = models.FloatField(_("score"), null=True)
    margin = models.FloatField(_("margin"), null=True)
    warned = models.BooleanField(_("with warnings"), default=False, db_default=False)
    cached = models.BooleanField(_("from the cache"), default=False, db_default=False)
    face = models.CharField(_("through"), max_length=10, choices=Face)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=keep,
        null=True,
        related_name="predictions",
        db_constraint=False,
        db_index=False,
    )
    api_key = models.ForeignKey(
        ApiKey,
        on_delete=keep,
        null=True,
        related_name="predictions",
        db_constraint=False,
        db_index=False,
    )
    visitor = models.UUIDField(null=True)
    created_at = models.DateTimeField(_("answered"))
    duration_ms = models.FloatField(_("milliseconds"), help_text=_("from the queue to the commit"))

    class Meta:
        verbose_name = _("prediction")
        ordering = ("-id",)
        # Ascending, though lists begin at the end: new rows come last, and PostgreSQL packs an index half as large
        # when its entries arrive in order.
        indexes = [
            models.Index(fields=["ml_model", "id"], name="prediction_by_ml_model"),
            models.Index(fields=["user", "id"], name="prediction_by_user", condition=Q(user__isnull=False)),
            models.Index(
                fields=["api_key", "id"], name="prediction_by_key", condition=Q(api_key__isnull=False)
            ),
            models.Index(
                fields=["visitor", "id"], name="prediction_by_visitor", condition=Q(visitor__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def inputs(self) -> list[Any]:
        """The values in the order of the revision's inputs."""
        return self._case()[0]

    @inputs.setter
    def inputs(self, value: list[Any]) -> None:
        self._keep((value, *self._held()[1:]))

    @property
    def outputs(self) -> dict[str, Any]:
        """What the caller got."""
        return self._case()[1]

    @outputs.setter
    def outputs(self, value: dict[str, Any]) -> None:
        inputs, _outputs, warnings = self._held()
        self._keep((inputs, value, warnings))

    @property
    def warnings(self) -> list[dict[str, str]]:
        """What was worth knowing about the inputs: objects with field, code and message."""
        return self._case()[2]

    @warnings.setter
    def warnings(self, value: list[dict[str, str]]) -> None:
        self._keep((*self._held()[:2], value))

    @property
    def is_in_block(self) -> bool:
        """True when the case lies in a block that has not been looked up yet."""
        return "_loaded_case" not in self.__dict__ and self.own is None and self.old_outputs is None

    def take_case(self, case: Case) -> None:
        """Give the row its case, as found in its block."""
        self.__dict__["_loaded_case"] = case

    def _case(self) -> Case:
        if "_loaded_case" not in self.__dict__:
            self.take_case(self._read_case())
        found: Case = self.__dict__["_loaded_case"]
        return found

    def _read_case(self) -> Case:
        if self.own is not None:
            inputs, outputs, warnings = msgspec.json.decode(self.own)
            return inputs, outputs, warnings
        if self.old_outputs is not None:
            return self.old_inputs, self.old_outputs, self.old_warnings
        block_id, position = place_of(self.pk)
        cases = PredictionBlock.objects.get(pk=block_id).cases()
        return cases.case(position)

    def _held(self) -> Case:
        held: Case = self.__dict__.get("_loaded_case", ([], {}, []))
        return held

    def _keep(self, case: Case) -> None:
        self.take_case(case)
        self.own = msgspec.json.encode(case).decode()


class Review(models.Model):
    """A reviewer's verdict beside a prediction. The newest one counts; earlier ones stay."""

    class Verdict(models.TextChoices):
        CONFIRMED = "confirmed", _("confirmed")
        OVERRULED = "overruled", _("overruled")

    # Without a constraint: a month of answers leaves the history as a whole, not row by row.
    prediction = models.ForeignKey(
        Prediction, on_delete=models.PROTECT, related_name="reviews", db_constraint=False
    )
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
