"""From a request to who is asking."""

from __future__ import annotations

from uuid import UUID

from rest_framework.request import Request

from predictions.models import ApiKey
from predictions.values import Actor

SESSION_KEY = "visitor"
"""Where the web door keeps the id of a browser session without an account."""


def actor_of(request: Request) -> Actor:
    """Who is asking: an account, a key (with or without an account), a browser session, or nobody."""
    user, key = request.user, request.auth
    key_id = key.pk if isinstance(key, ApiKey) else None
    if user.is_authenticated:
        return Actor(
            user_id=user.pk,
            api_key_id=key_id,
            visitor=None if key_id else visitor_of(request),
            is_staff=user.is_staff,
            is_superuser=user.is_superuser,
        )
    if key_id is not None:
        return Actor(api_key_id=key_id)
    return Actor(visitor=visitor_of(request))


def visitor_of(request: Request) -> UUID | None:
    """The id the web door gave this browser session, if it did."""
    session = getattr(request, "session", None)
    if session is None or session.session_key is None:
        return None
    try:
        return UUID(str(session.get(SESSION_KEY)))
    except ValueError:
        return None
