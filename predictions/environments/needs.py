"""What a unit's files say they were made with, as far as an environment has to know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from predictions.errors import BadModelFile

VERSION = re.compile(r"\d+(\.\d+){1,3}")
LIBRARIES = ("catboost", "category_encoders", "imblearn", "lightgbm", "xgboost")
"""Beside scikit-learn, by the name their code is imported under."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """scikit-learn's release ("" when no file names one), numpy's generation ("1", "2" or ""), and libraries.

    ``libraries`` by import name to the release that the files name, "" when they name none.
    """

    sklearn: str = ""
    numpy: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    skops: bool = False

    @property
    def minor(self) -> tuple[int, int] | None:
        """Of scikit-learn: (1, 3) for 1.3.2."""
        return minor_of(self.sklearn)

    def in_words(self) -> str:
        """For people: "scikit-learn 1.3.2 with xgboost"."""
        names = [f"{name} {release}".strip() for name, release in sorted(self.libraries.items())]
        made = f"scikit-learn {self.sklearn}" if self.sklearn else "a scikit-learn that it does not name"
        return f"{made} with {', '.join(names)}" if names else made


def minor_of(release: str) -> tuple[int, int] | None:
    """(1, 3) of "1.3.2"; None for anything that is no release."""
    found = re.match(r"(\d+)\.(\d+)", release)
    return (int(found[1]), int(found[2])) if found else None


def needs_of(reports: Iterable[Mapping[str, Any]]) -> Needs:
    """From the scan reports of all files of a unit.

    Raises BadModelFile ``several_versions`` when they were made with different minor releases of scikit-learn.
    """
    releases: dict[str, None] = {}
    numpy = ""
    libraries: dict[str, str] = {}
    skops = False
    for report in reports:
        releases.update(
            dict.fromkeys(item for item in report.get("sklearn_versions", ()) if VERSION.match(item))
        )
        numpy = max(numpy, str(report.get("numpy") or ""))
        known = report.get("library_versions") or {}
        for name in set(LIBRARIES) & set(report.get("libraries", ())):
            libraries[name] = libraries.get(name) or str(known.get(name) or "")
        skops |= report.get("format") == "skops"
    return Needs(sklearn=_one_of(list(releases)), numpy=numpy, libraries=libraries, skops=skops)


def _one_of(releases: list[str]) -> str:
    if not releases:
        return ""
    minors = {minor_of(release) for release in releases}
    if len(minors) > 1:
        shown = ", ".join(sorted(releases))
        raise BadModelFile(
            f"The files were made with different releases of scikit-learn ({shown}), and no one of them answers for all. "
            "Save them again together, with one release.",
            code="several_versions",
        )
    return max(releases, key=lambda release: [int(part) for part in re.findall(r"\d+", release)[:3]])
