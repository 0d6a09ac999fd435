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
    empty where that does not start. ``patches``: releases with Pythons of their own.
    """

    since: Minor
    pythons: tuple[Minor, ...]
    packages: tuple[str, ...]
    converter: tuple[str, ...] = ()
    libraries: tuple[tuple[str, str], ...] = ()
    default: str = ""


def _pythons(first: int, last: int) -> tuple[Minor, ...]:
    return tuple((3, minor) for minor in range(last, first - 1, -1))


_OLD_BOOSTERS = (
    ("catboost", "catboost<1.2.3"),
    ("lightgbm", "lightgbm<4"),
    ("xgboost", "xgboost<1.8"),
)

ERAS: tuple[Era, ...] = (
    Era((1, 9), _pythons(11, 14), (), ("onnx", "onnxruntime", "skl2onnx", "protobuf<7"), (), "1.9.1"),
    Era(
        (1, 8),
        _pythons(11, 14),
        ("pandas<3",),
        ("onnx", "onnxruntime", "skl2onnx", "protobuf<7"),
        (),
        "1.8.0",
    ),
    Era(
        (1, 7),
        _pythons(10, 13),
        ("pandas<3", "numpy<2.4"),
        ("onnx<1.18", "onnxruntime<1.24", "skl2onnx<1.20", "protobuf<7"),
        (("imblearn", "imbalanced-learn<0.15"), ("category_encoders", "category-encoders<2.10")),
        "1.7.2",
    ),
    Era(
        (1, 6),
        _pythons(9, 13),
        ("pandas<3", "numpy<2.3"),
        ("onnx<1.18", "onnxruntime<1.23", "skl2onnx<1.20", "protobuf<6"),
        (("imblearn", "imbalanced-learn<0.14"), ("category_encoders", "category-encoders<2.9")),
        "1.6.1",
    ),
    Era(
        (1, 5),
        _pythons(9, 12),
        ("pandas<2.3", "numpy<2.2", "scipy<1.15"),
        ("onnx<1.18", "onnxruntime<1.21", "skl2onnx<1.19", "protobuf<6"),
        (
            ("imblearn", "imbalanced-learn<0.13"),
            ("category_encoders", "category-encoders<2.7"),
            ("lightgbm", "lightgbm<4.6"),
            ("xgboost", "xgboost<2.2"),
            ("catboost", "catboost<1.2.8"),
        ),
        "1.5.2",
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
        "1.4.2",
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
        "1.3.2",
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
        "1.2.2",
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
        "1.1.3",
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
        "1.0.2",
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
        "0.24.2",
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
        "0.21.3",
    ),
)

_PATCHES: dict[Minor, tuple[Minor, str]] = {
    (1, 1): ((3, 11), "1.1.3"),
    (1, 3): ((3, 12), "1.3.1"),
    (0, 24): ((3, 9), "0.24.0"),
}
"""The first patch release with wheels for the newest Python of its minor release."""

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
        major, minor = self.interpreter.minor
        text = "\n".join([f"python {major}.{minor}", *self.requirements])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def python(self) -> str:
        """ "3.11", as people say it."""
        return f"{self.interpreter.minor[0]}.{self.interpreter.minor[1]}"


def recipe_for(
    needs: Needs, pythons: Sequence[Interpreter], *, default: str, converts: bool = True
) -> Recipe:
    """The environment that a unit was made with, as near as this machine allows.

    ``default`` is the scikit-learn release for files that name none. Raises BadModelFile ``no_interpreter`` when no
    installed Python can run it, ``unknown_version`` for a release that is older or newer than any known here.
    """
    release = needs.sklearn or default
    minor = minor_of(release)
    era = next((era for era in ERAS if minor and minor >= era.since), None)
    if minor is None or era is None or minor > (ERAS[0].since[0], ERAS[0].since[1] + 20):
        raise BadModelFile(
            f"This file was made with scikit-learn {release}, which is too old for this site. Train and save it again with a "
            "newer release, or bring it as ONNX.",
            code="unknown_version",
        )
    if minor > ERAS[0].since:
        raise BadModelFile(
            f"This file was made with scikit-learn {release}, which is newer than this site knows. Ask the operator to update "
            "the site, or bring the file as ONNX.",
            code="unknown_version",
        )
    interpreter = _interpreter_for(release, minor, era, pythons)
    exact = release if _is_final(release) else f"{minor[0]}.{minor[1]}.*"
    requirements = [f"scikit-learn=={exact}", *_with_bounds(_numpy_bounds(needs, era))]
    for name, found in sorted(needs.libraries.items()):
        requirements.append(_library(name, found, era))
    if needs.skops and interpreter.minor >= (3, 9):
        requirements.append("skops")
    if converts and era.converter and interpreter.minor >= (3, 10):
        requirements += era.converter
        if {"xgboost", "lightgbm"} & set(needs.libraries):
            requirements.append("onnxmltools")
    return Recipe(interpreter, tuple(dict.fromkeys(requirements)), release)


def pythons_for(release: str) -> tuple[Minor, ...]:
    """The Pythons that wheels of this scikit-learn release were made for, the newest first; none for an unknown one."""
    minor = minor_of(release)
    era = next((era for era in ERAS if minor and minor >= era.since), None)
    if minor is None or era is None:
        return ()
    found = list(era.pythons)
    newest, first = _PATCHES.get(minor, (None, ""))
    if minor == (0, 24):
        found.insert(0, (3, 9))
    if newest is not None and _numbers(release) < _numbers(first):
        found = [python for python in found if python != newest]
    return tuple(found)


def _interpreter_for(release: str, minor: Minor, era: Era, pythons: Sequence[Interpreter]) -> Interpreter:
    wanted = pythons_for(release)
    by_minor = {one.minor: one for one in reversed(pythons)}
    # The site's own Python comes first among the installed ones and is the best tried.
    if pythons and pythons[0].minor in wanted:
        return pythons[0]
    for python in wanted:
        if python in by_minor:
            return by_minor[python]
    names = " or ".join(f"{major}.{small}" for major, small in sorted(wanted)[::-1][:3])
    raise BadModelFile(
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
