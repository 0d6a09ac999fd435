"""Who may call a route. Which rows they may see is decided by the selectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from predictions.api.actors import actor_of
from predictions.models import ApiKey

if TYPE_CHECKING:  # the framework imports this module while it defines APIView
    from rest_framework.views import APIView


class Denied(BasePermission):
    """The default: a route that states no permission is closed to everybody."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return False


class Anyone(BasePermission):
    """Open to everybody, also without an account; what is shown still depends on who asks."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return True


class Known(BasePermission):
    """Open to accounts and API keys."""

    message = _("Sign in, or send an API key as Authorization: Bearer KEY.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        return is_known(request)


class KnownOrVisitor(BasePermission):
    """Open to accounts, API keys, and browser sessions in which something was answered."""

    message = Known.message

    def has_permission(self, request: Request, view: APIView) -> bool:
        return is_known(request) or actor_of(request).visitor is not None


class StaffOnly(BasePermission):
    """Open to staff accounts, also through a key that acts for one."""

    message = _("Only staff accounts may do this.")

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.is_authenticated and request.user.is_staff


def is_known(request: Request) -> bool:
    """True for a signed-in account or an API key."""
    return isinstance(request.auth, ApiKey) or request.user.is_authenticated
