"""Addresses inside answers, absolute, so that a program can follow them."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch, reverse
from rest_framework.request import Request


def api_link(request: Request, name: str, *args: Any) -> str:
    """A route of this API."""
    return request.build_absolute_uri(reverse(f"api:{name}", args=args))


def page_link(request: Request, name: str, *args: Any) -> str | None:
    """A page for people; None where the site runs without its pages."""
    try:
        return request.build_absolute_uri(reverse(name, args=args))
    except NoReverseMatch:
        return None
