"""Every error of the API as ``application/problem+json`` (RFC 9457). HTTP numbers live here and nowhere else."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.core import exceptions as django_errors
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse, UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from rest_framework import exceptions as drf_errors
from rest_framework.views import set_rollback

from predictions import errors as desk
from predictions import timings
from predictions.api.renderers import encode

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

STATUS: Mapping[type[desk.DeskError], int] = {
    desk.InvalidRequest: 400,
    desk.InvalidRows: 422,
    desk.InvalidSignature: 422,
    desk.BadModelFile: 422,
    desk.BadCaseFile: 422,
    desk.ModelFailed: 422,  # the same case fails again: nothing a program should retry
    desk.TooLarge: 413,
    desk.NotFound: 404,
    desk.NotAllowed: 403,
    desk.Conflict: 409,
    desk.TryLater: 503,
    desk.TooManyRequests: 429,
    desk.DeskError: 400,
}
STATUS_BY_CODE = {"length_required": 411}

DRF: Mapping[str, tuple[str, Any]] = {
    "authentication_failed": ("invalid_key", None),
    "csrf_failed": (
        "csrf_failed",
        lazy("Send the value of the CSRF cookie in the X-CSRFToken header, or use an API key."),
    ),
    "method_not_allowed": ("method_not_allowed", None),
    "not_acceptable": (
        "not_acceptable",
        lazy("This address answers in application/json; send Accept: application/json or none."),
    ),
    "not_authenticated": (
        "not_authenticated",
        lazy("Sign in, or send an API key as Authorization: Bearer KEY."),
    ),
    "not_found": ("not_found", None),
    "parse_error": (
        "invalid_request",
        lazy("The form cannot be read; send it as multipart/form-data with a boundary."),
    ),
    "permission_denied": ("not_allowed", None),
    "throttled": (
        "too_many_requests",
        lazy("You sent too many requests; wait as long as Retry-After says."),
    ),
    "unsupported_media_type": (
        "unsupported_media_type",
        lazy("This address does not read that Content-Type; see the API documentation."),
    ),
}
"""By the framework's own code: our code, and our sentence where the framework's says less."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One error as the caller gets it. ``errors``: [{row, field, code, message}] where values are at fault."""

    status: int
    code: str
    detail: str
    errors: Sequence[Mapping[str, Any]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The JSON document."""
        document: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = list(self.errors)
        return document | dict(self.extra)

    def response(self) -> HttpResponse:
        """The HTTP response; not negotiated, so that an unacceptable Accept still gets its reason."""
        return HttpResponse(
            encode(self.document()), status=self.status, content_type=CONTENT_TYPE, headers=dict(self.headers)
        )


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse:
    """Django REST framework's seam: any exception of a view becomes a problem; one that answers has a ``face``."""
    set_rollback()
    problem = problem_of(error)
    if face := getattr(context["view"], "face", ""):
        timings.refused(problem.code, face)
    return problem.response()


def problem_of(error: Exception) -> Problem:
    """What a caller may know of an error; what is nobody's business is logged without the request's body."""
    if isinstance(error, desk.DeskError):
        return _of_desk(error)
    if isinstance(error, drf_errors.APIException):
        return _of_drf(error)
    if isinstance(error, (OperationalError, InterfaceError)):
        logger.error("The database does not answer.", exc_info=error)
        detail = _("The database does not answer right now; try again in a few seconds.")
        return Problem(503, "unavailable", detail, headers={"Retry-After": "5"})
    known = _of_django(error)
    if known is not None:
        return known
    logger.error("A request failed unexpectedly.", exc_info=error)
    return Problem(
        500, "server_error", _("Something went wrong on our side; it was logged. Try again later.")
    )


def _of_desk(error: desk.DeskError) -> Problem:
    status = STATUS_BY_CODE.get(error.code) or next(
        STATUS[kind] for kind in type(error).__mro__ if kind in STATUS
    )
    errors: list[Mapping[str, Any]] = []
    headers = {}
    if isinstance(error, desk.InvalidRows):
        errors = [
            {"row": one.row, "field": one.field, "code": one.code, "message": one.message}
            for one in error.errors
        ]
    elif error.field is not None:
        errors = [_fault(error.field, error.code, error.message)]
    if isinstance(error, desk.TryLater):
        headers["Retry-After"] = str(error.retry_after)
    extra = {"failed_checks": list(error.checks)} if isinstance(error, desk.NotProven) else {}
    return Problem(status, error.code, error.message, errors, headers, extra)


def _of_drf(error: drf_errors.APIException) -> Problem:
    if isinstance(error, drf_errors.ValidationError):
        faults = list(_faults(error.get_full_details()))
        detail = str(faults[0]["message"]) if len(faults) == 1 else _("Some values need a correction.")
        return Problem(400, "invalid_request", detail, faults)
    code, detail = DRF.get(str(error.get_codes()), ("", None))
    headers: dict[str, str] = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    if isinstance(error, drf_errors.Throttled):
        headers["Retry-After"] = str(max(1, math.ceil(getattr(error, "wait", None) or 1)))
    code = code or ("server_error" if error.status_code >= 500 else "invalid_request")
    return Problem(error.status_code, code, str(detail or error.detail), headers=headers)


def _of_django(error: Exception) -> Problem | None:
    if isinstance(error, Http404):
        return Problem(
            404, "not_found", _("There is nothing at this address; see /api/v1/docs for what there is.")
        )
    if isinstance(error, django_errors.PermissionDenied):
        return Problem(403, "not_allowed", _("You may not do this."))
    if isinstance(error, django_errors.RequestDataTooBig):
        return Problem(
            413, "too_large", _("The request is larger than this site accepts; send less at once.")
        )
    if isinstance(error, django_errors.SuspiciousOperation):
        return Problem(400, "invalid_request", _("The request cannot be read; check its headers and fields."))
    if isinstance(error, UnreadablePostError):
        return Problem(
            400, "incomplete_body", _("The request broke off before its body was complete; send it again.")
        )
    return None


def _faults(details: Any, name: str | None = None) -> list[dict[str, Any]]:
    """A serializer's nested error details as a flat list."""
    if isinstance(details, list):
        return [fault for item in details for fault in _faults(item, name)]
    if set(details) == {"message", "code"}:
        return [_fault(name, str(details["code"]), str(details["message"]))]
    found = []
    for key, below in details.items():
        inner = None if key == "non_field_errors" else key if name is None else f"{name}.{key}"
        found += _faults(below, inner)
    return found


def _fault(name: str | None, code: str, message: str) -> dict[str, Any]:
    return {"row": None, "field": name, "code": code, "message": message}
