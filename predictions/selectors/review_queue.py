"""The answers a reviewer has in front of him: what to show, in which order, and what comes next.

The table may hold many millions of rows, so a list costs what its page costs. Times are looked up by id (a UUIDv7
begins with its millisecond), counts stop at a cap, and filters no index serves look through one window of answers
at a time; ``older`` in a queue starts the next window.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from predictions.models import MLModel, Prediction, Review
from predictions.selectors import predictions

WINDOW_ROWS = 50_000
"""How many answers a filter without an index looks through at a time."""

BOUNDARY_MARGIN = 0.10
"""An answer is near the boundary when its two most probable classes are less than this apart."""

BANDS = {
    "under60": Q(score__lt=0.6),
    "60to80": Q(score__gte=0.6, score__lt=0.8),
    "80to95": Q(score__gte=0.8, score__lte=0.95),
    "over95": Q(score__gt=0.95),
    # Two classes can only be that close when the better one is below one half plus half the margin.
    "boundary": Q(score__lt=0.5 + BOUNDARY_MARGIN / 2, known_margin__lt=BOUNDARY_MARGIN),
}
# Rows of the first version of the table have no margin until `manage.py upgrade_history` came by.
_MARGIN = """COALESCE("predictions_prediction"."margin", (SELECT p[1] - p[2]
    FROM (SELECT array_agg(value::float8 ORDER BY value::float8 DESC NULLS LAST) AS p
    FROM jsonb_each_text("predictions_prediction"."outputs" -> 'probabilities')) AS sorted))"""
_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{0,4}-?[0-9a-f]{0,4}-?[0-9a-f]{0,4}-?[0-9a-f]{0,12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What is looked at. Every field has its name in the address; an empty one filters nothing.

    verdict: "none" for unreviewed ones (where a queue begins), "any", "given", "confirmed" or "overruled".
    order: "newest" or "uncertain" (least probable first). older: only answers not newer than that id.
    """

    ml_model: str = ""
    version: str = ""
    outcome: str = ""
    band: str = ""
    face: str = ""
    verdict: str = "none"
    warnings: str = ""
    since: date | None = None
    until: date | None = None
    q: str = ""
    order: str = "newest"
    older: UUID | None = None

    @classmethod
    def parse(cls, params: Mapping[str, Any]) -> Self:
        """From the query part of an address; what cannot be read is as if it were not there."""
        known = {item.name for item in fields(cls)}
        given = {
            key: str(value).strip() for key, value in params.items() if key in known and str(value).strip()
        }
        values: dict[str, Any] = {key: text for key, text in given.items() if _is_allowed(key, text)}
        for key in ("since", "until"):
            values[key] = _date(given.get(key, ""))
        values["older"] = _uuid(given.get("older", ""))
        return cls(**values)

    @property
    def params(self) -> dict[str, str]:
        """The query part that leads back to this queue; defaults left out."""
        return {
            item.name: str(value)
            for item in fields(self)
            if (value := getattr(self, item.name)) not in (None, "") and value != item.default
        }

    @property
    def id_range(self) -> tuple[UUID, UUID] | None:
        """The ids that the search text may mean, or None when it is not the beginning of an id."""
        return _id_range(self.q)

    @property
    def needs_window(self) -> bool:
        """True when the database has to read rows to find out which belong here."""
        if self.id_range is not None or self.verdict in ("given", "confirmed", "overruled"):
            return False
        unindexed = (self.version, self.outcome, self.band, self.face, self.warnings, self.q)
        return any(unindexed) or self.verdict == "none" or self.order == "uncertain"


def rows(
    queue: Queue, after: UUID | None, answers: QuerySet[Prediction] | None = None
) -> QuerySet[Prediction]:
    """Those of ``answers`` (all when None) that belong to the queue, in its order. ``after`` is its window's start."""
    found = _in_time(Prediction.objects.all() if answers is None else answers, queue)
    if after is not None:
        found = found.filter(pk__gt=after)
    for condition in (_band(queue), _verdict(queue), _warnings(queue), _search(queue)):
        if condition is not None:
            found = found.filter(condition)
    if queue.band == "boundary":
        found = found.alias(known_margin=RawSQL(_MARGIN, ())).filter(BANDS["boundary"])  # noqa: S611 - a constant
    if queue.version:
        found = found.filter(version__number=int(queue.version))
    if queue.face:
        found = found.filter(face=queue.face)
    if queue.outcome:
        found = found.filter(outcome__iexact=queue.outcome)
    return found.order_by(*_ordering(queue))


def window_start(queue: Queue) -> UUID | None:
    """The newest answer that is no longer looked at, or None when all are.

    One look into an index of ``WINDOW_ROWS`` entries.
    """
    if not queue.needs_window:
        return None
    ids = _in_time(Prediction.objects.all(), queue).order_by("-pk").values_list("pk", flat=True)
    return ids[WINDOW_ROWS : WINDOW_ROWS + 1].first()


