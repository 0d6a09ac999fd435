"""Words and figures of the history."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import template

from predictions.signature.answers import percent

register = template.Library()


@register.filter
def top_share(row: Any) -> str:
    """The probability of the answer, for rows that have one. ``row``: from ``predictions.for_lists``."""
    return percent(row.score) if row.score is not None and row.has_probabilities else ""


@register.filter
def position_in(row: Any, first_id: UUID) -> int:
    """Which of the cases asked together the row is, counted from 1."""
    return int(row.pk.int - first_id.int) + 1
