"""Editing what fields and classes are called and allow."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from predictions.errors import Conflict, InvalidSignature
from predictions.models import ModelVersion, SignatureRevision
from predictions.services import signatures
from predictions.signature.fields import Signature
from predictions.web.forms.signatures import edits_from, field_rows, output_rows
from predictions.web.http import actor_of
from predictions.web.views.versions import get_version, managed


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The fields of one version; saving makes the next signature revision."""
    ml_model = managed(request, slug)
    version = get_version(ml_model, number)
    revision = version.current_revision
    if revision is None:
        raise Http404
    signature = Signature.from_document(revision.document)
    wrong: tuple[str, str] | None = None
    if request.method == "POST":
        try:
            saved = _save(request, version, signature)
        except InvalidSignature as error:
            wrong = (error.field or "", error.message)
        except Conflict as error:
            wrong = ("", error.message)
        else:
            if saved.pk == revision.pk:
                messages.info(request, _("Nothing was changed."))
            else:
                messages.success(
                    request, _("Saved as signature revision %(number)s.") % {"number": saved.number}
                )
            return redirect("signature", slug, number)
    posted = request.POST if request.method == "POST" else None
    context = {
        "ml_model": ml_model,
        "version": version,
        "revision": revision,
        "inputs": field_rows(signature, posted, wrong),
        "outputs": output_rows(signature, posted, wrong),
        "wrong": wrong,
        "revisions": version.revisions.select_related("created_by")[:20],
    }
    return render(request, "predictions/signatures/form.html", context, status=422 if wrong else 200)


def _save(request: HttpRequest, version: ModelVersion, signature: Signature) -> SignatureRevision:
    based_on = request.POST.get("revision", "")
    return signatures.revise(
        version=version,
        edits=edits_from(signature, request.POST),
        actor=actor_of(request),
        based_on=int(based_on) if based_on.isdigit() else None,
    )
