"""What every page of the desk asks of a request."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from predictions.values import Actor


def actor_of(request: HttpRequest) -> Actor:
    """Who is at the desk: the signed-in account, never the browser session of a visitor."""
    user: Any = request.user
    if not user.is_authenticated:
        return Actor()
    return Actor(user_id=user.pk, is_staff=user.is_staff, is_superuser=user.is_superuser)


def may_review(request: HttpRequest) -> bool:
    """True for whoever may see recorded answers and judge them."""
    user: Any = request.user
    return bool(user.has_perms(("predictions.view_prediction", "predictions.add_review")))


def site_address(name: str, *args: object) -> str:
    """The address of a page for users; empty when this site has none of that name."""
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
