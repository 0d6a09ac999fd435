"""Bringing a model file."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from predictions import dispatch
from predictions.errors import DeskError, TryLater
from predictions.models import Job
from predictions.selectors import ml_models
from predictions.services.code_packages import CodeFile
from predictions.services.sorting import Upload, chain_of
from predictions.values import BuildRequest
from predictions.web.forms.uploads import UploadForm, UploadWithoutCodeForm
from predictions.web.http import actor_of


@login_required
@require_http_methods(["GET", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """The form, and the build it starts."""
    actor = actor_of(request)
    if not ml_models.may_bring(actor):
        raise PermissionDenied
    form_class = UploadForm if ml_models.may_bring_code(actor) else UploadWithoutCodeForm
    if request.method == "POST":
        form = form_class(request.POST, request.FILES)
        if form.is_valid():
            try:
                return redirect("job", _start(request, form).pk)
            except DeskError as error:
                form.add_error(error.field if error.field in form.fields else "file", error.message)
                status = 503 if isinstance(error, TryLater) else 422
        else:
            status = 422
    else:
        form, status = form_class(initial={"name": request.GET.get("name", "")}), 200
    return render(request, "predictions/uploads/form.html", {"form": form}, status=status)


def _start(request: HttpRequest, form: UploadForm) -> Job:
    data = form.cleaned_data
    first, *more = data["file"]
    code = data.get("code")
    return dispatch.build(
        actor=actor_of(request),
        request=BuildRequest(
            name=data["name"],
            description=data["description"],
            go_live=data["go_live"],
            visibility=data["visibility"],
            chain=chain_of(data["chain"]),
        ),
        stream=first,
        filename=first.name,
        declared_size=first.size,
        more=[Upload(file, file.name, file.size) for file in more],
        code=CodeFile(stream=code, filename=code.name, main_module=data["main_module"]) if code else None,
    )
