"""Words and figures of the history."""

from __future__ import annotations

from django import template

from predictions.models import Prediction
from predictions.signature.answers import percent

register = template.Library()


@register.filter
def top_share(row: Prediction) -> str:
    """The probability of the answer, for rows that have one."""
    return percent(row.score) if row.score is not None and row.outputs.get("probabilities") else ""
