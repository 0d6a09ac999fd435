"""``/metrics``: for Prometheus, and for staff."""

from __future__ import annotations

import hmac
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.views import APIView

from predictions.api.authentication import ApiKeyAuthentication, BrowserSession
from predictions.api.permissions import StaffOnly
from predictions.api.views import DeskView
from predictions.selectors import metrics


class Scraper:
    """What a request with METRICS_TOKEN is known by: nobody in particular."""


class MetricsToken(BaseAuthentication):
    """``Authorization: Bearer`` with METRICS_TOKEN; anything else is left to the other ways."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, Scraper] | None:
        """Nobody, but a scraper; None when the request does not carry the token."""
        scheme, _space, text = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        wanted: str = settings.METRICS_TOKEN
        if not wanted or scheme.lower() != "bearer":
            return None
        given = text.strip().encode(errors="replace")
        return (AnonymousUser(), Scraper()) if hmac.compare_digest(given, wanted.encode()) else None

    def authenticate_header(self, request: Request) -> str:
        """What ``WWW-Authenticate`` says beside a 401."""
        return ApiKeyAuthentication().authenticate_header(request)


class ScraperOrStaff(StaffOnly):
    """Open to METRICS_TOKEN and to staff accounts, also through a key that acts for one."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, Scraper) or super().has_permission(request, view)


class Metrics(DeskView):
    """``/metrics``"""

    opened_to = {"GET": ScraperOrStaff}
    authentication_classes = (MetricsToken, ApiKeyAuthentication, BrowserSession)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """There is one format, whatever a scraper accepts."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """What the site recorded, in Prometheus' text format."""
        return HttpResponse(metrics.text(), content_type=metrics.CONTENT_TYPE)
