"""Editing what fields and classes are called and allow, and how the model's columns are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from predictions.errors import Conflict, InvalidSignature
from predictions.models import ModelVersion, SignatureRevision
from predictions.selectors.signatures import built_of
from predictions.services import signatures
from predictions.signature import layer_plain, layer_yaml
from predictions.signature.fields import TRANSFORMS, Signature
from predictions.web import previews
from predictions.web.forms import layers
from predictions.web.forms.signatures import edits_from, field_rows, output_rows
from predictions.web.http import actor_of, wants_fragment
from predictions.web.views.versions import get_version, managed

FILE = "layer_file"


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The fields of one version; saving makes the next signature revision."""
    version, revision = _found(request, slug, number)
    wrong: tuple[str, str] | None = None
    if request.method == "POST":
        try:
            saved = _save(request, version, Signature.from_document(revision.document))
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
    return _page(request, version, revision, wrong=wrong, status=422 if wrong else 200)


@login_required
@require_POST
def preview(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """What the posted draft would look like and answer; nothing is saved."""
    version, revision = _found(request, slug, number)
    signature = Signature.from_document(revision.document)
    wrong: tuple[str, str] | None = None
    seen: previews.Preview | None = None
    try:
        seen = previews.preview_of(version, revision, _draft(request.POST, version, signature))
    except InvalidSignature as error:
        wrong = (error.field or "", error.message)
    if wants_fragment(request):
        return render(request, "predictions/signatures/_preview.html", {"preview": seen, "wrong": wrong})
    return _page(request, version, revision, wrong=wrong, seen=seen, status=422 if wrong else 200)


@login_required
@require_GET
def layer_file(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """What was edited as ``layer.yaml``."""
    version, revision = _found(request, slug, number)
    plain = layer_plain.plain_of(Signature.from_document(revision.document), built_of(version))
    response = HttpResponse(layer_yaml.written(plain), content_type="application/yaml; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{slug}-layer.yaml"'
    return response


def _found(request: HttpRequest, slug: str, number: int) -> tuple[ModelVersion, SignatureRevision]:
    version = get_version(managed(request, slug), number)
    if version.current_revision is None:
        raise Http404
    return version, version.current_revision


def _page(
    request: HttpRequest,
    version: ModelVersion,
    revision: SignatureRevision,
    *,
    wrong: tuple[str, str] | None,
    seen: previews.Preview | None = None,
    status: int,
) -> HttpResponse:
    signature = Signature.from_document(revision.document)
    posted = request.POST if request.method == "POST" and FILE not in request.FILES else None
    context = {
        "ml_model": version.ml_model,
        "version": version,
        "revision": revision,
        "inputs": field_rows(signature, posted, wrong),
        "outputs": output_rows(signature, posted, wrong),
        "columns": layers.column_rows(signature, posted, wrong),
        "derived": layers.derived_rows(signature, posted, wrong),
        "added": layers.new_rows(posted, wrong),
        "groups": layers.groups_of_dummies(signature, posted),
        "questions": layers.questions_of(signature, version.report, posted, wrong),
        "kinds": layers.KINDS,
        "transforms": TRANSFORMS,
        "is_layered": signature.layer is not None,
        "wrong": wrong,
        "is_preview": seen is not None or (wrong is not None and request.path.endswith("/preview/")),
        "preview": seen,
        "revisions": version.revisions.select_related("created_by")[:20],
    }
    return render(request, "predictions/signatures/form.html", context, status=status)


def _save(request: HttpRequest, version: ModelVersion, signature: Signature) -> SignatureRevision:
    based_on = request.POST.get("revision", "")
    how: dict[str, Any] = {
        "version": version,
        "actor": actor_of(request),
        "based_on": int(based_on) if based_on.isdigit() else None,
    }
    brought = request.FILES.get(FILE)
    if brought is not None:
        return signatures.apply_layer(plain=layer_yaml.read(brought.read(layer_yaml.MAX_BYTES + 1)), **how)
    if layers.changes_layer(signature, request.POST):
        return signatures.apply_layer(
            plain=layers.draft_of(signature, built_of(version), version.report, request.POST), **how
        )
    return signatures.revise(edits=edits_from(signature, request.POST), **how)


def _draft(posted: Mapping[str, str], version: ModelVersion, signature: Signature) -> Signature:
    built = built_of(version)
    return layer_plain.applied(built, layers.draft_of(signature, built, version.report, posted), built)
