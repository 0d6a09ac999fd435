"""Reading request bodies: size before anything else, then JSON with every fault told apart."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, NoReturn

import msgspec
from django.conf import settings
from django.http import UnreadablePostError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.request import Request

from predictions.errors import InvalidRequest, TooLarge

_decoder = msgspec.json.Decoder()

INCOMPLETE = gettext_lazy("The request broke off before its body was complete; send it again.")


def check_size(request: Request, limit: int) -> None:
    """Refuse a body larger than ``limit`` bytes, or of unknown length, before reading any of it.

    Raises TooLarge, InvalidRequest with code ``length_required``.
    """
    text = request.META.get("CONTENT_LENGTH") or ""
    if not text:
        if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
            raise InvalidRequest(_("Send the body with a Content-Length."), code="length_required")
        return
    if not (text.isascii() and text.isdigit()) or int(text) > limit:
        raise TooLarge(_("Send at most %(limit)s bytes in one request.") % {"limit": f"{limit:,}"})


def decode(body: bytes) -> Any:
    """The value of a JSON text. NaN and infinite numbers pass, so that they can be told of by field.

    Raises InvalidRequest with code ``invalid_json``, ``too_deep`` or ``duplicate_name``.
    """
    try:
        data = _decoder.decode(body)
    except RecursionError:
        _too_deep()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_carefully(body)
    names = _count_names(data, body.count(b"{") + body.count(b"["))
    # A colon stands after each name and inside some texts: fewer names than colons is worth a closer look.
    if names != body.count(b":"):
        return _decode_carefully(body)
    return data


def _count_names(data: Any, most: int | None = None) -> int:
    """How many names the objects of a decoded text have together. Raises InvalidRequest ``too_deep``.

    There are ``most`` objects and lists at most: once all of them were seen, nobody looks for more.
    """
    names = seen = 0
    level = [data] if isinstance(data, (dict, list)) else []
    for _depth in range(settings.MAX_JSON_DEPTH):
        if not level:
            return names
        names += sum(len(held) for held in level if type(held) is dict)
        seen += len(level)
        if seen == most:
            return names
        level = [item for held in level for item in _items(held) if type(item) is dict or type(item) is list]
    if level:
        _too_deep()
    return names


def _items(held: Any) -> Iterable[Any]:
    return held.values() if type(held) is dict else held


def _decode_carefully(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            _("The body is not UTF-8 text at byte %(place)s.") % {"place": error.start}, code="invalid_json"
        ) from None
    try:
        data = json.loads(text, object_pairs_hook=_without_duplicates)
    except RecursionError:
        _too_deep()
    except json.JSONDecodeError as error:
        place = {"line": error.lineno, "column": error.colno}
        message = _("The body is not valid JSON: line %(line)s, column %(column)s.") % place
        raise InvalidRequest(message, code="invalid_json") from None
    except ValueError:
        raise InvalidRequest(_("A number in the body has too many digits."), code="invalid_json") from None
    _count_names(data)
    _check_texts(data)
    return data


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        name = next(name for name, _value in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InvalidRequest(
            _("The name “%(name)s” is there twice; send it once.") % {"name": name[:100]},
            code="duplicate_name",
            field=name[:100],
        )
    return found


def _check_texts(data: Any) -> None:
    """Refuse half of a surrogate pair, which is no character and cannot be stored."""
    try:
        json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidRequest(_("A text in the body holds half a character."), code="invalid_json") from None


def _too_deep() -> NoReturn:
    raise InvalidRequest(
        _("The body is nested deeper than %(depth)s levels.") % {"depth": settings.MAX_JSON_DEPTH},
        code="too_deep",
    ) from None


class JsonParser(BaseParser):
    """``application/json`` and everything that ends in ``+json``."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The decoded body. Raises InvalidRequest."""
        try:
            body = stream.read()
        except UnreadablePostError:
            raise InvalidRequest(str(INCOMPLETE), code="incomplete_body") from None
        length = int((parser_context or {})["request"].META.get("CONTENT_LENGTH") or len(body))
        if len(body) < length:
            raise InvalidRequest(str(INCOMPLETE), code="incomplete_body")
        return decode(body)


class _Counted:
    """A stream that knows how much of it was read."""

    def __init__(self, stream: IO[Any]) -> None:
        self._stream = stream
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes."""
        chunk: bytes = self._stream.read(size)
        self.count += len(chunk)
        return chunk


class UploadParser(MultiPartParser):
    """``multipart/form-data``; an upload that broke off is an error, never a shorter file."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> DataAndFiles[Any, Any]:
        """Fields and files. Raises InvalidRequest, ParseError."""
        counted: Any = _Counted(stream)
        try:
            found = super().parse(counted, media_type, parser_context)
        except UnreadablePostError:
            raise InvalidRequest(str(INCOMPLETE), code="incomplete_body") from None
        length = int((parser_context or {})["request"].META.get("CONTENT_LENGTH") or 0)
        if counted.count < length:
            for name in found.files:
                for file in found.files.getlist(name):
                    file.close()
            raise InvalidRequest(str(INCOMPLETE), code="incomplete_body")
        return found


class Negotiation(DefaultContentNegotiation):
    """Also lets ``application/*+json`` through to the JSON parser."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """The parser for the request's Content-Type, or None."""
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        if kind.startswith("application/") and kind.endswith("+json"):
            kind = JsonParser.media_type
        return next((parser for parser in parsers if parser.media_type == kind), None)
