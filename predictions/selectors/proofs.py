"""What a version's build proved of it. Reports come from a confined process, and older ones have no proof: all is read
with care."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy

VERDICTS = ("passed", "warned", "failed", "not_applicable")

TITLES = {
    "loads": gettext_lazy("Loads"),
    "predicts": gettext_lazy("Answers the example"),
    "probabilities": gettext_lazy("Probabilities"),
    "classes": gettext_lazy("Classes"),
    "finite": gettext_lazy("Finite numbers"),
    "determinism": gettext_lazy("Same case, same answer"),
    "missing": gettext_lazy("Missing values"),
    "unseen": gettext_lazy("Categories it never saw"),
    "ranges": gettext_lazy("Range of the sample"),
    "constant": gettext_lazy("Answers differ"),
    "accuracy": gettext_lazy("Right on the sample"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One check: ``verdict`` as in VERDICTS, ``message`` one sentence for people, ``measured`` figures."""

    code: str
    verdict: str
    message: str
    measured: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What was looked at, in the reader's language."""
        return str(TITLES.get(self.code, self.code.replace("_", " ")))


def checks_of(report: Any) -> list[Check]:
    """The checks of a build report, in their order; none where nothing was proven."""
    proof = report.get("proof") if isinstance(report, Mapping) else None
    return listed(proof.get("checks") if isinstance(proof, Mapping) else None)


def listed(checks: Any) -> list[Check]:
    """Checks out of their JSON."""
    if not isinstance(checks, Sequence) or isinstance(checks, str):
        return []
    return [_check(item) for item in checks if isinstance(item, Mapping) and item.get("verdict") in VERDICTS]


def failed_checks(report: Any) -> list[Check]:
    """Those that keep a version from going live without a reason."""
    return [check for check in checks_of(report) if check.verdict == "failed"]


def in_words(checks: Sequence[Check]) -> str:
    """Their titles in one line."""
    return ", ".join(check.title for check in checks)


def titles_of(codes: Any) -> str:
    """The titles of checks by their codes, as a deployment keeps them."""
    if not isinstance(codes, Sequence) or isinstance(codes, str):
        return ""
    return ", ".join(str(TITLES.get(str(code), code)) for code in codes)


def _check(item: Mapping[str, Any]) -> Check:
    measured = item.get("measured")
    return Check(
        code=str(item.get("code", "")),
        verdict=str(item["verdict"]),
        message=str(item.get("message", "")),
        measured=measured if isinstance(measured, Mapping) else {},
    )
