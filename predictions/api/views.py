"""What every route of the API has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn
from uuid import UUID

from django.conf import settings
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from predictions.api import bodies
from predictions.api.actors import actor_of
from predictions.api.permissions import Denied
from predictions.errors import InvalidRequest, NotFound
from predictions.values import Actor


class DeskView(APIView):
    """A route. ``opened_to`` says by method who may call it; a method that is not in there does not exist."""

    http_method_names = ["get", "head", "post"]
    opened_to: ClassVar[Mapping[str, type[BasePermission]]] = {}
    max_body_bytes: ClassVar[int | None] = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse wrong methods and bodies too large before who asks costs a query."""
        if (request.method or "").lower() not in self._offered():
            self.http_method_not_allowed(request)
        if any("\x00" in str(part) for part in kwargs.values()):  # no database takes it
            raise Http404
        bodies.check_size(request, self.max_body_bytes or settings.MAX_REQUEST_BYTES)
        super().initial(request, *args, **kwargs)

    def get_permissions(self) -> list[BasePermission]:
        """The permission of this method; closed when none is stated."""
        method = "GET" if self.request.method == "HEAD" else self.request.method or ""
        return [self.opened_to.get(method, Denied)()]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep case data out of every cache on the way."""
        final = super().finalize_response(request, response, *args, **kwargs)
        final.headers.setdefault("Cache-Control", "no-store")
        return final

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return actor_of(self.request)

    def _offered(self) -> set[str]:
        return {name for name in self.http_method_names if hasattr(self, name)}


class NoSuchAddress(DeskView):
    """What every address of the API answers that is none, with every method."""

    http_method_names = ["get", "head", "post", "put", "patch", "delete", "options", "trace"]
    opened_to: ClassVar[Mapping[str, type[BasePermission]]] = {}
    schema = None
    throttle_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises Http404, whoever asks and whatever they accept."""
        raise Http404


def checked(kind: type[Serializer[Any]], given: Any) -> dict[str, Any]:
    """The values of a query or form, by the names of ``kind``. Raises ValidationError."""
    serializer = kind(data=given)
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values


def checked_query(kind: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """Like ``checked`` for the query string, where a misspelt name would otherwise filter nothing."""
    known = kind().fields
    for name, values in request.query_params.lists():
        if name not in known:
            raise InvalidRequest(
                _("There is no parameter “%(name)s” here; use %(known)s.")
                % {"name": name[:60], "known": ", ".join(sorted(known))},
                code="unknown_parameter",
                field=name[:60],
            )
        if len(values) > 1:
            raise InvalidRequest(_("Send %(name)s once.") % {"name": name}, code="duplicate_name", field=name)
    return checked(kind, request.query_params.dict())


def id_of(text: str) -> UUID:
    """A row id out of an address. Raises NotFound: what is no id names nothing."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(_("There is nothing with that id that you may see.")) from None
