"""The admin's first page: what waits, what failed, what was said lately."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from predictions.admin import cells
from predictions.admin.http import actor_of
from predictions.selectors import desk, jobs


def context(request: HttpRequest, given: dict[str, Any]) -> dict[str, Any]:
    """Add the tiles and lists that this account may see; each costs a bounded look into an index."""
    user: Any = request.user
    tiles: list[dict[str, Any]] = []
    extra: dict[str, Any] = {"title": _("Overview"), "tiles": tiles, "jobs": [], "verdicts": []}
    if user.has_perm("predictions.view_prediction"):
        tiles += _answer_tiles()
        extra["verdicts"] = [
            (item, cells.verdict_badge(item.verdict), cells.moment(item.created_at))
            for item in desk.latest_verdicts()
        ]
    if user.has_perm("predictions.view_job"):
        tiles += _job_tiles(request)
        recent = jobs.visible_to(actor_of(request))[:6]
        extra["jobs"] = [(job, cells.job_badge(job), cells.moment(job.created_at)) for job in recent]
    if user.has_perm("predictions.view_mlmodel"):
        address = reverse("admin:predictions_mlmodel_changelist")
        tiles.append(_tile(desk.live_ml_models(), _("live ML models"), address))
    return {**given, **extra}


def _answer_tiles() -> list[dict[str, Any]]:
    address = reverse("admin:predictions_prediction_changelist")
    return [
        _tile(desk.to_review(), _("answers to review"), address),
        _tile(desk.answers_today(), _("answers today"), f"{address}?verdict=any"),
    ]


def _job_tiles(request: HttpRequest) -> list[dict[str, Any]]:
    address = reverse("admin:predictions_job_changelist")
    failed = desk.failed_jobs(actor_of(request))
    tile = _tile(failed, _("jobs failed in seven days"), f"{address}?status__exact=failed")
    return [tile | {"is_bad": failed.number > 0}]


def _tile(number: object, text: str, address: str) -> dict[str, Any]:
    return {"number": str(number), "text": text, "address": address, "is_bad": False}
