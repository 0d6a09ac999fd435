"""Which files a version was put together from, in words. Reports come from the sandbox: any shape is survived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

register = template.Library()

ROLES = {
    "names": gettext_lazy("names of columns"),
    "labels": gettext_lazy("texts of classes"),
    "classes": gettext_lazy("texts of classes"),
    "threshold": gettext_lazy("a threshold"),
    "maps": gettext_lazy("codes of texts, by column"),
    "transformer": gettext_lazy("a transformer"),
    "predictor": gettext_lazy("another model"),
}
MOST_QUESTIONS = 20
# What the site knows of, but leaves to the owner.
TOLD = ("threshold", "maps")


@register.filter
def unit_chain(report: Any) -> list[dict[str, str]]:
    """The steps in the order in which a row goes through them: ``what``, ``where``, ``width``. Empty for a file alone."""
    return [
        {
            "what": str(part.get("class", "")),
            "where": _place(part),
            "width": _width(part.get("inputs"), part.get("outputs")),
        }
        for part in _parts(report, "chain")
    ]


@register.filter
def unit_beside(report: Any) -> list[dict[str, str]]:
    """What else lay in the files: ``where``, ``what``, and ``use``, what became of it."""
    return [
        {
            "where": _place(part),
            "what": str(ROLES.get(str(part.get("role")), part.get("class", ""))),
            "use": _use(part),
        }
        for part in _parts(report, "beside")
    ]


@register.filter
def unit_questions(report: Any) -> list[str]:
    """What only a person can say about the inputs, one sentence each."""
    asked = [str(question.get("message", "")) for question in _parts(report, "questions")]
    return [sentence for sentence in asked if sentence][:MOST_QUESTIONS]


@register.filter
def unit_hints(report: Any) -> list[str]:
    """What the files say of the app around the model; nothing of it is applied."""
    hints = report.get("hints") if isinstance(report, Mapping) else None
    if not isinstance(hints, Mapping):
        return []
    found = []
    if isinstance(hints.get("threshold"), float):
        found.append(
            _("Its app answers yes from a probability of %(threshold)s on.")
            % {"threshold": number_format(hints["threshold"], use_l10n=True)}
        )
    maps = hints.get("value_maps")
    if isinstance(maps, Mapping) and maps:
        found.append(
            _("Its app turns texts into numbers for %(columns)s.")
            % {"columns": ", ".join(str(name) for name in list(maps)[:10])}
        )
    return found


def _parts(report: Any, name: str) -> list[Mapping[str, Any]]:
    found = report.get(name) if isinstance(report, Mapping) else None
    return [part for part in found if isinstance(part, Mapping)] if isinstance(found, list) else []


def _place(part: Mapping[str, Any]) -> str:
    file, key = str(part.get("file", "")), str(part.get("key", ""))
    return _("%(key)s in %(file)s") % {"key": key, "file": file} if key else file


def _width(inputs: Any, outputs: Any) -> str:
    taken = isinstance(inputs, int)
    if taken and isinstance(outputs, int):
        return _("%(taken)s → %(given)s columns") % {"taken": inputs, "given": outputs}
    if taken:
        return ngettext("%(count)s column", "%(count)s columns", inputs) % {"count": inputs}
    return _("gives %(given)s columns") % {"given": outputs} if isinstance(outputs, int) else ""


def _use(part: Mapping[str, Any]) -> str:
    if not part.get("used"):
        return _("not needed")
    if part.get("role") in TOLD:
        return _("kept as a note, not applied")
    return _("used")
