"""From what a file needs to what is installed: which Python, which releases.

The bounds were tried on real files of every release (2026-11): for each minor release of scikit-learn the newest pandas,
numpy and scipy that it was still released against, and a skl2onnx that knows it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from predictions.environments.interpreters import Interpreter
from predictions.environments.needs import Needs, minor_of
from predictions.errors import BadModelFile

Minor = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Era:
    """What goes with one or more minor releases of scikit-learn, the oldest of them first.

    ``pythons``: those its wheels were made for. ``packages``: bounds beside it. ``converter``: bounds of what makes ONNX;
    empty where that does not start.
    """

    since: Minor
    pythons: tuple[Minor, ...]
    packages: tuple[str, ...]
    converter: tuple[str, ...] = ()
    libraries: tuple[tuple[str, str], ...] = ()


def _pythons(first: int, last: int) -> tuple[Minor, ...]:
    return tuple((3, minor) for minor in range(last, first - 1, -1))


_OLD_BOOSTERS = (
    ("catboost", "catboost<1.2.3"),
    ("lightgbm", "lightgbm<4"),
    ("xgboost", "xgboost<1.8"),
)

ERAS: tuple[Era, ...] = (
    Era((1, 9), _pythons(11, 14), (), ("onnx", "onnxruntime", "skl2onnx", "protobuf<7")),
    Era((1, 8), _pythons(11, 14), ("pandas<3",), ("onnx", "onnxruntime", "skl2onnx", "protobuf<7")),
    Era(
        (1, 7),
        _pythons(10, 14),
        ("pandas<3", "numpy<2.4"),
        ("onnx<1.18", "onnxruntime<1.24", "skl2onnx<1.20", "protobuf<7"),
        (("imblearn", "imbalanced-learn<0.15"), ("category_encoders", "category-encoders<2.10")),
    ),
    Era(
        (1, 6),
        _pythons(9, 13),
        ("pandas<3", "numpy<2.3"),
        ("onnx<1.18", "onnxruntime<1.23", "skl2onnx<1.20", "protobuf<6"),
        (("imblearn", "imbalanced-learn<0.14"), ("category_encoders", "category-encoders<2.9")),
    ),
    Era(
        (1, 5),
        _pythons(9, 13),
        ("pandas<2.3", "numpy<2.2", "scipy<1.15"),
        ("onnx<1.18", "onnxruntime<1.21", "skl2onnx<1.19", "protobuf<6"),
        (
            ("imblearn", "imbalanced-learn<0.13"),
            ("category_encoders", "category-encoders<2.7"),
            ("lightgbm", "lightgbm<4.6"),
            ("xgboost", "xgboost<2.2"),
            ("catboost", "catboost<1.2.8"),
        ),
    ),
    Era(
        (1, 4),
        _pythons(9, 12),
        ("pandas<2.3", "numpy<2", "scipy<1.14"),
        ("onnx<1.17", "onnxruntime<1.20", "skl2onnx<1.18", "protobuf<5"),
        (
            ("imblearn", "imbalanced-learn<0.13"),
            ("category_encoders", "category-encoders<2.7"),
            ("lightgbm", "lightgbm<4.6"),
            ("xgboost", "xgboost<2.2"),
            ("catboost", "catboost<1.2.8"),
        ),
    ),
    Era(
        (1, 3),
        _pythons(8, 12),
        ("pandas<2.2", "numpy<2", "scipy<1.12"),
        ("onnx<1.16", "onnxruntime<1.18", "skl2onnx<1.17", "protobuf<5"),
        (
            ("imblearn", "imbalanced-learn<0.12"),
            ("category_encoders", "category-encoders<2.7"),
            ("lightgbm", "lightgbm<4.4"),
            ("xgboost", "xgboost<2.1"),
            ("catboost", "catboost<1.2.4"),
        ),
    ),
    Era(
        (1, 2),
        _pythons(8, 11),
        ("pandas<2.1", "numpy<1.25", "scipy<1.11", "joblib<1.3"),
        ("onnx<1.15", "onnxruntime<1.17", "skl2onnx<1.16", "protobuf<4"),
        (
            ("imblearn", "imbalanced-learn<0.11"),
            ("category_encoders", "category-encoders<2.7"),
            *_OLD_BOOSTERS,
        ),
    ),
    Era(
        (1, 1),
        _pythons(8, 11),
        ("pandas<2.1", "numpy<1.25", "scipy<1.11", "joblib<1.3"),
        ("onnx<1.15", "onnxruntime<1.17", "skl2onnx<1.16", "protobuf<4"),
        (
            ("imblearn", "imbalanced-learn<0.10"),
            ("category_encoders", "category-encoders<2.6"),
            *_OLD_BOOSTERS,
        ),
    ),
    Era(
        (1, 0),
        _pythons(7, 10),
        ("pandas<1.6", "numpy<1.24", "scipy<1.9", "joblib<1.3"),
        (),
        (
            ("imblearn", "imbalanced-learn<0.10"),
            ("category_encoders", "category-encoders<2.6"),
            *_OLD_BOOSTERS,
        ),
    ),
    Era(
        (0, 22),
        _pythons(7, 8),
        ("pandas<1.3", "numpy<1.20", "scipy<1.6", "joblib<1.2"),
        (),
        (
            ("imblearn", "imbalanced-learn<0.9"),
            ("category_encoders", "category-encoders<2.4"),
            *_OLD_BOOSTERS,
        ),
    ),
    Era(
        (0, 19),
        _pythons(7, 7),
        ("pandas<1.2", "numpy<1.19", "scipy<1.5", "joblib<1.0"),
        (),
        (
            ("imblearn", "imbalanced-learn<0.6"),
            ("category_encoders", "category-encoders<2.3"),
            *_OLD_BOOSTERS,
        ),
    ),
)

_FIRST_PATCH: dict[Minor, dict[Minor, str]] = {
    (0, 24): {(3, 9): "0.24.0"},
    (1, 0): {(3, 10): "1.0.2"},
    (1, 1): {(3, 11): "1.1.3"},
    (1, 3): {(3, 12): "1.3.1"},
    (1, 5): {(3, 13): "1.5.2"},
    (1, 7): {(3, 14): "1.7.2"},
}
"""The first patch release with wheels for the newest Pythons of a minor release."""

NEWEST_PATCH: dict[Minor, str] = {
    (0, 19): "0.19.2",
    (0, 20): "0.20.4",
    (0, 21): "0.21.3",
    (0, 22): "0.22.2.post1",
    (0, 23): "0.23.2",
    (0, 24): "0.24.2",
    (1, 0): "1.0.2",
    (1, 1): "1.1.3",
    (1, 2): "1.2.2",
    (1, 3): "1.3.2",
    (1, 4): "1.4.2",
    (1, 5): "1.5.2",
    (1, 6): "1.6.1",
    (1, 7): "1.7.2",
    (1, 8): "1.8.0",
    (1, 9): "1.9.1",
}

_DISTRIBUTIONS = {"imblearn": "imbalanced-learn", "category_encoders": "category-encoders"}
_BESIDE = ("joblib", "threadpoolctl", "pandas", "scipy", "msgpack")


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


def recipes_for(needs: Needs, pythons: Sequence[Interpreter], *, default: str) -> list[Recipe]:
    """The environments that a unit could have been made with on this machine, the best first.

    The exact release on each Python that it has wheels for, then the newest patch of its minor release. ``default`` is the
    scikit-learn release for files that name none. Raises BadModelFile ``no_interpreter`` when no installed Python can
    run it, ``unknown_version`` for a release that is older or newer than any known here.
    """
    release = needs.sklearn or default
    era = _era(release)
    found = []
    if _is_final(release):
        found = [_recipe(needs, one, era, release) for one in _interpreters(release, pythons)]
    newest = _newest_patch(release)
    if newest != release and not (_is_final(release) and _is_alone(release)):
        found += [_recipe(needs, one, era, newest) for one in _interpreters(newest, pythons)]
    if not found:
        raise _no_interpreter(release)
    return found


def recipe_for(needs: Needs, pythons: Sequence[Interpreter], *, default: str) -> Recipe:
    """The first of ``recipes_for``."""
    return recipes_for(needs, pythons, default=default)[0]


def pythons_for(release: str) -> tuple[Minor, ...]:
    """The Pythons that wheels of this scikit-learn release were made for, the newest first. Raises BadModelFile."""
    minor, era = minor_of(release), _era(release)
    first = _FIRST_PATCH.get(minor or (0, 0), {})
    wanted = set(era.pythons) | set(first)
    numbers = _numbers(release)
    fitting = [python for python in wanted if numbers >= _numbers(first.get(python, ""))]
    return tuple(sorted(fitting, reverse=True))


def _era(release: str) -> Era:
    minor = minor_of(release)
    if minor is not None and minor > ERAS[0].since:
        raise BadModelFile(
            f"This file was made with scikit-learn {release}, which is newer than this site knows. Ask the operator to update "
            "the site, or bring the file as ONNX.",
            code="unknown_version",
        )
    for era in ERAS:
        if minor is not None and minor >= era.since:
            return era
    raise BadModelFile(
        f"This file was made with scikit-learn {release}, which is too old for this site. Train and save it again with a "
        "newer release, or bring it as ONNX.",
        code="unknown_version",
    )


def _recipe(needs: Needs, interpreter: Interpreter, era: Era, release: str) -> Recipe:
    requirements = [f"scikit-learn=={release}", *_with_bounds(_numpy_bounds(needs, era))]
    for name, found in sorted(needs.libraries.items()):
        requirements.append(_library(name, found, era))
    if needs.skops and interpreter.minor >= (3, 9):
        requirements.append("skops")
    if era.converter and interpreter.minor >= (3, 10):
        requirements += era.converter
        if {"xgboost", "lightgbm"} & set(needs.libraries):
            requirements.append("onnxmltools")
    return Recipe(interpreter, tuple(dict.fromkeys(requirements)), release)


def _is_alone(release: str) -> bool:
    """Whether the next patch is no stand-in: what 1.1.0 to 1.1.2 saved, 1.1.3 does not open."""
    return minor_of(release) == (1, 1)


def _newest_patch(release: str) -> str:
    minor = minor_of(release) or (0, 0)
    return NEWEST_PATCH.get(minor, release)


def _interpreters(release: str, pythons: Sequence[Interpreter]) -> list[Interpreter]:
    """The site's own Python first, which is the best tried, then the newest."""
    wanted = pythons_for(release)
    fitting = [one for one in pythons if one.minor in wanted]
    first = [one for one in fitting if one is pythons[0]]
    return first + sorted((one for one in fitting if one is not pythons[0]), reverse=True)


