"""Versions with their build report, the files they came from, and their signatures. All of it read-only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from predictions.admin import cells, reports, signatures
from predictions.admin.base import PageAdmin
from predictions.admin.http import site_address
from predictions.models import Deployment, ModelVersion, SignatureRevision, Source
from predictions.selectors import ml_models, proofs
from predictions.signature.fields import Signature


@admin.register(ModelVersion)
class ModelVersionAdmin(PageAdmin):
    """Sealed builds."""

    list_display = ("version", "is_live_now", "runs_in", "size", "file", "built")
    list_display_links = ("version",)
    list_filter = (("runtime", admin.ChoicesFieldListFilter),)
    search_fields = ("ml_model__name",)
    search_help_text = gettext_lazy("Name of the ML model")
    sortable_by = ()
    ordering = ("-pk",)
    page_template = "admin/predictions/modelversion/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        """Of the ml_models one may see; ``is_live`` is annotated."""
        live = Deployment.objects.filter(version=OuterRef("pk"), role=Deployment.Role.LIVE, ended_at=None)
        return (
            ModelVersion.objects.filter(ml_model__in=ml_models.visible_to(self.actor(request)))
            .select_related("ml_model", "source", "current_revision", "created_by", "environment")
            .annotate(is_live=Exists(live))
            .order_by("-pk")
        )

    @admin.display(description=gettext_lazy("version"))
    def version(self, row: ModelVersion) -> str:
        """Of what, and which."""
        return f"{row.ml_model.name} v{row.number}"

    @admin.display(description=gettext_lazy("live"))
    def is_live_now(self, row: Any) -> SafeString | str:
        """Whether it answers."""
        return cells.badge(_("live"), "good") if row.is_live else cells.NOTHING

    @admin.display(description=gettext_lazy("runs in"))
    def runs_in(self, row: ModelVersion) -> str:
        """What executes it."""
        return str(ModelVersion.Runtime(row.runtime).label)

    @admin.display(description=gettext_lazy("size"))
    def size(self, row: ModelVersion) -> str:
        """Of the artifact."""
        return filesizeformat(row.artifact_size)

    @admin.display(description=gettext_lazy("file"))
    def file(self, row: ModelVersion) -> str:
        """What it was built from."""
        return row.source.filename

    @admin.display(description=gettext_lazy("built"))
    def built(self, row: ModelVersion) -> SafeString | str:
        """When."""
        return cells.moment(row.created_at)

    def page_context(self, request: HttpRequest, found: Any) -> dict[str, Any]:
        """The build report for people, the fields, and how they were edited."""
        report = found.report if isinstance(found.report, dict) else {}
        revision = found.current_revision
        may_manage = ml_models.may_manage(self.actor(request), found.ml_model)
        return {
            "version": found,
            "report": report,
            "failed": proofs.in_words(proofs.failed_checks(report)),
            "may_go_live": may_manage
            and not found.is_live
            and request.user.has_perm("predictions.change_mlmodel"),
            "deployments": cells.deployments(ml_models.deployments(found).select_related("version")[:20]),
            "built": cells.moment(found.created_at),
            "estimator": report.get("estimator") or "",
            "sentences": reports.sentences(report),
            "parity_sentence": reports.parity_sentence(report),
            "parity_rows": reports.parity_rows(report),
            "metrics": reports.metrics(found.metrics),
            "steps": reports.steps(report.get("steps")),
            "scan_lines": reports.scan_lines(report),
            "names_in_file": reports.names_in_file(report),
            "guard_lines": reports.guard_lines(report),
            "sandbox": reports.sandbox_sentence(report),
            "libraries": sorted((found.libraries or {}).items()),
            "fields": signatures.field_lines(Signature.from_document(revision.document)) if revision else [],
            "outputs": signatures.output_lines(Signature.from_document(revision.document))
            if revision
            else [],
            "revisions": [
                (item, cells.moment(item.created_at))
                for item in found.revisions.select_related("created_by").defer("document")
            ],
            "report_page": site_address("version", found.ml_model.slug, found.number),
            "fields_page": site_address("signature", found.ml_model.slug, found.number),
            "may_manage": may_manage,
        }


@admin.register(Source)
class SourceAdmin(PageAdmin):
    """Files as they were uploaded."""

    list_display = ("filename", "ml_model_name", "kind", "bytes", "uploaded_by_name", "uploaded")
    list_filter = (("format", admin.ChoicesFieldListFilter),)
    search_fields = ("filename", "sha256")
    search_help_text = gettext_lazy("File name or SHA-256")
    sortable_by = ()
    ordering = ("-pk",)
    page_template = "admin/predictions/source/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Source]:
        """All of them for superusers, one's own and those of visible ml_models for others."""
        rows = Source.objects.select_related("ml_model", "uploaded_by").order_by("-pk")
        return (
            rows
            if self.actor(request).is_superuser
            else rows.filter(uploaded_by_id=self.actor(request).user_id)
        )

    @admin.display(description=gettext_lazy("ML model"))
    def ml_model_name(self, row: Source) -> str:
        """What came of it."""
        return row.ml_model.name if row.ml_model else cells.NOTHING

    @admin.display(description=gettext_lazy("kind"))
    def kind(self, row: Source) -> str:
        """What the file is."""
        return str(Source.Format(row.format).label)

    @admin.display(description=gettext_lazy("size"))
    def bytes(self, row: Source) -> str:
        """How large."""
        return filesizeformat(row.size)

    @admin.display(description=gettext_lazy("brought by"))
    def uploaded_by_name(self, row: Source) -> str:
        """By whom."""
        return row.uploaded_by.get_username() if row.uploaded_by else cells.NOTHING

    @admin.display(description=gettext_lazy("uploaded"))
    def uploaded(self, row: Source) -> SafeString | str:
        """When."""
        return cells.moment(row.created_at)

    def page_context(self, request: HttpRequest, found: Any) -> dict[str, Any]:
        """What is known of the file, and what was made from it."""
        return {
            "source": found,
            "uploaded": cells.moment(found.created_at),
            "versions": found.versions.select_related("ml_model").defer("report", "plan"),
            "jobs": [(job, cells.job_badge(job)) for job in found.jobs.defer("log", "steps")],
        }


