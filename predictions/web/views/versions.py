"""An owner's view of an ml_model: its versions, their build reports, what is live."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from predictions import dispatch
from predictions.errors import DeskError, InvalidRequest, NotFound, NotProven
from predictions.models import MLModel, ModelVersion
from predictions.selectors import ml_models, proofs
from predictions.services import deployments
from predictions.services import ml_models as ml_model_services
from predictions.signature.fields import Signature
from predictions.web.forms.uploads import DescribeForm
from predictions.web.http import actor_of

DEPLOYMENTS = 20


@login_required
@require_http_methods(["GET", "POST"])
def versions(request: HttpRequest, slug: str) -> HttpResponse:
    """All versions, and name, description and visibility of the ml_model."""
    ml_model = managed(request, slug)
    initial = {
        "name": ml_model.name,
        "description": ml_model.description,
        "visibility": ml_model.visibility,
    }
    form = DescribeForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            ml_model_services.describe(ml_model=ml_model, actor=actor_of(request), **form.cleaned_data)
        except DeskError as error:
            form.add_error(error.field, error.message)
        else:
            messages.success(request, _("Saved."))
            return redirect("versions", slug)
    context = {"ml_model": ml_model, "versions": ml_models.versions(ml_model), "form": form}
    return render(request, "predictions/versions/list.html", context, status=422 if form.errors else 200)


@login_required
@require_GET
def version(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """One version's build report."""
    ml_model = managed(request, slug)
    return _detail(request, ml_model, get_version(ml_model, number))


@login_required
@require_POST
def go_live(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Let this version answer from now on; an earlier one as well as a later one. One that failed takes a reason."""
    ml_model = managed(request, slug)
    found = get_version(ml_model, number)
    reason = request.POST.get("reason", "")
    try:
        dispatch.go_live(version=found, actor=actor_of(request), reason=reason)
    except (NotProven, InvalidRequest) as error:
        return _detail(request, ml_model, found, wrong=error.message, typed=reason)
    messages.success(request, _("Version %(number)s is live.") % {"number": number})
    return redirect("versions", slug)


def _detail(
    request: HttpRequest, ml_model: MLModel, found: ModelVersion, *, wrong: str = "", typed: str = ""
) -> HttpResponse:
    signature = Signature.from_document(found.current_revision.document) if found.current_revision else None
    context = {
        "ml_model": ml_model,
        "version": found,
        "report": found.report,
        "parity": found.report.get("parity"),
        "failed": proofs.in_words(proofs.failed_checks(found.report)),
        "wrong": wrong,
        "typed": typed,
        "deployments": ml_models.deployments(found)[:DEPLOYMENTS],
        "signature": signature,
        "revisions": found.revisions.select_related("created_by"),
    }
    return render(request, "predictions/versions/detail.html", context, status=422 if wrong else 200)


@login_required
@require_POST
def take_down(request: HttpRequest, slug: str) -> HttpResponse:
    """Stop answering; nothing is deleted."""
    ml_model = managed(request, slug)
    deployments.take_down(ml_model=ml_model, actor=actor_of(request))
    messages.info(request, _("It no longer answers. Any version can go live again."))
    return redirect("versions", slug)


def managed(request: HttpRequest, slug: str) -> MLModel:
    """The ml_model, for whoever may manage it. Raises Http404 for everybody else."""
    actor = actor_of(request)
    try:
        ml_model = ml_models.get(actor, slug)
    except NotFound as error:
        raise Http404(error.message) from error
    if not ml_models.may_manage(actor, ml_model):
        raise Http404
    return ml_model


def get_version(ml_model: MLModel, number: int) -> ModelVersion:
    """One version by number. Raises Http404."""
    try:
        return ml_models.version(ml_model, number)
    except NotFound as error:
        raise Http404(error.message) from error
