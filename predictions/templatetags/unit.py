"""Which files a version was put together from, in words. Reports come from the sandbox: any shape is survived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template
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
