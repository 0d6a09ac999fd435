"""The answers a reviewer has in front of him: what to show, in which order, and what comes next.

The table may hold many millions of rows, so a list costs what its page costs. Times are looked up by id (a UUIDv7
begins with its millisecond), counts stop at a cap, and filters no index serves look through one window of answers
at a time (``windows``); ``older`` in a queue starts the next window.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from operator import and_
from typing import Any, Self
from uuid import UUID

from django.db.models import BooleanField, Exists, OuterRef, Q
from django.db.models.expressions import RawSQL
from django.utils import timezone

from predictions.models import MLModel, ModelVersion, Prediction, Review
from predictions.selectors import windows
from predictions.selectors.predictions import HAS_PROBABILITIES, HAS_WARNINGS
from predictions.selectors.windows import NOTHING, Seen, Source

WINDOW_ROWS = 10_000
"""How many answers are looked through for a first page; further ones look through ``windows.MORE_ROWS``."""

REVIEWED_ROWS = 1_000
"""How many reviewed answers are looked through at a time."""

BOUNDARY_MARGIN = 0.10
"""An answer is near the boundary when its two most probable classes are less than this apart."""

# Rows of the first version of the table have no margin until `manage.py upgrade_history` came by.
_IS_NEAR = """COALESCE("predictions_prediction"."margin", (SELECT p[1] - p[2]
    FROM (SELECT array_agg(value::float8 ORDER BY value::float8 DESC NULLS LAST) AS p
    FROM jsonb_each_text("predictions_prediction"."outputs" -> 'probabilities')) AS sorted)) < %s"""

BANDS = {
    "under60": Q(score__lt=0.6),
    "60to80": Q(score__gte=0.6, score__lt=0.8),
    "80to95": Q(score__gte=0.8, score__lte=0.95),
    "over95": Q(score__gt=0.95),
    # Two classes can only be that close when the better one is below one half plus half the margin.
    "boundary": Q(score__lt=0.5 + BOUNDARY_MARGIN / 2)
    & Q(RawSQL(_IS_NEAR, (BOUNDARY_MARGIN,), output_field=BooleanField())),  # noqa: S611 - a constant
}
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
    def is_of_reviewed(self) -> bool:
        """True for lists that begin at the reviews."""
        return self.id_range is None and self.verdict in ("given", "confirmed", "overruled")


def look(queue: Queue, limit: int) -> Seen:
    """The first ``limit`` answers of the queue, in its order. ``end`` as in ``windows.look``: where older ones begin.

    In the order of doubt ``end`` is set whenever there are older answers than those that were put in order.
    """
    return _look(queue, limit=limit)


def looked_through(queue: Queue) -> int:
    """How many answers a list looks at before it says where to go on."""
    return REVIEWED_ROWS if queue.is_of_reviewed else _window(queue.older)


def pieces(queue: Queue, size: int) -> Iterator[tuple[UUID, ...]]:
    """The whole queue, newest first, in pieces of at most ``size`` ids: no query takes long."""
    queue = replace(queue, order="newest")
    below: UUID | None = None
    while True:
        seen = _look(queue, limit=size, below=below, rows=windows.MORE_ROWS)
        yield seen.ids
        if len(seen.ids) < size and seen.end is None:
            return
        below = seen.end or seen.ids[-1]


def neighbor(queue: Queue, prediction: Prediction, *, forward: bool) -> UUID | None:
    """The id of the answer after (or before) ``prediction`` in the queue; None at its end.

    ``prediction`` itself need not belong to the queue any more: it may just have got its verdict.
    """
    if queue.order == "uncertain":
        beyond = _beyond_in_doubt(prediction, forward=forward) & ~Q(pk=prediction.pk)
        seen = _look(queue, limit=1, more=beyond, reverse=not forward)
    elif forward:
        seen = _look(queue, limit=1, below=prediction.pk)
    else:
        seen = _look(queue, limit=1, above=prediction.pk)
    return seen.ids[0] if seen.ids else None


def next_to_review(queue: Queue, prediction: Prediction) -> UUID | None:
    """Where a reviewer goes after his verdict: on in the queue, else to what arrived before it, else nowhere."""
    unreviewed = replace(queue, verdict="none")
    following = neighbor(unreviewed, prediction, forward=True)
    if following is not None:
        return following
    found = _look(unreviewed, limit=2).ids
    return next((row_id for row_id in found if row_id != prediction.pk), None)


def count_up_to(queue: Queue, limit: int) -> int:
    """How many answers the queue holds, counted no further than ``limit``."""
    return len(_look(queue, limit=limit).ids)


def _look(
    queue: Queue,
    *,
    limit: int,
    more: Q | None = None,
    below: UUID | None = None,
    above: UUID | None = None,
    reverse: bool = False,
    rows: int | None = None,
) -> Seen:
    """``more``: a further condition. ``below`` and ``above``: only ids beyond that one, ``above`` ascending."""
    rows = rows or _window(queue.older)
    ml_model_id = _ml_model_id(queue.ml_model)
    if queue.ml_model and ml_model_id is None:
        return NOTHING
    bounds = _id_bounds(queue, below, above)
    fits = _fits(queue) & (more or Q())
    if queue.is_of_reviewed:
        if ml_model_id is not None:
            fits &= Q(ml_model_id=ml_model_id)
        return _reviewed(queue, fits, bounds, limit=limit, ascending=above is not None, reverse=reverse)
    source = windows.everything() if ml_model_id is None else windows.of_one("ml_model_id", ml_model_id)
    source = source.between(*bounds)
    if queue.order == "uncertain":
        return windows.least_certain(source, fits, limit=limit, rows=rows, reverse=reverse)
    return windows.look(source, fits or None, limit=limit, rows=rows, ascending=above is not None)


def _window(beyond: UUID | None) -> int:
    return WINDOW_ROWS if beyond is None else windows.MORE_ROWS


def _reviewed(
    queue: Queue,
    fits: Q,
    bounds: tuple[UUID | None, UUID | None],
    *,
    limit: int,
    ascending: bool,
    reverse: bool,
) -> Seen:
    """Reviewed answers, beginning at the reviews: there are fewer of them than answers.

    The ids go into the second query as they are. Joined, PostgreSQL would read the whole history for them.
    """
    newest = Review.objects.order_by("prediction_id" if ascending else "-prediction_id", "-pk")
    judged = Source(newest.distinct("prediction_id"), key="prediction_id").between(*bounds)
    verdict = Q(verdict=queue.verdict) if queue.verdict != "given" else Q(verdict__isnull=False)
    in_doubt = queue.order == "uncertain"
    wanted = REVIEWED_ROWS if fits or in_doubt else limit
    seen = windows.look(judged, verdict, limit=wanted, rows=REVIEWED_ROWS, ascending=ascending)
    if wanted == limit and not fits and not in_doubt:
        return seen
    order = ("score", "-pk") if in_doubt else ("pk",) if ascending else ("-pk",)
    found = Prediction.objects.filter(fits, pk__in=seen.ids).order_by(*order)
    if reverse:
        found = found.reverse()
    ids = tuple(found.values_list("pk", flat=True)[:limit])
    end = seen.end or (seen.ids[-1] if len(seen.ids) == wanted else None)
    return Seen(ids, end if in_doubt or len(ids) < limit else None)


def _ml_model_id(slug: str) -> int | None:
    return MLModel.objects.filter(slug=slug).values_list("pk", flat=True).first() if slug else None


def _id_bounds(queue: Queue, below: UUID | None, above: UUID | None) -> tuple[UUID | None, UUID | None]:
    """The ids (from, below) that the primary key is read between."""
    since, until = windows.id_bounds(*_times(queue))
    lowest, highest = queue.id_range or (None, None)
    starts = [since, lowest, _next_to(above, 1)]
    ends = [until, _next_to(highest, 1), _next_to(queue.older, 1), below]
    return (
        max((one for one in starts if one is not None), default=None),
        min((one for one in ends if one is not None), default=None),
    )


def _times(queue: Queue) -> tuple[datetime | None, datetime | None]:
    return (
        None if queue.since is None else _midnight(queue.since),
        None if queue.until is None else _midnight(queue.until + timedelta(days=1)),
    )


def _fits(queue: Queue) -> Q:
    """What no index serves; an empty Q for nothing."""
    since, until = _times(queue)
    parts = [
        _verdict(queue),
        Q(created_at__gte=since) if since else Q(),
        Q(created_at__lt=until) if until else Q(),
        _band(queue),
        _warnings(queue),
        Q(outcome__iexact=queue.q) if queue.q and queue.id_range is None else Q(),
        Q(outcome__iexact=queue.outcome) if queue.outcome else Q(),
        Q(face=queue.face) if queue.face else Q(),
        _version(queue),
    ]
    return reduce(and_, parts)


def _verdict(queue: Queue) -> Q:
    """Of unreviewed ones; reviewed ones are found from their reviews, and an id whatever its verdict."""
    if queue.verdict != "none" or queue.id_range is not None:
        return Q()
    return ~Q(Exists(Review.objects.filter(prediction=OuterRef("pk"))))


def _band(queue: Queue) -> Q:
    if not queue.band and queue.order != "uncertain":
        return Q()
    # The score of a number is the number itself, so only answers with probabilities have a band.
    return BANDS.get(queue.band, Q()) & HAS_PROBABILITIES & Q(score__isnull=False)


def _warnings(queue: Queue) -> Q:
    if not queue.warnings:
        return Q()
    return HAS_WARNINGS if queue.warnings == "yes" else ~HAS_WARNINGS


def _version(queue: Queue) -> Q:
    if not queue.version:
        return Q()
    found = ModelVersion.objects.filter(number=int(queue.version))
    if queue.ml_model:
        found = found.filter(ml_model__slug=queue.ml_model)
    return Q(version_id__in=list(found.values_list("pk", flat=True)))


def _beyond_in_doubt(prediction: Prediction, *, forward: bool) -> Q:
    score = prediction.score if prediction.score is not None else 0.0
    if forward:
        return Q(score__gt=score) | Q(score=score, pk__lt=prediction.pk)
    return Q(score__lt=score) | Q(score=score, pk__gt=prediction.pk)


def _next_to(row_id: UUID | None, step: int) -> UUID | None:
    return None if row_id is None else UUID(int=min(row_id.int + step, (1 << 128) - 1))


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
