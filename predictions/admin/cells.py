"""Small pieces of lists: badges, bars, times. All text is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from predictions.admin.cases import width
from predictions.models import Deployment, Job, Prediction, Review
from predictions.signature.answers import percent
from predictions.signature.wording import tidy, with_unit

NOTHING = "–"

JOB_TONES: dict[str, str] = {
    Job.Status.QUEUED: "quiet",
    Job.Status.RUNNING: "busy",
    Job.Status.SUCCEEDED: "good",
    Job.Status.FAILED: "bad",
    Job.Status.CANCELLED: "quiet",
}
VERDICT_TONES: dict[str, str] = {Review.Verdict.CONFIRMED: "good", Review.Verdict.OVERRULED: "bad"}


def nothing() -> SafeString:
    """An empty cell that narrow screens leave out."""
    return format_html('<span class="desk-nothing">{}</span>', NOTHING)


def badge(text: object, tone: str = "quiet") -> SafeString:
    """A word with a colour: quiet, good, warn, bad or busy."""
    return format_html('<span class="desk-badge desk-badge-{}">{}</span>', tone, text)


def moment(value: datetime | None) -> SafeString | str:
    """A time: short to read, exact on hover; the browser shows it in the reader's zone."""
    if value is None:
        return NOTHING
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}" class="desk-time">{}</time>',
        value.isoformat(),
        f"{value.astimezone(timezone.get_default_timezone()):%Y-%m-%d %H:%M:%S %Z}",
        f"{date_format(local, 'j M Y')}, {local:%H:%M}",
    )


def deployments(rows: Iterable[Deployment]) -> list[tuple[Deployment, SafeString | str, SafeString | str]]:
    """Each with the times it began and ended."""
    return [(row, moment(row.started_at), moment(row.ended_at)) for row in rows]


def job_badge(job: Job) -> SafeString:
    """A job's status."""
    return badge(job.get_status_display(), JOB_TONES[job.status])


def verdict_badge(verdict: str | None) -> SafeString:
    """What the newest review says."""
    if not verdict:
        return badge(_("to review"))
    return badge(Review.Verdict(verdict).label, VERDICT_TONES[verdict])


def warning_badge(has_warnings: bool) -> SafeString:
    """Whether warnings came with an answer."""
    return badge(_("warnings"), "warn") if has_warnings else nothing()


def answer(row: Any) -> SafeString:
    """The class, or the value with its unit. ``row``: from the review list."""
    text = row.outcome if row.has_probabilities else _value(row)
    return format_html('<span class="desk-answer">{}</span>', text)


def probability(row: Any) -> SafeString:
    """How sure the answer was, as a small bar and in percent; nothing for numbers. ``row``: from the review list."""
    if not row.has_probabilities or row.score is None:
        return nothing()
    return format_html(
        '<span class="desk-mini"><span class="desk-mini-bar"><span style="width:{}"></span></span>'
        '<span class="desk-mini-text">{}</span></span>',
        width(row.score),
        percent(row.score),
    )


def _value(row: Any) -> str:
    unit = row.unit or ""
    try:
        value = float(row.outcome)
    except ValueError:
        return str(row.outcome)
    if row.decimals is not None:
        return with_unit(f"{value:.{int(row.decimals)}f}", unit)
    return with_unit(tidy(value), unit)


def asker(row: Prediction) -> str:
    """Who asked."""
    if row.user is not None:
        return row.user.get_username()
    if row.api_key is not None:
        return _("key %(name)s") % {"name": row.api_key.name}
    return _("visitor")


def asked(row: Prediction) -> SafeString:
    """Who asked, through which face."""
    return format_html(
        '{} <span class="desk-muted">{}</span>',
        asker(row),
        Prediction.Face(row.face).label if row.face else "",
    )
