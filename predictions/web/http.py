"""What every page asks of a request: who is reading, and whether only a part of the page is wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from django.http import HttpRequest

from predictions.values import Actor

VISITOR = "visitor"


def actor_of(request: HttpRequest) -> Actor:
    """Who is reading: the signed-in user, together with what this browser session did before signing in."""
    user: Any = request.user
    if not user.is_authenticated:
        return Actor(visitor=_visitor(request))
    return Actor(
        user_id=user.pk,
        visitor=_visitor(request),
        is_staff=user.is_staff,
        is_superuser=user.is_superuser,
    )


def answering_actor(request: HttpRequest) -> Actor:
    """Who gets an answer now. A stranger is given a number for this browser session, so it can be found again."""
    actor = actor_of(request)
    if actor.is_known:
        return replace(actor, visitor=None)
    if actor.visitor is None:
        request.session[VISITOR] = str(uuid4())
    return actor_of(request)


def wants_fragment(request: HttpRequest) -> bool:
    """True when htmx asks for a part to put in place, not for a page of its own."""
    htmx: Any = getattr(request, "htmx", None)
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def _visitor(request: HttpRequest) -> UUID | None:
    text = request.session.get(VISITOR)
    return UUID(text) if text else None