def neighbor(queue: Queue, prediction: Prediction, *, forward: bool) -> UUID | None:
    """The id of the answer after (or before) ``prediction`` in the queue; None at its end.

    ``prediction`` itself need not belong to the queue any more: it may just have got its verdict.
    """
    found = rows(queue, window_start(queue)).exclude(pk=prediction.pk)
    if queue.order == "uncertain":
        found = found.filter(_beyond_in_doubt(prediction, forward=forward))
    else:
        found = found.filter(pk__lt=prediction.pk) if forward else found.filter(pk__gt=prediction.pk)
    if not forward:
        found = found.reverse()
    return found.values_list("pk", flat=True).first()


def next_to_review(queue: Queue, prediction: Prediction) -> UUID | None:
    """Where a reviewer goes after his verdict: on in the queue, else to what arrived before it, else nowhere."""
    unreviewed = replace(queue, verdict="none")
    following = neighbor(unreviewed, prediction, forward=True)
    if following is not None:
        return following
    found = rows(unreviewed, window_start(unreviewed)).exclude(pk=prediction.pk)
    return found.values_list("pk", flat=True).first()


def count_up_to(queue: Queue, limit: int) -> int:
    """How many answers the queue holds, counted no further than ``limit``."""
    return rows(queue, window_start(queue)).values("pk")[:limit].count()


def ids_since(moment: datetime) -> UUID:
    """The smallest id an answer made at ``moment`` or later can have."""
    return UUID(int=max(int(moment.timestamp() * 1000), 0) << 80)


def _in_time(found: QuerySet[Prediction], queue: Queue) -> QuerySet[Prediction]:
    """What the indexes serve: ml_model, and times by id."""
    if queue.ml_model:
        # A number, not a subquery: the planner must know how common this ml_model is to choose its index.
        pk = MLModel.objects.filter(slug=queue.ml_model).values_list("pk", flat=True).first()
        found = found.filter(ml_model_id=pk) if pk is not None else found.none()
    if queue.older is not None:
        found = found.filter(pk__lte=queue.older)
    # An id is made when the question arrives, the row's time is that of the answer: look a little wider by id.
    slack = timedelta(days=1)
    if queue.since is not None:
        begin = _midnight(queue.since)
        found = found.filter(pk__gte=ids_since(begin - slack), created_at__gte=begin)
    if queue.until is not None:
        end = _midnight(queue.until + timedelta(days=1))
        found = found.filter(pk__lt=ids_since(end + slack), created_at__lt=end)
    return found


def _band(queue: Queue) -> Q | None:
    if not queue.band and queue.order != "uncertain":
        return None
    # The score of a number is the number itself, so only answers with probabilities have a band.
    with_probabilities = predictions.HAS_PROBABILITIES & Q(score__isnull=False)
    if queue.band in ("", "boundary"):
        return with_probabilities
    return BANDS[queue.band] & with_probabilities


def _verdict(queue: Queue) -> Q | None:
    if queue.id_range is not None or queue.verdict == "any":
        return None
    if queue.verdict == "none":
        return ~Q(Exists(Review.objects.filter(prediction=OuterRef("pk"))))
    if queue.verdict == "given":
        return Q(pk__in=Review.objects.values("prediction_id"))
    later = Review.objects.filter(prediction=OuterRef("prediction_id"), pk__gt=OuterRef("pk"))
    newest = Review.objects.filter(~Exists(later), verdict=queue.verdict)
    return Q(pk__in=newest.values("prediction_id"))


def _warnings(queue: Queue) -> Q | None:
    if not queue.warnings:
        return None
    return ~predictions.HAS_WARNINGS if queue.warnings == "no" else predictions.HAS_WARNINGS


def _search(queue: Queue) -> Q | None:
    if not queue.q:
        return None
    if queue.id_range is not None:
        return Q(pk__gte=queue.id_range[0], pk__lte=queue.id_range[1])
    return Q(outcome__iexact=queue.q)


def _ordering(queue: Queue) -> tuple[Any, ...]:
    return (F("score").asc(), "-pk") if queue.order == "uncertain" else ("-pk",)


def _beyond_in_doubt(prediction: Prediction, *, forward: bool) -> Q:
    score = prediction.score if prediction.score is not None else 0.0
    if forward:
        return Q(score__gt=score) | Q(score=score, pk__lt=prediction.pk)
    return Q(score__lt=score) | Q(score=score, pk__gt=prediction.pk)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min), timezone.get_current_timezone()).astimezone(
        UTC
    )


def _date(text: str) -> date | None:
    with suppress(ValueError):
        found = date.fromisoformat(text)
        # Far years do not fit into what the database and the ids can hold.
        return found if 1970 <= found.year <= 9000 else None
    return None


def _uuid(text: str) -> UUID | None:
    with suppress(ValueError):
        return UUID(text)
    return None


def _id_range(text: str) -> tuple[UUID, UUID] | None:
    if not _ID.fullmatch(text):
        return None
    digits = text.replace("-", "")
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def _is_allowed(key: str, text: str) -> bool:
    if key in ("since", "until", "older"):
        return False
    if "\0" in text:
        return False
    if key == "version":
        return text.isascii() and text.isdigit() and len(text) < 9
    allowed = {
        "band": set(BANDS),
        "face": set(Prediction.Face.values),
        "verdict": {"none", "any", "given", *Review.Verdict.values},
        "warnings": {"yes", "no"},
        "order": {"newest", "uncertain"},
    }
    return text in allowed.get(key, {text})
