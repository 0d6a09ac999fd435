"""One family of errors with stable codes. HTTP numbers live in the doors, never here. Runs under Python 3.7 too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RowError:
    """One thing wrong with one row: ``row`` counts from 0, ``field`` is None when the whole row is meant."""

    row: int
    field: str | None
    code: str
    message: str


class DeskError(Exception):
    """Base of every error a person may read. ``message`` is one sentence that says what to do."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code is not None:
            self.code = code


class InvalidRequest(DeskError):
    """The request itself cannot be read (not JSON, wrong shape, too deep)."""

    code = "invalid_request"


class InvalidRows(DeskError):
    """At least one row breaks the signature; nothing was answered. ``errors`` lists each fault."""

    code = "invalid_rows"

    def __init__(self, errors: Sequence[RowError]) -> None:
        first = errors[0].message if errors else "No row could be read."
        super().__init__(first if len(errors) == 1 else f"{len(errors)} values need a correction. {first}")
        self.errors = tuple(errors)


class InvalidSignature(DeskError):
    """An edit would make the signature contradict itself. ``field`` names the input or class."""

    code = "invalid_signature"


class TooLarge(DeskError):
    """More bytes, rows or depth than this site accepts."""

    code = "too_large"


class NotFound(DeskError):
    """It does not exist, or the asker may not see it: the two are not told apart."""

    code = "not_found"


class NotAllowed(DeskError):
    """The asker may see it but not do this to it."""

    code = "not_allowed"


class Conflict(DeskError):
    """Somebody else did something in between that makes this impossible."""

    code = "conflict"


class NotProven(Conflict):
    """A version failed checks of its proof: it goes live only with a written reason. ``checks``: their codes."""

    code = "not_proven"

    def __init__(self, message: str, *, checks: Sequence[str], field: str | None = None) -> None:
        super().__init__(message, field=field)
        self.checks = tuple(checks)


class BadModelFile(DeskError):
    """A file cannot become an ml_model; the message says why and what to bring instead."""

    code = "bad_model_file"


class BadCaseFile(DeskError):
    """A file of cases cannot be read as such; the message says what to correct in it."""

    code = "bad_case_file"


class TryLater(DeskError):
    """A part of the site cannot answer now; nothing was stored. ``retry_after`` is in seconds."""

    code = "unavailable"

    def __init__(self, message: str, *, code: str | None = None, retry_after: int = 2) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class TooManyRequests(TryLater):
    """More is waiting than the site will queue for this ml_model or caller."""

    code = "too_many_requests"


class ModelFailed(DeskError):
    """The ml_model's own code raised on an input that the signature accepts; nothing was stored."""

    code = "model_failed"
