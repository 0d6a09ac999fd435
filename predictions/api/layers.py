"""The layer of a version: everything a person decided about its fields, columns and answers, as one document."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from predictions.api.permissions import Known
from predictions.api.versions import managed
from predictions.api.views import DeskView
from predictions.errors import Conflict, InvalidRequest
from predictions.models import ModelVersion, SignatureRevision
from predictions.selectors import ml_models
from predictions.selectors.signatures import built_of
from predictions.services import signatures
from predictions.signature import layer_plain
from predictions.signature.fields import Signature

_DOCUMENT = inline_serializer(
    "LayerOut", {"revision": serializers.IntegerField(), "layer": serializers.JSONField()}
)


class VersionLayer(DeskView):
    """``/models/{slug}/versions/{number}/layer``"""

    http_method_names = ["get", "head", "put"]
    opened_to = {"GET": Known, "PUT": Known}

    @extend_schema(
        operation_id="get_layer",
        tags=["versions"],
        summary="What was edited about a version",
        description=(
            "Labels, ranges, choices, derived columns and changes of the answer, as `layer.yaml` holds them. "
            "For the owner of the ML model and for administrators."
        ),
        responses=_DOCUMENT,
    )
    def get(self, request: Request, slug: str, number: int) -> Response:
        """The document of the current revision."""
        version = self._version(slug, number)
        return Response(_shown(version, _current(version)))

    @extend_schema(
        operation_id="put_layer",
        tags=["versions"],
        summary="Replace what was edited about a version",
        description=(
            'Send `{"layer": …}` with the whole document; what it does not mention is as the build found it. With '
            "`revision`, it is refused when somebody edited the version after that revision. Makes the next revision; "
            "answers given so far keep theirs."
        ),
        request=OpenApiTypes.OBJECT,
        responses=_DOCUMENT,
    )
    def put(self, request: Request, slug: str, number: int) -> Response:
        """The next signature revision."""
        version = self._version(slug, number)
        layer, based_on = _read(request.data)
        revision = signatures.apply_layer(version=version, plain=layer, actor=self.actor, based_on=based_on)
        return Response(_shown(version, revision))

    def _version(self, slug: str, number: int) -> ModelVersion:
        return ml_models.version(managed(self.actor, slug), number)


def _read(data: Any) -> tuple[Any, int | None]:
    if not isinstance(data, dict) or "layer" not in data or not data.keys() <= {"layer", "revision"}:
        raise InvalidRequest(_('Send {"layer": …}, and "revision" if you like, nothing else.'), field="layer")
    revision = data.get("revision")
    if revision is not None and type(revision) is not int:
        raise InvalidRequest(
            _("The revision is the whole number that was read with the layer."), field="revision"
        )
    return data["layer"], revision


def _current(version: ModelVersion) -> SignatureRevision:
    if version.current_revision is None:
        raise Conflict(_("This version is not sealed yet; wait for its build to end."))
    return version.current_revision


def _shown(version: ModelVersion, revision: SignatureRevision) -> dict[str, Any]:
    signature = Signature.from_document(revision.document)
    return {"revision": revision.number, "layer": layer_plain.plain_of(signature, built_of(version))}
