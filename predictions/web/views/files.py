"""The tab of an ml_model that takes a file of cases, and the way back with the answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from predictions import dispatch
from predictions.errors import BadCaseFile, DeskError, NotFound, TooLarge, TooManyRequests, TryLater
from predictions.models import MLModel
from predictions.selectors import jobs, ml_models
from predictions.selectors.targets import Target, live_target
from predictions.services import score_files
from predictions.signature import snippets
from predictions.web.http import actor_of

LISTED = 20
MAX_SHOWN_COLUMNS = 12


@require_http_methods(["GET", "HEAD", "POST"])
def file(request: HttpRequest, slug: str) -> HttpResponse:
    """The form for a file, and one's own files. A POST starts scoring and leads to the job's page."""
    ml_model, target = _found(request, slug)
    if target is None:
        return _page(request, "not_live", ml_model, status=503 if request.method == "POST" else 200)
    if request.method != "POST":
        return _form(request, ml_model, target)
    if not request.user.is_authenticated:
        return redirect_to_login(request.path)
    try:
        return redirect("job", _started(request, target))
    except DeskError as error:
        return _form(request, ml_model, target, error)


@require_safe
def template(request: HttpRequest, slug: str) -> HttpResponse:
    """A CSV file with the right header and one example row."""
    _ml_model, target = _found(request, slug)
    if target is None:
        raise Http404
    text = "\ufeff" + snippets.csv_template(target.signature)
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = _attachment(f"{target.slug}.csv")
    return response


@login_required
@require_safe
def result(request: HttpRequest, job_id: UUID) -> StreamingHttpResponse:
    """The rows with their answers, sent while they are read."""
    try:
        found, chunks = score_files.result_chunks(jobs.get(actor_of(request), job_id))
    except NotFound as error:
        raise Http404(error.message) from error
    response = StreamingHttpResponse(chunks, content_type="text/csv; charset=utf-8")
    response.headers["Content-Length"] = str(found.result_size)
    response.headers["Content-Disposition"] = _attachment(found.result_name)
    return response


def _started(request: HttpRequest, target: Target) -> UUID:
    given = request.FILES.get("file")
    if given is None:
        raise BadCaseFile(_("Choose the CSV file that holds your cases."), field="file")
    job = dispatch.score(
        actor=actor_of(request),
        target=target,
        stream=given,  # type: ignore[arg-type]
        filename=given.name or "",
        declared_size=given.size,
    )
    return job.pk


def _found(request: HttpRequest, slug: str) -> tuple[MLModel, Target | None]:
    actor = actor_of(request)
    try:
        ml_model = ml_models.get(actor, slug)
    except NotFound as error:
        raise Http404 from error
    try:
        return ml_model, live_target(actor, slug, fresh=True)
    except TryLater:
        return ml_model, None


def _form(
    request: HttpRequest, ml_model: MLModel, target: Target, error: DeskError | None = None
) -> HttpResponse:
    fields = target.signature.inputs
    response = _page(
        request,
        "file",
        ml_model,
        status=_status_of(error),
        trouble=error,
        files=jobs.files_of(actor_of(request), ml_model.pk).defer("log", "steps")[:LISTED],
        columns=[field.name for field in fields[:MAX_SHOWN_COLUMNS]],
        columns_left=max(0, len(fields) - MAX_SHOWN_COLUMNS),
        max_mb=settings.MAX_SCORE_FILE_BYTES // 1_000_000,
        kept_days=settings.SCORE_RESULT_DAYS,
    )
    if isinstance(error, TryLater):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _status_of(error: DeskError | None) -> int:
    if error is None:
        return 200
    if isinstance(error, TooLarge):
        return 413
    if isinstance(error, TooManyRequests):
        return 429
    return 503 if isinstance(error, TryLater) else 422


def _page(
    request: HttpRequest, tab: str, ml_model: MLModel, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = {
        "ml_model": ml_model,
        "tab": tab,
        "may_manage": ml_models.may_manage(actor_of(request), ml_model),
    }
    return render(request, f"predictions/ml_models/{tab}.html", context | more, status=status)


def _attachment(filename: str) -> str:
    return content_disposition_header(as_attachment=True, filename=filename) or "attachment"
