"""Background runs: how far they are, what they said, why they failed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from predictions.admin import cells, reports
from predictions.admin.base import PageAdmin
from predictions.errors import DeskError
from predictions.models import Job
from predictions.selectors import jobs
from predictions.services import jobs as job_services


@admin.register(Job)
class JobAdmin(PageAdmin):
    """Everything that runs in the background, newest first."""

    list_display = ("what", "state", "step", "started_by", "asked", "took")
    list_display_links = ("what",)
    list_filter = (("status", admin.ChoicesFieldListFilter), ("kind", admin.ChoicesFieldListFilter))
    search_fields = ("name",)
    search_help_text = gettext_lazy("Name")
    sortable_by = ()
    page_template = "admin/predictions/job/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """The theme's addresses, and cancelling."""
        wrap = self.admin_site.admin_view
        own = [path("<path:object_id>/cancel/", wrap(self.cancel_view), name="predictions_job_cancel")]
        return own + super().get_urls()  # type: ignore[no-any-return]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """The jobs one may follow."""
        return jobs.visible_to(self.actor(request))

    @admin.display(description=gettext_lazy("job"))
    def what(self, row: Job) -> str:
        """What it makes of what."""
        return str(row)

    @admin.display(description=gettext_lazy("status"))
    def state(self, row: Job) -> SafeString:
        """How it stands."""
        return cells.job_badge(row)

    @admin.display(description=gettext_lazy("where it is"))
    def step(self, row: Job) -> str:
        """The newest step, or why it failed."""
        if row.error_message:
            return row.error_message if len(row.error_message) < 90 else f"{row.error_message[:88]}…"
        found = reports.steps(row.steps)
        return found[-1].name if found else cells.NOTHING

    @admin.display(description=gettext_lazy("started by"))
    def started_by(self, row: Job) -> str:
        """By whom."""
        if row.created_by is not None:
            return row.created_by.get_username()
        return str(row.api_key) if row.api_key is not None else _("the site")

    @admin.display(description=gettext_lazy("asked for"))
    def asked(self, row: Job) -> SafeString | str:
        """When."""
        return cells.moment(row.created_at)

    @admin.display(description=gettext_lazy("took"))
    def took(self, row: Job) -> str:
        """How long."""
        if row.started_at is None or row.finished_at is None:
            return cells.NOTHING
        return f"{(row.finished_at - row.started_at).total_seconds():.1f} s"

    def page_context(self, request: HttpRequest, found: Any) -> dict[str, Any]:
        """Steps with times, the log, and what went wrong in words."""
        return {
            "job": found,
            "badge": cells.job_badge(found),
            "steps": reports.steps(found.steps),
            "log": "\n".join(reports.log_lines(found.log)),
            "asked": cells.moment(found.created_at),
            "started": cells.moment(found.started_at),
            "finished": cells.moment(found.finished_at),
            "took": self.took(found),
            "may_cancel": not found.is_over
            and not found.cancel_requested
            and self._may_cancel(request, found),
            "name_again": found.name,
            "file": found.score_file if found.kind == Job.Kind.SCORE else None,
        }

    def _may_cancel(self, request: HttpRequest, job: Job) -> bool:
        actor = self.actor(request)
        return actor.is_superuser or (actor.user_id is not None and actor.user_id == job.created_by_id)

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask a job to stop."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = self._found(request, object_id)
        if job is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        try:
            job_services.request_cancel(job, self.actor(request))
        except DeskError as error:
            self.message_user(request, error.message, messages.ERROR)
        else:
            self.message_user(request, _("The job stops at its next step."), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:predictions_job_change", args=(job.pk,)))

    def _found(self, request: HttpRequest, object_id: str) -> Job | None:
        try:
            pk = UUID(object_id)
        except ValueError:
            return None
        return self.get_queryset(request).filter(pk=pk).first()
