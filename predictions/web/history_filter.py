"""The filters of the history, read from the address."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from predictions.models import MLModel, Review
from predictions.selectors.history import Verdict, Wanted

TEXT = 200


class HistoryFilter(forms.Form):
    """Every field may be empty. Days count in the zone ``tz``, UTC unless the browser said another."""

    q = forms.CharField(label=_("Search"), required=False, max_length=TEXT, strip=True)
    ml_model = forms.ChoiceField(label=_("ML model"), required=False)
    outcome = forms.CharField(label=_("Outcome"), required=False, max_length=TEXT, strip=True)
    verdict = forms.ChoiceField(
        label=_("Review"),
        required=False,
        choices=[("", _("Any")), *Review.Verdict.choices, ("none", _("not reviewed"))],
    )
    since = forms.DateField(label=_("From"), required=False)
    until = forms.DateField(label=_("Until"), required=False)
    together = forms.UUIDField(required=False, widget=forms.HiddenInput)
    tz = forms.CharField(required=False, max_length=64)

    def __init__(self, data: Any, ml_models: Iterable[MLModel]) -> None:
        super().__init__(data, auto_id="filter-%s")
        field = cast(forms.ChoiceField, self.fields["ml_model"])
        field.choices = [("", _("Any")), *((row.slug, row.name) for row in ml_models)]

    def clean(self) -> dict[str, Any]:
        """Say so when the days are the wrong way round."""
        data = super().clean() or {}
        since, until = data.get("since"), data.get("until")
        if since and until and since > until:
            self.add_error("until", _("This day is before the first one."))
        return data

    def wanted(self) -> Wanted:
        """What is asked for; a filter that cannot be read keeps nothing out."""
        data = self.cleaned_data
        zone = _zone(data.get("tz") or "")
        until = data.get("until")
        return Wanted(
            search=data.get("q") or "",
            ml_model=data.get("ml_model") or "",
            outcome=data.get("outcome") or "",
            verdict=cast(Verdict, data.get("verdict") or ""),
            since=_midnight(data.get("since"), zone),
            together=data.get("together"),
            until=_midnight(until + timedelta(days=1) if until and until < date.max else None, zone),
        )


def _zone(name: str) -> tzinfo:
    try:
        return zoneinfo.ZoneInfo(name) if name else UTC
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _midnight(day: date | None, zone: tzinfo) -> datetime | None:
    return None if day is None else datetime.combine(day, time.min, tzinfo=zone)
