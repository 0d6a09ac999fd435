"""What one asked so far."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from predictions.models import MLModel
from predictions.selectors import history as selector
from predictions.selectors import ml_models
from predictions.selectors.history import Page, Wanted
from predictions.signature.answers import labels_of
from predictions.signature.fields import Signature
from predictions.values import Actor
from predictions.web.history_csv import CHUNK_ROWS, lines
from predictions.web.history_filter import HistoryFilter
from predictions.web.http import actor_of

PAGE_ROWS = 50
MAX_LISTED_ML_MODELS = 500


@require_safe
def history(request: HttpRequest) -> HttpResponse:
    """One page of the reader's own answers, newest first. Filters and place are in the address."""
    actor = actor_of(request)
    form = _filter(request, actor)
    wanted = form.wanted()
    before, after = _id(request.GET.get("before")), _id(request.GET.get("after"))
    page = selector.page(actor, wanted, size=PAGE_ROWS, before=before, after=after)
    kept = {name: str(value) for name, value in request.GET.items() if name in form.fields and value}
    return render(
        request,
        "predictions/predictions/history.html",
        {
            "form": form,
            "lines": page.lines,
            "is_filtered": replace(wanted, together=None) != Wanted(),
            "together": selector.ask(actor, wanted.together) if wanted.together else None,
            "looked_through": page.looked_through,
            "outcomes": _outcomes(actor, wanted.ml_model),
            "export_url": f"{reverse('history_export')}?{urlencode(kept)}",
            "newest_url": f"?{urlencode(kept)}" if before or after else "",
            **_links(page, kept, first_up=wanted.together is not None),
        },
    )


@require_safe
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The same answers, all of them, as CSV."""
    actor = actor_of(request)
    wanted = _filter(request, actor).wanted()
    pieces = selector.pieces(actor, wanted, CHUNK_ROWS)
    response = StreamingHttpResponse(lines(pieces, wanted.ml_model), content_type="text/csv; charset=utf-8")
    name = f"history-{timezone.now():%Y%m%d-%H%M}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _filter(request: HttpRequest, actor: Actor) -> HistoryFilter:
    cleaned = {name: str(value).replace("\0", "") for name, value in request.GET.items()}
    form = HistoryFilter(cleaned, _choosable(actor, cleaned.get("ml_model", "")))
    form.is_valid()
    return form


def _choosable(actor: Actor, chosen: str) -> list[MLModel]:
    """Visible ml_models, and the chosen one also when it is visible no longer: its answers remain one's own."""
    found = list(ml_models.visible_to(actor).only("slug", "name").order_by("name")[:MAX_LISTED_ML_MODELS])
    if chosen and chosen not in {row.slug for row in found}:
        used = selector.used(actor, chosen)
        found += [used] if used else []
    return found


def _outcomes(actor: Actor, slug: str) -> tuple[Any, ...]:
    found = ml_models.visible_to(actor).filter(slug=slug).first() if slug else None
    version = ml_models.live_version(found) if found else None
    if version is None or version.current_revision is None:
        return ()
    return labels_of(Signature.from_document(version.current_revision.document))


def _links(page: Page, kept: dict[str, str], *, first_up: bool) -> dict[str, str]:
    """Addresses of the pages around this one. Cases asked together are listed in their order, all else newest first."""
    back, on = ("before", "after") if first_up else ("after", "before")

    def link(**place: object) -> str:
        return f"?{urlencode({**kept, **place})}"

    return {
        "newer_url": link(**{back: page.back}) if page.back else "",
        "older_url": link(**{on: page.on}) if page.on else "",
    }


def _id(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