@admin.register(SignatureRevision)
class SignatureRevisionAdmin(PageAdmin):
    """One state of a version's fields; reached from the version."""

    list_display = ("revision", "edited_by", "edited")
    sortable_by = ()
    ordering = ("-pk",)
    page_template = "admin/predictions/signaturerevision/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[SignatureRevision]:
        """Of the ml_models one may see."""
        visible = ml_models.visible_to(self.actor(request))
        return (
            SignatureRevision.objects.filter(version__ml_model__in=visible)
            .select_related("version__ml_model", "created_by")
            .order_by("-pk")
        )

    @admin.display(description=gettext_lazy("fields of"))
    def revision(self, row: SignatureRevision) -> str:
        """Of which version, and which edit."""
        return f"{row.version.ml_model.name} v{row.version.number}, {row.number}"

    @admin.display(description=gettext_lazy("edited by"))
    def edited_by(self, row: SignatureRevision) -> str:
        """By whom."""
        return row.created_by.get_username() if row.created_by else cells.NOTHING

    @admin.display(description=gettext_lazy("edited"))
    def edited(self, row: SignatureRevision) -> SafeString | str:
        """When."""
        return cells.moment(row.created_at)

    def page_context(self, request: HttpRequest, found: Any) -> dict[str, Any]:
        """The fields as they were, and what was changed to make them so."""
        signature = Signature.from_document(found.document)
        return {
            "revision": found,
            "edited": cells.moment(found.created_at),
            "fields": signatures.field_lines(signature),
            "outputs": signatures.output_lines(signature),
        }
