"""The front page: which ml_models one may use."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from predictions.selectors import cards, ml_models
from predictions.web.http import actor_of
from predictions.web.model_card import metric_lines, question_of

PER_PAGE = 24
LONGEST_SEARCH = 100


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """Cards of the ml_models that the reader may use; ``q`` narrows them down."""
    actor = actor_of(request)
    search = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    page = Paginator(cards.cards(actor, search=search), PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "predictions/ml_models/start.html",
        {
            "cards": [_card(row) for row in page.object_list],
            "page": page,
            "search": search,
            "may_bring": ml_models.may_bring(actor),
        },
    )


def _card(row: dict[str, Any]) -> dict[str, Any]:
    metrics = metric_lines(row["metrics"], row["card"])
    return row | {
        "question": question_of(row["task"], row["outputs"] or []),
        "metric": metrics[0] if metrics else None,
    }
