"""What one asked so far."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from predictions.models import MLModel, Prediction
from predictions.selectors import history as selector
from predictions.selectors import ml_models, predictions
from predictions.selectors.history import Page, Wanted
from predictions.signature.answers import labels_of
from predictions.signature.fields import Signature
from predictions.values import Actor
from predictions.web.history_csv import lines
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
    rows = _light(selector.narrowed(predictions.own(actor), wanted))
    page = selector.page(
        rows, size=PAGE_ROWS, before=_id(request.GET.get("before")), after=_id(request.GET.get("after"))
    )
    kept = {name: str(value) for name, value in request.GET.items() if name in form.fields and value}
    return render(
        request,
        "predictions/predictions/history.html",
        {
            "form": form,
            "rows": page.rows,
            "is_filtered": wanted != Wanted(),
            "outcomes": _outcomes(actor, wanted.ml_model),
            "export_url": f"{reverse('history_export')}?{urlencode(kept)}",
            **_links(page, kept),
        },
    )


@require_safe
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The same answers, all of them, as CSV."""
    actor = actor_of(request)
    wanted = _filter(request, actor).wanted()
    rows = selector.narrowed(predictions.own(actor), wanted)
    response = StreamingHttpResponse(lines(rows, wanted.ml_model), content_type="text/csv; charset=utf-8")
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
        used = predictions.own(actor).filter(ml_model__slug=chosen).first()
        found += [used.ml_model] if used else []
    return found


def _light(rows: QuerySet[Prediction]) -> QuerySet[Prediction]:
    return predictions.for_lists(rows).defer(
        "ml_model__card",
        "ml_model__description",
        "version__plan",
        "version__report",
        "revision__document",
    )


def _outcomes(actor: Actor, slug: str) -> tuple[Any, ...]:
    found = ml_models.visible_to(actor).filter(slug=slug).first() if slug else None
    version = ml_models.live_version(found) if found else None
    if version is None or version.current_revision is None:
        return ()
    return labels_of(Signature.from_document(version.current_revision.document))


def _links(page: Page, kept: dict[str, str]) -> dict[str, str]:
    def link(**place: object) -> str:
        return f"?{urlencode({**kept, **place})}"

    first, last = (page.rows[0].pk, page.rows[-1].pk) if page.rows else (None, None)
    return {
        "newer_url": link(after=first) if page.has_newer and first else "",
        "older_url": link(before=last) if page.has_older and last else "",
        "newest_url": link() if page.has_newer else "",
    }


def _id(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
