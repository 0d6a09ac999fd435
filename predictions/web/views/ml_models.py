"""The page of one ml_model: the form with its answer, the API, and what it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from predictions import timings
from predictions.errors import NotFound, TryLater
from predictions.models import MLModel
from predictions.selectors import ml_models, predictions
from predictions.selectors.targets import Target, live_target
from predictions.values import Actor
from predictions.web import calls, cases, model_card
from predictions.web.answer_view import answer_view
from predictions.web.cases import Case
from predictions.web.form_fields import cells_of, groups_of, is_compact, summary_of
from predictions.web.http import actor_of, answering_actor, wants_fragment

MAX_SUMMARY_LINES = 12
MAX_LISTED_INPUTS = 200


@require_http_methods(["GET", "HEAD", "POST"])
def ml_model(request: HttpRequest, slug: str) -> HttpResponse:
    """The form. A POST answers beside it (htmx), or sends the browser to the address of the answer."""
    page = _Page.of(request, slug)
    if page.target is None:
        return page.render(request, "not_live", status=503 if request.method == "POST" else 200)
    if request.method != "POST":
        return _form(request, page, page.target, cases.prefilled(request, page.target, page.actor))
    case = cases.submitted(request, page.target, answering_actor(request))
    if case.prediction is not None and not wants_fragment(request):
        response: HttpResponse = redirect(_address(slug, case))
    else:
        response = _form(request, page, page.target, case)
    timings.finish(1)
    return response


@require_safe
def api(request: HttpRequest, slug: str) -> HttpResponse:
    """How a program asks the same ml_model."""
    page = _Page.of(request, slug)
    if page.target is None:
        return page.render(request, "not_live")
    signature = page.target.signature
    return page.render(
        request,
        "api",
        call=calls.example_call(request, page.target),
        inputs=model_card.input_lines(signature)[:MAX_LISTED_INPUTS],
        left_out=max(0, len(signature.inputs) - MAX_LISTED_INPUTS),
        outputs=signature.outputs,
    )


@require_safe
def about(request: HttpRequest, slug: str) -> HttpResponse:
    """The model card."""
    page = _Page.of(request, slug)
    version = ml_models.live_version(page.ml_model)
    if page.target is None or version is None:
        return page.render(request, "not_live")
    signature = page.target.signature
    return page.render(
        request,
        "about",
        version=version,
        card=model_card.card_texts(page.ml_model.card),
        source_link=model_card.safe_link(page.ml_model.card.get("source_url")),
        license_link=model_card.license_link(page.ml_model.card),
        metrics=model_card.metric_lines(version.metrics, page.ml_model.card),
        task=model_card.task_text(signature),
        parity=model_card.parity_text(version.report),
        inputs=model_card.input_lines(signature)[:MAX_LISTED_INPUTS],
        left_out=max(0, len(signature.inputs) - MAX_LISTED_INPUTS),
        outputs=signature.outputs,
    )


@dataclass(frozen=True, slots=True)
class _Page:
    """What the tabs of an ml_model share. ``target`` is None while nothing is live."""

    actor: Actor
    ml_model: MLModel
    target: Target | None

    @classmethod
    def of(cls, request: HttpRequest, slug: str) -> _Page:
        actor = actor_of(request)
        try:
            found = ml_models.get(actor, slug)
        except NotFound as error:
            raise Http404 from error
        try:
            target = live_target(actor, slug, fresh=True)
        except TryLater:
            target = None
        return cls(actor, found, target)

    def render(self, request: HttpRequest, tab: str, *, status: int = 200, **more: Any) -> HttpResponse:
        context = {
            "ml_model": self.ml_model,
            "target": self.target,
            "tab": tab,
            "may_manage": ml_models.may_manage(self.actor, self.ml_model),
        }
        return render(request, f"predictions/ml_models/{tab}.html", context | more, status=status)


def _form(request: HttpRequest, page: _Page, target: Target, case: Case) -> HttpResponse:
    fragment = wants_fragment(request) and request.method == "POST"
    signature = target.signature
    summary = summary_of(signature, case.errors)
    compact = is_compact(signature)
    groups = () if compact else groups_of(signature, case.texts, case.errors)
    context = {
        "groups": groups,
        "cells": cells_of(groups, signature),
        "drawing": signature.drawing,
        "is_compact": compact,
        "case": case,
        "summary": summary[:MAX_SUMMARY_LINES],
        "summary_left": max(0, len(summary) - MAX_SUMMARY_LINES),
        "fault_count": len(summary),
        # Fields are put in place again only when marks come or go, so nobody loses what they type meanwhile.
        "with_fields": case.status == 422 or bool(request.POST.get("marked")),
        "answer": _answer(request, case),
    }
    response = page.render(request, "answered" if fragment else "form", status=case.status, **context)
    if isinstance(case.trouble, TryLater):
        response.headers["Retry-After"] = str(case.trouble.retry_after)
    if fragment and case.prediction is not None:
        response.headers["HX-Replace-Url"] = _address(page.ml_model.slug, case)
    return response


def _answer(request: HttpRequest, case: Case) -> dict[str, Any] | None:
    if case.prediction is None:
        return None
    # Read back by whoever may read it, so the page never shows what was not stored.
    row = predictions.get(actor_of(request), case.prediction)
    signature = cases.signature_of(row)
    return {
        "row": row,
        "view": answer_view(signature, row.outputs),
        "call": calls.same_call(request, row, signature),
    }


def _address(slug: str, case: Case) -> str:
    return f"{reverse('ml_model', args=[slug])}?prediction={case.prediction}#answer"
