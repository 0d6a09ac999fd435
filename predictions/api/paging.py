"""Lists in pages by key: never a count, never an offset, so page 10,000 costs what page 1 costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from predictions.errors import InvalidRequest

Row = TypeVar("Row", bound=Model)

LIMIT = 50
MAX_LIMIT = 500


GO_ON = "Where to go on: take it from `next`."


@extend_schema_field({"type": "string", "format": "uuid"})
class IdCursor(serializers.CharField):
    """The place after a row with an id."""


@extend_schema_field({"type": "string", "pattern": "^[0-9]{1,9}$"})
class NumberCursor(serializers.CharField):
    """The place after a row with a number."""


class PageQuery(serializers.Serializer[Any]):
    """The parameters of every list."""

    limit = serializers.IntegerField(
        required=False, default=LIMIT, min_value=1, max_value=MAX_LIMIT, help_text="Entries per page."
    )


class IdPageQuery(PageQuery):
    """Of lists in the order of their ids."""

    cursor = IdCursor(required=False, max_length=200, help_text=GO_ON)


class NumberPageQuery(PageQuery):
    """Of lists in the order of their numbers."""

    cursor = NumberCursor(required=False, max_length=9, help_text=GO_ON)


class SlugPageQuery(PageQuery):
    """Of lists in the order of their slugs."""

    cursor = serializers.CharField(required=False, max_length=200, help_text=GO_ON)


def page(
    request: Request,
    rows: QuerySet[Row],
    query: dict[str, Any],
    shown: Callable[[list[Row]], list[Any]],
    *,
    key: str = "id",
    read: Callable[[str], Any] = UUID,
    newest_first: bool = True,
) -> Response:
    """One page ``{"results": [...], "next": address or null}`` of ``rows`` in the order of ``key``, which is unique.

    ``read`` turns a cursor into a value of ``key``, or raises ValueError.

    Raises InvalidRequest for a cursor that is none.
    """
    rows = rows.order_by(f"-{key}" if newest_first else key)
    if "cursor" in query:
        rows = rows.filter(**{f"{key}__{'lt' if newest_first else 'gt'}": place(query["cursor"], read)})
    found = list(rows[: query["limit"] + 1])
    here, more = found[: query["limit"]], len(found) > query["limit"]
    return answer(request, shown(here), getattr(here[-1], key) if more else None)


def answer(request: Request, results: list[Any], after: Any = None) -> Response:
    """A page that goes on after the row with this key; None on the last."""
    address = request.build_absolute_uri()
    following = None if after is None else replace_query_param(address, "cursor", str(after))
    return Response({"results": results, "next": following})


def page_of(kind: type[serializers.BaseSerializer[Any]], name: str) -> type[serializers.Serializer[Any]]:
    """The shape of such a page, for the API document."""
    fields = {
        "results": kind(many=True),
        "next": serializers.URLField(allow_null=True, help_text="The next page; null on the last."),
    }
    return type(name, (serializers.Serializer,), fields)


def place(text: str, read: Callable[[str], Any]) -> Any:
    """Where a page begins, out of a cursor. Raises InvalidRequest."""
    try:
        return read(text)
    except ValueError:
        raise InvalidRequest(
            _("Take the cursor from the address in next, unchanged."), code="invalid_cursor", field="cursor"
        ) from None
