"""Open a joblib, pickle or skops file. Only ever called inside the sandbox process: opening runs what is in the file."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import sklearn

from predictions.errors import BadModelFile
from predictions.ml import code_package
from predictions.ml.boosters import adapted, require_booster_version

TRUSTED_PREFIXES = ("sklearn.", "numpy.", "scipy.")
"""skops types of these packages are opened; the list lives here and is never read from a file."""

NOT_TRUSTED_PARTS = (
    "testing",
    "_testing",
    "externals",
    "distutils",
    "f2py",
    "datasets",
    "ctypeslib",
    "tests",
)
"""Modules of those packages that reach files, compilers or processes."""

VERSION_IN_STREAM = re.compile(rb"_sklearn_version.{0,16}?(\d+\.\d+(?:\.\d+)?(?:rc\d+|\.dev\d+)?)", re.DOTALL)
VERSION_IN_WARNING = re.compile(r"from version (\d+\.\d+\S*) when using version")
"""Before scikit-learn 1.3 the warning says the version in its text only."""

OWN_CODE = re.compile(r"Can't get attribute '([\w.]+)'")
HEAD = 64 * 2**20


def open_estimator(path: Path, file_format: str) -> tuple[Any, list[str]]:
    """The object in the file and notes for its owner.

    Raises BadModelFile: ``other_version``, ``missing_library``, ``own_code``, ``untrusted_types``, ``unreadable``.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = _load_skops(path) if file_format == "skops" else _load_pickle(path)
        except BadModelFile:
            raise
        except Exception as error:
            raise _explained(error, _version_from(caught) or _version_in(path)) from error
    require_booster_version(path)
    return adapted(found), _version_notes(_version_from(caught))


def _load_pickle(path: Path) -> Any:
    """joblib reads its own files in all compressions and plain pickles too, but not those that Python 2 wrote."""
    try:
        return joblib.load(path)
    except (UnicodeDecodeError, TypeError, ValueError) as error:
        with path.open("rb") as file:
            if file.read(1) == b"\x80" and file.read(1) > b"\x02":
                raise
            file.seek(0)
            try:
                return pickle.load(file, encoding="latin1")  # noqa: S301 (this is the sandbox's own door)
            except Exception:
                raise error from None


def _load_skops(path: Path) -> Any:
    # It loads all of scikit-learn: 18 MB and a second that no joblib file needs, in each process that serves one.
    from skops import io as skops_io  # noqa: PLC0415

    unknown = [str(name) for name in skops_io.get_untrusted_types(file=path)]
    refused = sorted(name for name in unknown if not (is_trusted(name) or code_package.provides(name)))
    if refused:
        raise BadModelFile(
            f"This skops file needs types that this site does not trust: {', '.join(refused[:5])}. "
            "Save it with scikit-learn's own parts only, or export it to ONNX.",
            code="untrusted_types",
        )
    return skops_io.load(path, trusted=unknown)


def is_trusted(type_name: str) -> bool:
    """May a skops file use this type beyond those that skops itself trusts?"""
    parts = type_name.split(".")
    return type_name.startswith(TRUSTED_PREFIXES) and not any(part in NOT_TRUSTED_PARTS for part in parts)


def _explained(error: Exception, version: str | None) -> BadModelFile:
    if version is not None and not same_line(version):
        return other_version(version)
    if code_package.is_active():
        return code_package.failed(error)
    if isinstance(error, ModuleNotFoundError):
        library = (error.name or "").partition(".")[0] or "a library"
        return BadModelFile(
            f"This file needs {library}, which this site does not have: retrain with scikit-learn alone, "
            "or export the estimator to ONNX.",
            code="missing_library",
        )
    if "LZ4 is not installed" in str(error):
        return BadModelFile(
            "This file is compressed with LZ4, which this site does not have: save it again with joblib.dump and another "
            "compression.",
            code="missing_library",
        )
    if isinstance(error, AttributeError) and "Can't get attribute" in str(error):
        name = OWN_CODE.findall(str(error))
        return BadModelFile(
            f"This file needs its author's own code ({name[0] if name else 'a class or function'}): use scikit-learn's "
            "own steps instead, or export the estimator to ONNX.",
            code="own_code",
        )
    return BadModelFile(
        "This file cannot be opened: it is damaged, incomplete or not a model file. Save the estimator again and "
        "upload the new file.",
        code="unreadable",
    )


def _version_from(caught: Sequence[warnings.WarningMessage]) -> str | None:
    for item in caught:
        version = getattr(item.message, "original_sklearn_version", None)
        if version is not None:
            return str(version)
        found = VERSION_IN_WARNING.search(str(item.message))
        if found:
            return found[1]
    return None


def _version_in(path: Path) -> str | None:
    with path.open("rb") as file:
        found = VERSION_IN_STREAM.search(file.read(HEAD))
    return found[1].decode() if found else None


def same_line(version: str) -> bool:
    """Is this a patch release of the site's own minor version? Those read each other's files."""
    return version.split(".")[:2] == str(sklearn.__version__).split(".")[:2]


def other_version(version: str) -> BadModelFile:
    """The error for a file of another scikit-learn minor version, naming both."""
    return BadModelFile(
        f"This file was made with scikit-learn {version}; this site has {sklearn.__version__}. Fit and save it again "
        f"with scikit-learn {sklearn.__version__}, or export it to ONNX.",
        code="other_version",
    )


def _version_notes(version: str | None) -> list[str]:
    if version is None:
        return []
    if not same_line(version):
        raise other_version(version)
    return [
        f"Made with scikit-learn {version}; answered by {sklearn.__version__}, a release of the same line."
    ]
