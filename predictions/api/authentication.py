"""Who sent the request: an API key, or the browser's session."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from predictions.models import ApiKey
from predictions.selectors import api_keys as known_keys
from predictions.services import api_keys


class ApiKeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer md_…``. A key with an account acts as that account, else for itself."""

    def authenticate(self, request: Request) -> tuple[User | AnonymousUser, ApiKey] | None:
        """The account and the key, or None when the request carries no key. Raises AuthenticationFailed."""
        scheme, _space, text = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
        if scheme.lower() != "bearer":
            if scheme.startswith("md_"):
                raise AuthenticationFailed(_("Write the word Bearer and a space before the API key."))
            return None
        key = known_keys.find(text.strip())
        if key is None:
            raise AuthenticationFailed(
                _("This API key is unknown or was revoked; ask whoever runs this site for a new one.")
            )
        api_keys.note_use(key=key)
        return (key.user if key.user is not None else AnonymousUser()), key

    def authenticate_header(self, request: Request) -> str:
        """What ``WWW-Authenticate`` says beside a 401."""
        return 'Bearer realm="Model Desk"'


class CsrfFailed(PermissionDenied):
    """A browser's session alone is no proof that its user meant this request."""

    default_code = "csrf_failed"


class BrowserSession(SessionAuthentication):
    """The site's own sign-in; a request that changes something carries the token in ``X-CSRFToken``."""

    def enforce_csrf(self, request: Request) -> None:
        """Check the token without reading the body, which may be an upload of any size."""
        plain: Any = request._request  # noqa: SLF001 - the check is Django's and reads Django's request
        plain._post, plain._files = QueryDict(), MultiValueDict()  # noqa: SLF001
        try:
            super().enforce_csrf(request)
        except PermissionDenied:
            raise CsrfFailed from None
        finally:
            del plain._post, plain._files  # noqa: SLF001
