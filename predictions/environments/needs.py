"""What a unit's files say they were made with, as far as an environment has to know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

LIBRARIES = ("catboost", "category_encoders", "imblearn", "lightgbm", "xgboost")
"""Beside scikit-learn and what it always comes with, by the name their code is imported under."""

_DISTRIBUTIONS = {"imblearn": "imbalanced-learn", "category_encoders": "category-encoders"}
_RELEASE = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,5}){1,3}(?:\.?(?:a|b|rc|dev|post)[0-9]{0,12})?", re.ASCII)
_FINAL = re.compile(r"[0-9]+(?:\.[0-9]+)*(?:\.post[0-9]+)?", re.ASCII)
_MINOR = re.compile(r"([0-9]+)\.([0-9]+)", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """scikit-learn's release ("" when no file names one), numpy's generation ("1", "2" or ""), and libraries.

    ``libraries`` by import name to the release that the files name, "" when they name none. ``older``: releases of
    scikit-learn that only some of the files were saved with.
    """

    sklearn: str = ""
    numpy: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    skops: bool = False
    older: tuple[str, ...] = ()

    @property
    def minor(self) -> tuple[int, int] | None:
        """Of scikit-learn: (1, 3) for 1.3.2."""
        return minor_of(self.sklearn)

    def in_words(self) -> str:
        """For people: "scikit-learn 1.3.2 with xgboost"."""
        names = [f"{name} {release}".strip() for name, release in sorted(self.libraries.items())]
        made = f"scikit-learn {self.sklearn}" if self.sklearn else "a scikit-learn that it does not name"
        earlier = f" (parts of it with {', '.join(self.older)})" if self.older else ""
        return f"{made}{earlier} with {', '.join(names)}" if names else f"{made}{earlier}"


def distribution_of(name: str) -> str:
    """What a library is installed as, by the name it is imported under."""
    return _DISTRIBUTIONS.get(name, name)


def minor_of(release: str) -> tuple[int, int] | None:
    """(1, 3) of "1.3.2"; None for anything that is no release."""
    found = _MINOR.match(release)
    return (int(found[1]), int(found[2])) if found else None


def numbers_of(release: str) -> tuple[int, ...]:
    """(1, 3, 2) of "1.3.2" and of "1.3.2.post1"; none of ""."""
    return tuple(int(part) for part in re.findall(r"[0-9]+", release)[:3])


def is_final(release: str) -> bool:
    """Whether it is a release and no candidate or developer's version."""
    return _FINAL.fullmatch(release) is not None


def needs_of(reports: Iterable[Mapping[str, Any]]) -> Needs:
    """From the scan reports of all files of a unit.

    Files of one unit were loaded together by whoever made them, in one environment: the newest release that one of them
    names. Texts that are no releases are passed over: what comes from a file ends in a list of packages to install.
    """
    releases: dict[str, None] = {}
    numpy = ""
    libraries: dict[str, str] = {}
    skops = False
    for report in reports:
        releases.update(dict.fromkeys(filter(_is_release, report.get("sklearn_versions", ()))))
        numpy = max(numpy, str(report.get("numpy") or ""))
        known = report.get("library_versions") or {}
        for name in set(LIBRARIES) & set(report.get("libraries", ())):
            libraries[name] = libraries.get(name) or _release_or_none(known.get(name))
        skops |= report.get("format") == "skops"
    newest, *older = sorted(releases, key=_age, reverse=True) or [""]
    return Needs(sklearn=newest, numpy=numpy, libraries=libraries, skops=skops, older=tuple(older))


def _is_release(text: Any) -> bool:
    return isinstance(text, str) and _RELEASE.fullmatch(text) is not None


def _release_or_none(text: Any) -> str:
    return str(text) if _is_release(text) and is_final(str(text)) else ""


def _age(release: str) -> tuple[tuple[int, ...], bool]:
    return numbers_of(release), is_final(release)