def _no_interpreter(release: str) -> BadModelFile:
    names = " or ".join(f"{major}.{small}" for major, small in pythons_for(release)[:3])
    return BadModelFile(
        f"This file was made with scikit-learn {release}, which needs Python {names}, and this machine has none of them. "
        "Ask the operator to install one, train and save it again with a newer scikit-learn, or bring it as ONNX.",
        code="no_interpreter",
    )


def _numpy_bounds(needs: Needs, era: Era) -> list[str]:
    """The era's packages with numpy 1 or 2 as the file says: what was saved under 2 names modules that 1 lacks.

    numpy 1.26 knows those names, and releases before 1.4 run with nothing newer.
    """
    if era.since < (1, 4) or not needs.numpy:
        return list(era.packages)
    kept = [bound for bound in era.packages if not bound.startswith("numpy<2")]
    if needs.numpy == "1":
        return [*kept, "numpy<2"]
    upper = next((bound.partition("<")[2] for bound in era.packages if bound.startswith("numpy<2.")), "")
    return [*kept, f"numpy>=2,<{upper}" if upper else "numpy>=2"]


def _with_bounds(packages: list[str]) -> list[str]:
    bounded = {bound.split("<")[0].split(">")[0] for bound in packages}
    return [*packages, *(name for name in _BESIDE if name not in bounded)]


def _is_final(release: str) -> bool:
    return all(part.isdigit() for part in release.split("."))


def _library(name: str, release: str, era: Era) -> str:
    distribution = _DISTRIBUTIONS.get(name, name)
    if release:
        return f"{distribution}=={release}"
    return dict(era.libraries).get(name, distribution)


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split(".")[:3] if part.isdigit())
