"""A version's proof on pages: the same words and figures for owners and at the desk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from predictions.selectors import proofs
from predictions.selectors.proofs import Check

register = template.Library()

WORDS = {
    "failed": gettext_lazy("failed"),
    "warned": gettext_lazy("look at it"),
    "passed": gettext_lazy("passed"),
    "not_applicable": gettext_lazy("does not apply"),
}
TONES = {"failed": "bad", "warned": "warn", "passed": "good", "not_applicable": ""}
SIGNS = {"failed": "✕", "warned": "!", "passed": "✓", "not_applicable": "–"}

SHARES = {
    "accuracy": gettext_lazy("Accuracy"),
    "balanced_accuracy": gettext_lazy("Balanced accuracy"),
    "baseline": gettext_lazy("Always the most frequent"),
}
NUMBERS = {
    "r2": gettext_lazy("R²"),
    "mae": gettext_lazy("Mean absolute error"),
    "baseline_mae": gettext_lazy("Always the mean: mean absolute error"),
    "lowest": gettext_lazy("Lowest"),
    "highest": gettext_lazy("Highest"),
    "largest_error_of_sum": gettext_lazy("Largest error of a sum"),
    "tolerance": gettext_lazy("Tolerance"),
}
RUNTIMES = {
    "onnx": gettext_lazy("ONNX Runtime"),
    "native": gettext_lazy("Original library"),
}
MOST_CLASSES = 12


@dataclass(frozen=True, slots=True)
class Line:
    """One check on a page: its ``sign`` and ``word`` say the verdict, ``tone`` only colors it."""

    check: Check
    word: str
    tone: str
    sign: str
    figures: Sequence[tuple[str, str]]
    confusion: Confusion | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows by right class; ``cells`` holds counts and whether the answer was right."""

    classes: Sequence[str]
    rows: Sequence[tuple[str, Sequence[tuple[str, bool]]]]


@register.filter
def proof_lines(report: Any) -> list[Line]:
    """Checks that say something, the failed ones first."""
    order = list(WORDS)
    lines = [_line(check) for check in proofs.checks_of(report) if check.verdict != "not_applicable"]
    return sorted(lines, key=lambda line: order.index(line.check.verdict))


@register.filter
def proof_rest(report: Any) -> list[Check]:
    """Checks that do not apply, with what would change that."""
    return [check for check in proofs.checks_of(report) if check.verdict == "not_applicable"]


@register.filter
def proof_words(report: Any) -> str:
    """The outcome in one sentence; empty where nothing was proven."""
    verdicts = [check.verdict for check in proofs.checks_of(report)]
    if not verdicts:
        return ""
    tried = len(verdicts) - verdicts.count("not_applicable")
    words = ngettext(
        "%(passed)s of %(tried)s check passed", "%(passed)s of %(tried)s checks passed", tried
    ) % {"passed": verdicts.count("passed"), "tried": tried}
    if "failed" in verdicts:
        return _("%(words)s; %(count)s failed, so it goes live only with a reason.") % {
            "words": words,
            "count": verdicts.count("failed"),
        }
    if "warned" in verdicts:
        return _("%(words)s; %(count)s to look at.") % {
            "words": words,
            "count": verdicts.count("warned"),
        }
    return f"{words}."


@register.filter
def failed_checks(report: Any) -> str:
    """The titles of the checks that failed; empty where it may go live just so."""
    return proofs.in_words(proofs.failed_checks(report))


@register.filter
def check_titles(codes: Any) -> str:
    """Titles of the checks that a deployment set aside."""
    return proofs.titles_of(codes)


@register.filter
def runtime_timings(report: Any) -> list[dict[str, str]]:
    """How long each runtime takes for one row and for a thousand; empty where it was not measured."""
    timings = report.get("timings_of_runtimes") if isinstance(report, Mapping) else None
    if not isinstance(timings, Mapping):
        return []
    return [
        {
            "code": str(name),
            "name": str(RUNTIMES.get(str(name), name)),
            "one": _milliseconds(taken.get("one_row")),
            "thousand": _milliseconds(taken.get("thousand_rows")),
        }
        for name, taken in timings.items()
        if isinstance(taken, Mapping)
    ]


def _line(check: Check) -> Line:
    return Line(
        check=check,
        word=str(WORDS[check.verdict]),
        tone=TONES[check.verdict],
        sign=SIGNS[check.verdict],
        figures=_figures(check.measured),
        confusion=_confusion(check.measured),
    )


def _figures(measured: Mapping[str, Any]) -> list[tuple[str, str]]:
    shares = [
        (str(label), _("%(share)s %%") % {"share": number_format(100 * measured[name], 1)})
        for name, label in SHARES.items()
        if _is_number(measured.get(name))
    ]
    numbers = [
        (str(label), _short(measured[name]))
        for name, label in NUMBERS.items()
        if _is_number(measured.get(name))
    ]
    return shares + numbers


def _confusion(measured: Mapping[str, Any]) -> Confusion | None:
    classes, counts = measured.get("classes"), measured.get("confusion")
    if not isinstance(classes, list) or not isinstance(counts, list) or len(classes) > MOST_CLASSES:
        return None
    if len(counts) != len(classes) or any(
        not isinstance(row, list) or len(row) != len(classes) for row in counts
    ):
        return None
    names = [str(name) for name in classes]
    rows = [
        (name, [(_count(value), place == at) for at, value in enumerate(counts[place])])
        for place, name in enumerate(names)
    ]
    return Confusion(names, rows)


def _count(value: Any) -> str:
    return number_format(value, use_l10n=True) if isinstance(value, int) else ""


def _short(value: float) -> str:
    if value and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.1e}"
    short = float(f"{value:.4g}")
    return number_format(int(short) if short.is_integer() else short)


def _milliseconds(value: Any) -> str:
    """From seconds."""
    if not _is_number(value):
        return "–"
    return _("%(value)s ms") % {"value": number_format(float(f"{1000 * value:.3g}"))}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
