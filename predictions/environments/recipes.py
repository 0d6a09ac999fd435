"""From what a file needs to what is installed: which Python, which releases."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from predictions.environments.eras import (
    ALONE,
    ERAS,
    FIRST_PATCH,
    NEWEST_PATCH,
    NUMPY_2_SINCE,
    Era,
    Minor,
)
from predictions.environments.interpreters import Interpreter
from predictions.environments.needs import Needs, distribution_of, is_final, minor_of, numbers_of
from predictions.errors import BadModelFile

_BESIDE = ("joblib", "threadpoolctl", "pandas", "scipy", "msgpack")
_CONVERTS_SINCE = (3, 10)
_SKOPS_SINCE = (3, 9)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to install on which Python. ``key`` names it; ``sklearn`` is the release that will answer."""

    interpreter: Interpreter
    requirements: tuple[str, ...]
    sklearn: str

    @property
    def key(self) -> str:
        """The same for the same requirements on the same minor version of Python."""
        text = "\n".join([f"python {self.python}", *self.requirements])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def python(self) -> str:
        """ "3.11", as people say it."""
        return self.interpreter.named


def recipe_for(needs: Needs, pythons: Sequence[Interpreter], *, default: str) -> Recipe:
    """The first of ``recipes_for``."""
    return recipes_for(needs, pythons, default=default)[0]


def recipes_for(needs: Needs, pythons: Sequence[Interpreter], *, default: str) -> list[Recipe]:
    """The environments that a unit could have been made with on this machine, the best first.

    The exact release on each Python that it has wheels for, then the newest patch of its minor release; with the exact
    libraries, then with those of its time; with what makes ONNX, then without. ``default`` is the scikit-learn release for
    files that name none. ``pythons``: the site's own first.

    Raises BadModelFile ``no_interpreter`` when no installed Python can run it, ``unknown_version`` for a release that is
    older than any known here.
    """
    release = needs.sklearn or default
    era = _era(release)
    found = [
        recipe
        for version in _releases(release)
        for one in _interpreters(version, pythons)
        for recipe in _recipes(needs, one, era, version)
    ]
    if not found:
        raise _no_interpreter(release)
    return list({recipe.key: recipe for recipe in found}.values())


def pythons_for(release: str) -> tuple[Minor, ...]:
    """The Pythons that wheels of this scikit-learn release were made for, the newest first. Raises BadModelFile."""
    first = FIRST_PATCH.get(minor_of(release) or (0, 0), {})
    wanted = {*_era(release).pythons, *first}
    numbers = numbers_of(release)
    fitting = [python for python in wanted if numbers >= numbers_of(first.get(python, ""))]
    return tuple(sorted(fitting, reverse=True))


def _era(release: str) -> Era:
    """A release that is newer than all of them is taken for one of the newest: it may well be there and work."""
    minor = minor_of(release)
    for era in ERAS:
        if minor is not None and minor >= era.since:
            return era
    raise BadModelFile(
        f"This file was made with scikit-learn {release}, which is too old for this site. Train and save it again with a "
        "newer release, or bring it as ONNX.",
        code="unknown_version",
    )


def _releases(release: str) -> list[str]:
    """The release itself, and the newest patch of its line where that reads the same files."""
    minor = minor_of(release) or (0, 0)
    newest = NEWEST_PATCH.get(minor, release)
    if not is_final(release):
        return [newest] if newest != release else []
    return [release] if newest == release or minor in ALONE else [release, newest]


def _interpreters(release: str, pythons: Sequence[Interpreter]) -> list[Interpreter]:
    """The site's own Python first, which is the best tried, then the newest."""
    wanted = pythons_for(release)
    fitting = [one for one in pythons if one.minor in wanted]
    own = [one for one in fitting if one is pythons[0]]
    return own + sorted((one for one in fitting if one is not pythons[0]), reverse=True)


def _recipes(needs: Needs, interpreter: Interpreter, era: Era, release: str) -> Iterator[Recipe]:
    wanted = _requirements(needs, interpreter, era, release)
    converter = _converter(needs, interpreter, era)
    of_its_time = replace(needs, libraries=dict.fromkeys(needs.libraries, ""))
    yield Recipe(interpreter, (*wanted, *converter), release)
    yield Recipe(interpreter, wanted, release)
    yield Recipe(interpreter, _requirements(of_its_time, interpreter, era, release), release)


def _requirements(needs: Needs, interpreter: Interpreter, era: Era, release: str) -> tuple[str, ...]:
    found = [f"scikit-learn=={release}", *_with_bounds(_packages(needs, era, release))]
    found += [_library(name, version, era) for name, version in sorted(needs.libraries.items())]
    if "xgboost" in needs.libraries:
        # Up to 1.6 it looks for other libraries with pkg_resources, which later setuptools no longer hold.
        found.append("setuptools<81")
    if needs.skops and interpreter.minor >= _SKOPS_SINCE:
        found.append("skops")
    return tuple(found)


def _converter(needs: Needs, interpreter: Interpreter, era: Era) -> tuple[str, ...]:
    if interpreter.minor < _CONVERTS_SINCE or not era.converter:
        return ()
    boosters = ("onnxmltools",) if {"xgboost", "lightgbm"} & set(needs.libraries) else ()
    return (*era.converter, *boosters)


def _packages(needs: Needs, era: Era, release: str) -> list[str]:
    """The era's packages, with NumPy 1 or 2 as the file says: what was saved under 2 names modules that 1 lacks."""
    others = [bound for bound in era.packages if not bound.startswith("numpy")]
    bound = next((bound for bound in era.packages if bound.startswith("numpy")), "numpy")
    takes_both = numbers_of(release) >= numbers_of(NUMPY_2_SINCE)
    if needs.numpy == "1" and takes_both:
        bound = "numpy<2"
    elif needs.numpy == "2" and takes_both and bound == "numpy<2":
        bound = "numpy>=2,<2.2"
    return [*others, bound]


def _with_bounds(packages: list[str]) -> list[str]:
    bounded = {bound.split("<")[0].split(">")[0] for bound in packages}
    return [*packages, *(name for name in _BESIDE if name not in bounded)]


def _library(name: str, release: str, era: Era) -> str:
    distribution = distribution_of(name)
    if release:
        return f"{distribution}=={release}"
    return dict(era.libraries).get(name, distribution)


def _no_interpreter(release: str) -> BadModelFile:
    names = " or ".join(f"{major}.{small}" for major, small in pythons_for(release)[:3])
    return BadModelFile(
        f"This file was made with scikit-learn {release}, which needs Python {names}, and this machine has none of them. "
        f"Ask the operator to install one (or to name it in ENVIRONMENT_PYTHONS), train and save it again with a newer "
        "scikit-learn, or bring it as ONNX.",
        code="no_interpreter",
    )
