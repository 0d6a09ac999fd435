"""One recorded answer, as one would print it."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from predictions.errors import NotFound, TryLater
from predictions.selectors import predictions
from predictions.selectors.targets import live_target
from predictions.values import Actor
from predictions.web import calls, cases
from predictions.web.answer_view import answer_view, picture_of, shown_case
from predictions.web.http import actor_of


@require_safe
def prediction(request: HttpRequest, prediction_id: UUID) -> HttpResponse:
    """The case, its answer, and what reviewers said of it."""
    actor = actor_of(request)
    try:
        row = predictions.get(actor, prediction_id)
    except NotFound as error:
        raise Http404 from error
    signature = cases.signature_of(row)
    return render(
        request,
        "predictions/predictions/prediction.html",
        {
            "row": row,
            "view": answer_view(signature, row.outputs),
            "picture": picture_of(signature, row.inputs),
            "case": shown_case(signature, row.inputs),
            "reviews": predictions.reviews(row),
            "call": calls.same_call(request, row, signature),
            "may_run": _may_run(actor, row.ml_model.slug),
        },
    )


def _may_run(actor: Actor, slug: str) -> bool:
    try:
        live_target(actor, slug, fresh=True)
    except (NotFound, TryLater):
        return False
    return True
