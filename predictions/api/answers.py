"""Answer now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from predictions import gateway, timings
from predictions.api import renderers
from predictions.api.permissions import Anyone
from predictions.api.serializers.predictions import AnswersOut
from predictions.api.views import DeskView
from predictions.errors import InvalidRequest
from predictions.selectors.targets import Target, live_target
from predictions.values import Actor, CheckedRow, Face, GivenAnswer


class Predict(DeskView):
    """``/models/{slug}/predict``"""

    opened_to = {"POST": Anyone}
    face: ClassVar[Face] = "api"

    @extend_schema(
        operation_id="predict",
        tags=["predict"],
        summary="Answers for one row or several",
        description=(
            'Send `{"inputs": …}` with one object by feature name, a list of such objects, or lists in the order of '
            "the signature. Every answer is stored before it is sent. One faulty row refuses the whole request."
        ),
        request=OpenApiTypes.OBJECT,
        responses=AnswersOut,
    )
    def post(self, request: Request, slug: str) -> HttpResponse:
        """Validate, ask a worker, answer."""
        actor = self.actor
        timings.mark(timings.ADMIT)
        data = request.data
        timings.mark(timings.PARSE)
        return HttpResponse(encoded(actor, slug, data), content_type="application/json")


def encoded(actor: Actor, slug: str, data: Any) -> bytes:
    """The answers to a decoded body as JSON, committed. Raises what ``live_target`` and ``answered`` raise."""
    actor = answering_actor(actor)
    target = live_target(actor, slug)
    return _encoded(target, answered(target, member(data, "inputs"), actor, Predict.face))


async def encoded_on_loop(actor: Actor, slug: str, data: Any) -> bytes:
    """As ``encoded``, for a coroutine. Raises SynchronousOnlyOperation, too, where a query is needed first."""
    actor = answering_actor(actor)
    target = live_target(actor, slug)
    rows = checked(target, member(data, "inputs"), Predict.face)
    return _encoded(
        target, await gateway.answer_on_loop(target=target, rows=rows, actor=actor, face=Predict.face)
    )


def _encoded(target: Target, answers: Sequence[GivenAnswer]) -> bytes:
    body = renderers.encode(document(target, answers))
    timings.finish(len(answers))
    return body


def answering_actor(actor: Actor) -> Actor:
    """Who gets the answer: a known caller's rows are found by account or key, not by browser session."""
    return replace(actor, visitor=None) if actor.is_known and actor.visitor else actor


def answered(target: Target, inputs: Any, actor: Actor, face: Face) -> list[GivenAnswer]:
    """Committed answers for a payload. Raises what ``checked`` and the gateway raise."""
    return gateway.answer(target=target, rows=checked(target, inputs, face), actor=actor, face=face)


def checked(target: Target, inputs: Any, face: Face) -> list[CheckedRow]:
    """The rows of a payload. Raises InvalidRequest, InvalidRows, TooLarge."""
    timings.about(target.slug, face)
    rows = target.validator.check_payload(inputs, max_rows=settings.MAX_ROWS_PER_REQUEST)
    timings.mark(timings.VALIDATE)
    return rows


def member(data: Any, name: str) -> Any:
    """The only member of the body. Raises InvalidRequest."""
    if not isinstance(data, dict) or name not in data:
        raise InvalidRequest(
            _('Send a JSON object with "%(name)s" in it, as in {"%(name)s": [...]}.') % {"name": name},
            field=name,
        )
    for other in data:
        if other != name:
            raise InvalidRequest(
                _('The body holds "%(other)s", which means nothing here; send only "%(name)s".')
                % {"other": other[:60], "name": name},
                code="unknown_name",
                field=other[:60],
            )
    return data[name]


def document(target: Target, answers: Sequence[GivenAnswer]) -> dict[str, Any]:
    """The body of a 200."""
    return {
        "model": target.slug,
        "version": target.version_number,
        "predictions": [
            {"id": one.id, **one.outputs, "warnings": [asdict(warning) for warning in one.warnings]}
            for one in answers
        ],
    }
