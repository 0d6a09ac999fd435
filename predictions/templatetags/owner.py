"""Words and figures on the pages of model owners."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from predictions.signature import snippets
from predictions.web.model_card import parity_text

register = template.Library()

STEPS = {
    "train": gettext_lazy("Train"),
    "store": gettext_lazy("Store the file"),
    "scan": gettext_lazy("Scan without opening"),
    "environment": gettext_lazy("Prepare its environment"),
    "open": gettext_lazy("Open in the sandbox"),
    "inspect": gettext_lazy("Read the signature"),
    "convert": gettext_lazy("Convert to ONNX"),
    "parity": gettext_lazy("Compare with the original"),
    "prove": gettext_lazy("Prove it"),
    "seal": gettext_lazy("Seal the version"),
    "split": gettext_lazy("Look through the file"),
    "score": gettext_lazy("Answer every row"),
    "join": gettext_lazy("Put the result together"),
}
KINDS = {
    "sample": gettext_lazy("from the sample"),
    "generated": gettext_lazy("generated"),
    "missing": gettext_lazy("with missing values"),
    "unseen": gettext_lazy("with unseen categories"),
    "threshold": gettext_lazy("at split thresholds"),
    "boundary": gettext_lazy("at the limits"),
    "extreme": gettext_lazy("extreme values"),
}


@register.filter
def step_name(name: str) -> str:
    """A build step as people call it."""
    return str(STEPS.get(name, name))


@register.filter
def lines_without_own_code(job: Any) -> str:
    """Lines of Python for whoever brought a file with classes of its author; nothing after any other end."""
    return snippets.without_own_code() if job.error_code in snippets.OWN_CODE_CODES else ""


@register.filter
def step_seconds(step: Mapping[str, Any]) -> str:
    """How long a step took, with its unit; nothing while it runs."""
    begun, ended = step.get("started_at"), step.get("finished_at")
    if not begun or not ended:
        return ""
    seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()
    return _("%(seconds)s s") % {"seconds": number_format(round(seconds, 2), 2)}


@register.filter
def parity_words(report: Mapping[str, Any]) -> str:
    """How the served form compares with the original library, in one sentence."""
    return parity_text(report) or str(report.get("reason") or "")


@register.filter
def parity_rows(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The comparison by kind of row, for a table."""
    kinds = (report.get("parity") or {}).get("kinds") or {}
    return [
        {
            "kind": str(KINDS.get(kind, kind)),
            "rows": tally["rows"],
            "difference": _tidy(tally["largest_difference"]),
            "mismatches": tally["label_mismatches"],
            "ties": tally.get("ties", 0),
        }
        for kind, tally in kinds.items()
    ]


def _tidy(difference: float | None) -> str:
    if difference is None:
        return _("not comparable")
    return "0" if difference == 0 else f"{difference:.1e}"
