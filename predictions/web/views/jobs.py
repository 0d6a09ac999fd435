"""Following background runs."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from predictions.errors import DeskError, NotFound
from predictions.models import Job
from predictions.selectors import jobs, ml_models
from predictions.services import jobs as job_services
from predictions.web.http import actor_of, wants_fragment

LISTED = 50


@login_required
@require_GET
def job_list(request: HttpRequest) -> HttpResponse:
    """The newest jobs one may follow."""
    rows = jobs.visible_to(actor_of(request)).defer("log", "steps")[:LISTED]
    return render(request, "predictions/jobs/list.html", {"jobs": rows})


@login_required
@require_GET
def job(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """One job; the part that changes is fetched again while it runs."""
    found = _get(request, job_id)
    context = {
        "job": found,
        "file": found.score_file if found.kind == Job.Kind.SCORE else None,
        "steps": found.steps,
        "log": found.log,
        **_links(request, found),
    }
    template = "predictions/jobs/_status.html" if wants_fragment(request) else "predictions/jobs/detail.html"
    return render(request, template, context)


@login_required
@require_POST
def cancel(request: HttpRequest, job_id: UUID) -> HttpResponse:
    """Ask a job to stop at its next step."""
    found = _get(request, job_id)
    try:
        job_services.request_cancel(found, actor_of(request))
    except DeskError as error:
        messages.error(request, error.message)
    else:
        messages.info(request, _("The job stops at its next step."))
    return redirect("job", job_id)


def _get(request: HttpRequest, job_id: UUID) -> Job:
    try:
        return jobs.get(actor_of(request), job_id)
    except NotFound as error:
        raise Http404(error.message) from error


def _links(request: HttpRequest, found: Job) -> dict[str, object]:
    if found.version is None or found.ml_model is None:
        return {"is_live": False, "may_manage": False}
    live = ml_models.live_version(found.ml_model)
    return {
        "is_live": live is not None and live.pk == found.version_id,
        "may_manage": ml_models.may_manage(actor_of(request), found.ml_model),
    }
