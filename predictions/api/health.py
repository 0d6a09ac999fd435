"""Is this process alive, and can the site answer a real question."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import Error as DatabaseError
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from predictions import gateway
from predictions.api.errors import Problem
from predictions.api.permissions import Anyone
from predictions.api.views import DeskView
from predictions.errors import DeskError, TryLater
from predictions.gateway import pings
from predictions.selectors import health

GOOD_FOR_SECONDS = 5.0
BAD_FOR_SECONDS = 1.0
PARTS = ("database", "queue", "worker")
PART_OF_CODE = {"queue_unavailable": "queue", "database_unavailable": "database"}

OK, DOWN, UNKNOWN = "ok", "down", "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at the parts found: ``seconds`` of the real inference, None without one."""

    parts: dict[str, str]
    seconds: float | None = None

    @property
    def is_good(self) -> bool:
        return all(state == OK for state in self.parts.values())


class Watch:
    """Looks at most every few seconds, one caller at a time, so that asking often costs nothing."""

    def __init__(self, look: Callable[[], Finding], clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._clock = clock
        self._lock = threading.Lock()
        self._found: tuple[float, Finding] | None = None

    def finding(self) -> Finding:
        """A finding of now or of a moment ago."""
        with self._lock:
            if self._found is not None:
                at, found = self._found
                if self._clock() - at <= (GOOD_FOR_SECONDS if found.is_good else BAD_FOR_SECONDS):
                    return found
            found = self._look()
            self._found = (self._clock(), found)
            return found

    def forget(self) -> None:
        """Look again next time."""
        with self._lock:
            self._found = None


def look() -> Finding:
    """Ask the database, then a worker through the queue: the example row of a live ml_model, stored nowhere."""
    try:
        health.ask_database()
        target = health.target_to_probe()
    except DatabaseError:
        return Finding({"database": DOWN, "queue": UNKNOWN, "worker": UNKNOWN})
    except TryLater:  # taken down between the two looks
        target = None
    try:
        if target is None:
            pings.ping()
            return Finding(dict.fromkeys(PARTS, OK))
        return Finding(dict.fromkeys(PARTS, OK), gateway.probe(target))
    except DeskError as error:
        part = PART_OF_CODE.get(error.code, "worker")
        before = {"database": OK, "queue": OK, "worker": UNKNOWN}
        return Finding(before | {part: DOWN})


watch = Watch(look)


class Live(DeskView):
    """``/health/live``: touches nothing outside of this process."""

    opened_to = {"GET": Anyone}
    authentication_classes = ()
    throttle_classes = ()

    @extend_schema(
        operation_id="health_live",
        tags=["health"],
        summary="This process answers",
        responses=inline_serializer("LiveOut", {"status": serializers.ChoiceField(choices=("live",))}),
    )
    def get(self, request: Request) -> Response:
        """200 as long as the process can answer at all."""
        return Response({"status": "live"})


class Ready(DeskView):
    """``/health/ready``: a real inference through the queue and a worker."""

    opened_to = {"GET": Anyone}
    authentication_classes = ()
    throttle_classes = ()

    @extend_schema(
        operation_id="health_ready",
        tags=["health"],
        summary="The site can answer a real question",
        responses=inline_serializer(
            "ReadyOut",
            {
                "status": serializers.ChoiceField(choices=("ready",)),
                "parts": serializers.DictField(child=serializers.ChoiceField(choices=(OK,))),
                "inference_seconds": serializers.FloatField(allow_null=True),
            },
        ),
    )
    def get(self, request: Request) -> Response | HttpResponse:
        """200, or 503 that names the part which is down."""
        found = watch.finding()
        if found.is_good:
            body: dict[str, Any] = {
                "status": "ready",
                "parts": found.parts,
                "inference_seconds": found.seconds,
            }
            return Response(body)
        down = [part for part, state in found.parts.items() if state == DOWN]
        detail = _("This part of the site does not answer: %(parts)s.") % {"parts": ", ".join(down)}
        return Problem(
            503, "not_ready", detail, headers={"Retry-After": "5"}, extra={"parts": found.parts}
        ).response()
