"""A version's build report in words and tables. Reports of other builds of this site may lack any part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.dateparse import parse_datetime
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from predictions.admin import cells
from predictions.signature.wording import tidy

MAX_ITEMS = 200
STEP_NAMES = {
    "store": gettext_lazy("Store the file"),
    "scan": gettext_lazy("Scan without opening"),
    "environment": gettext_lazy("Prepare its environment"),
    "open": gettext_lazy("Open in the sandbox"),
    "inspect": gettext_lazy("Read inputs and outputs"),
    "convert": gettext_lazy("Convert to ONNX"),
    "parity": gettext_lazy("Compare with the original"),
    "prove": gettext_lazy("Prove it"),
    "seal": gettext_lazy("Seal the version"),
    "train": gettext_lazy("Train"),
}
STEP_WORDS = {
    "running": (gettext_lazy("running"), "busy"),
    "done": (gettext_lazy("done"), "good"),
    "failed": (gettext_lazy("failed"), "bad"),
    "cancelled": (gettext_lazy("cancelled"), "quiet"),
}
GUARDS = {
    "own_processes": gettext_lazy("sees no other process"),
    "other_user": gettext_lazy("runs as another account"),
    "limits": gettext_lazy("memory, time and file limits"),
    "files": gettext_lazy("sees only its own folder"),
    "system_calls": gettext_lazy("few system calls"),
    "no_network": gettext_lazy("no network"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job: what, how it went, when it began, how long it took."""

    name: str
    badge: SafeString
    message: str
    seconds: str


@dataclass(frozen=True, slots=True)
class ParityRow:
    """One kind of rows of the comparison."""

    kind: str
    rows: str
    difference: str
    mismatches: str
    ties: str
    unanswered: str


@dataclass(frozen=True, slots=True)
class Metric:
    """How good it is, measured where."""

    name: str
    value: str
    where: str


def steps(items: Any) -> list[Step]:
    """The steps of a job or of a report."""
    return [_step(item) for item in _mappings(items)]


def parity_sentence(report: Mapping[str, Any]) -> str:
    """What came out of comparing the converted form with the original."""
    parity = report.get("parity")
    if not isinstance(parity, Mapping):
        return _("There was nothing to compare: it is served as it was brought.")
    rows = int(parity.get("rows", 0))
    numbers = {"count": f"{rows:,}", "difference": _difference(parity.get("largest_difference"))}
    if parity.get("verdict") == "equal":
        text = ngettext(
            "It answers as the original does on %(count)s row; the largest difference is %(difference)s.",
            "It answers as the original does on %(count)s rows; the largest difference is %(difference)s.",
            rows,
        )
    else:
        text = ngettext(
            "It does not answer as the original does: compared on %(count)s row, largest difference %(difference)s.",
            "It does not answer as the original does: compared on %(count)s rows, largest difference %(difference)s.",
            rows,
        )
    return text % numbers


def parity_rows(report: Mapping[str, Any]) -> list[ParityRow]:
    """The comparison by kind of row, then all of them together."""
    parity = report.get("parity")
    kinds = parity.get("kinds") if isinstance(parity, Mapping) else None
    if not isinstance(kinds, Mapping):
        return []
    return [
        ParityRow(
            kind=str(kind).replace("_", " "),
            rows=f"{tally.get('rows', 0):,}",
            difference=_difference(tally.get("largest_difference")),
            mismatches=str(tally.get("label_mismatches", 0)),
            ties=str(tally.get("ties", 0)),
            unanswered=str(tally.get("only_one_answered", 0)),
        )
        for kind, tally in kinds.items()
        if isinstance(tally, Mapping)
    ]


def metrics(items: Any) -> list[Metric]:
    """Quality figures of a version."""
    if isinstance(items, Mapping):
        items = [{"name": name, "value": value} for name, value in items.items()]
    return [
        Metric(
            str(item.get("name", "")),
            _metric_value(item.get("value")),
            str(item.get("measured_on") or item.get("on") or item.get("help") or ""),
        )
        for item in _mappings(items)
        if "value" in item
    ]


def sentences(report: Mapping[str, Any]) -> list[str]:
    """What the build learned about the file, as sentences."""
    found = [
        report.get("summary"),
        report.get("reason"),
        *_texts(report.get("inspection")),
        *_texts(report.get("notes")),
    ]
    return [str(text) for text in found if text][:MAX_ITEMS]


def scan_lines(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the scan read from the bytes without executing them."""
    scan = report.get("scan")
    if not isinstance(scan, Mapping):
        return []
    lines = [
        (_("Kind of file"), scan.get("format")),
        (_("Compression"), scan.get("compression")),
        (_("Outermost object"), scan.get("top")),
        (_("Made with scikit-learn"), ", ".join(_texts(scan.get("sklearn_versions")))),
        (_("Other libraries in it"), ", ".join(_texts(scan.get("libraries")))),
    ]
    return [(name, str(value)) for name, value in lines if value]


def names_in_file(report: Mapping[str, Any]) -> list[str]:
    """Every name the file asks for."""
    scan = report.get("scan")
    return _texts(scan.get("globals"))[:MAX_ITEMS] if isinstance(scan, Mapping) else []


def guard_lines(report: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Which protections held while the file was open."""
    guards = report.get("guards")
    if not isinstance(guards, Mapping):
        return []
    return [(str(GUARDS.get(str(name), str(name))), bool(stands)) for name, stands in guards.items()]


def sandbox_sentence(report: Mapping[str, Any]) -> str:
    """What the build used of the machine."""
    used = report.get("sandbox")
    if not isinstance(used, Mapping):
        return ""
    return _("%(seconds)s s, %(cpu)s s of CPU time, %(memory)s of memory at most.") % {
        "seconds": tidy(float(used.get("seconds") or 0), 3),
        "cpu": tidy(float(used.get("cpu_seconds") or 0), 3),
        "memory": filesizeformat(used.get("peak_bytes") or 0),
    }


def _step(item: Mapping[str, Any]) -> Step:
    name, status = str(item.get("name", "")), str(item.get("status", ""))
    word, tone = STEP_WORDS.get(status, (status, "quiet"))
    return Step(
        name=str(STEP_NAMES.get(name, name.replace("_", " "))),
        badge=cells.badge(word, tone),
        message=str(item.get("message", "")),
        seconds=_seconds(item.get("started_at"), item.get("finished_at")),
    )


def log_lines(items: Any) -> Iterator[str]:
    """A job's log, oldest line first."""
    for item in _mappings(items):
        at = parse_datetime(str(item.get("at", "")))
        yield f"{f'{at:%H:%M:%S}' if at else ''}  {item.get('text', '')}"


def _seconds(begin: Any, end: Any) -> str:
    started, finished = (parse_datetime(str(text)) if text else None for text in (begin, end))
    if started is None or finished is None:
        return ""
    return f"{max((finished - started).total_seconds(), 0):.1f} s"


def _difference(value: Any) -> str:
    if value is None:
        return _("without bound")
    return "0" if value == 0 else f"{float(value):.1e}"


def _metric_value(value: Any) -> str:
    return tidy(value, 4) if isinstance(value, int | float) else str(value)


def _mappings(items: Any) -> list[Mapping[str, Any]]:
    if not isinstance(items, Sequence) or isinstance(items, str):
        return []
    return [item for item in items if isinstance(item, Mapping)]


def _texts(items: Any) -> list[str]:
    if not isinstance(items, Sequence) or isinstance(items, str):
        return []
    return [str(item) for item in items]
