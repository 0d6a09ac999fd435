"""Error pages. None needs the database, so they also work while it is away."""

from __future__ import annotations

import sys
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from predictions.errors import NotFound
from predictions.web.headers import add_page_headers
from predictions.web.http import wants_fragment

MACHINE_ROOMS = ("/api/", "/health/", "/v2/")
MACHINE_PATHS = ("/predict", "/predict/")
DATABASE_RETRY_SECONDS = 5


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the browser sent something that cannot be read."""
    return _answer(
        request,
        400,
        "bad_request",
        _("That request could not be read"),
        _("Go back, reload the page and try again."),
    )


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: known, but not for this person."""
    return _answer(
        request,
        403,
        "permission_denied",
        _("You may not do this"),
        _("Sign in with an account that may, or ask the person who runs this site."),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form whose protection token is missing or old; nothing was done."""
    return _answer(
        request,
        403,
        "form_expired",
        _("This form has expired"),
        _("Nothing was sent. Go back, reload the page and send it again; cookies must be allowed."),
    )


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: not there, or not for this person; the two are not told apart."""
    # What was looked for says it better, where it was looked for by somebody who may know.
    reason = exception.__cause__ if exception is not None else None
    detail = _("The address may be mistyped, the page may be gone, or you may need to sign in to see it.")
    if isinstance(reason, NotFound):
        detail = reason.message
    return _answer(request, 404, "not_found", _("There is nothing here for you"), detail)


def too_large(request: HttpRequest, limit: int) -> HttpResponse:
    """413: more bytes than this site takes (``limit``); nothing was read."""
    return _answer(
        request,
        413,
        "too_large",
        _("That is too large"),
        _("At most %(limit)s can be sent here. Send less at once.") % {"limit": filesizeformat(limit)},
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """500: our fault, or 503 while the database is away.

    Rendered without the request's context, which would ask the database who is reading.
    """
    if isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return _database_away(request)
    return _answer(
        request,
        500,
        "server_error",
        _("Something went wrong on our side"),
        _("Nothing you typed is to blame. Try again in a moment."),
    )


def _database_away(request: HttpRequest) -> HttpResponse:
    title = _("The database does not answer just now")
    detail = _("Nothing was stored. Try again in a few seconds.")
    if wants_fragment(request):
        context = {"title": title, "detail": detail}
        response = HttpResponse(
            loader.render_to_string("predictions/errors/_notice.html", context), status=503
        )
    else:
        response = _answer(request, 503, "unavailable", title, detail)
    response.headers["Retry-After"] = str(DATABASE_RETRY_SECONDS)
    return response


def _answer(request: HttpRequest, status: int, code: str, title: str, detail: str) -> HttpResponse:
    if request.path in MACHINE_PATHS or request.path.startswith(MACHINE_ROOMS):
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "code": code,
            "detail": detail,
        }
        return JsonResponse(problem, status=status, content_type="application/problem+json")
    body = loader.render_to_string(
        "predictions/errors/error.html", {"status": status, "title": title, "detail": detail}
    )
    return add_page_headers(HttpResponse(body, status=status))
