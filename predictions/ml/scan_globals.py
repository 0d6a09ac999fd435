"""Which names a model file may ask for: a list of what is known good, everything else is refused and named.

Deny-lists are what scanners were bypassed through (more than 60 advisories against one of them), so only modules on the
list pass, and inside them a name that runs, reads, writes or fetches something does not. Functions are narrower than
classes in libraries that hold interpreters of text (pandas.eval, numpy.f2py, scipy's distributions).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final, Literal

from predictions.ml import scan_lists as lists
from predictions.ml.scan_symbols import ARRAY_CLASSES, Global

Judgement = Literal["fine", "dangerous", "unknown", "library", "carried", "scattered", "unlisted"]
"""dangerous: runs something. unknown: code this site does not have. library: a known library that it does not use.
unlisted: in a library that it uses, but not on the list. carried: functions packed by cloudpickle or dill.
scattered: arrays in other files, as joblib before 0.10 did."""


def judge(found: Global) -> Judgement:
    """What asking for this global means. The order matters: what carries code first, then the lists."""
    if _is_packed(found.module):
        return "carried"
    if _hides_a_module(found.name):
        return "dangerous"
    if found.is_array_class:
        return "fine" if found.name == "NumpyArrayWrapper" else "scattered"
    if found.name.rpartition(".")[2] in ARRAY_CLASSES:
        return "dangerous"
    if found.top in lists.LIBRARIES:
        return _in_library(found)
    return _outside(found)


def _outside(found: Global) -> Judgement:
    """Python's own modules, the author's code and libraries this site does not use."""
    if found.name in lists.STANDARD.get(found.module, ()):
        return "fine"
    if found.module == "_loss" and _is_class_like(found.name):
        return "fine"
    if found.top == "__main__":
        return "unknown"
    if found.top in sys.stdlib_module_names or found.top in lists.BEYOND_STANDARD:
        return "dangerous"
    if _is_action(found.name.rpartition(".")[2]):
        return "dangerous"
    return "library" if found.top in lists.OTHER_LIBRARIES else "unknown"


def _is_packed(module: str) -> bool:
    return any(module == packer or module.startswith(packer + ".") for packer in lists.PACKERS)


def _hides_a_module(name: str) -> bool:
    """A dotted name walks attributes: through ``__globals__`` or an imported module it reaches anything."""
    parts = name.split(".")
    inner = parts[1:]
    return any(lists.DUNDER.fullmatch(part) or part in sys.stdlib_module_names for part in inner) or (
        len(parts) > 1 and parts[0] in sys.stdlib_module_names
    )


def _in_library(found: Global) -> Judgement:
    if _RULES.get(found.top, _is_open_name)(found):
        return "fine"
    reaches_out = _in_closed_part(found) or _is_action(found.name.rpartition(".")[2])
    return "dangerous" if reaches_out or _names_a_module(found.name) else "unlisted"


def _names_a_module(name: str) -> bool:
    return any(part in sys.stdlib_module_names or lists.DUNDER.fullmatch(part) for part in name.split("."))


def _is_open_name(found: Global) -> bool:
    """sklearn and the libraries around it: any class, and functions that neither reach out nor are modules."""
    if _in_closed_part(found):
        return False
    first, _, rest = found.name.partition(".")
    if _is_class_like(first):
        return not _is_action(rest)
    return (
        not rest
        and first not in sys.stdlib_module_names
        and not _is_action(first)
        and not lists.DUNDER.fullmatch(first)
    )


def _is_numpy(found: Global) -> bool:
    if found.path in lists.NUMPY_EXACT:
        return True
    if lists.NUMPY_CLASSES.fullmatch(found.module):
        return _is_class_like(found.name)
    if not lists.NUMPY_PLACES.fullmatch(found.module):
        return False
    known = found.name in lists.NUMPY_FUNCTIONS or lists.NUMPY_TYPES.fullmatch(found.name) is not None
    return known or (found.module != "numpy" and found.name in lists.NUMPY_CORE)


def _is_pandas(found: Global) -> bool:
    return not _in_closed_part(found) and "." not in found.name and _is_class_like(found.name)


def _is_joblib(found: Global) -> bool:
    return found.path in lists.JOBLIB


def _is_scipy(found: Global) -> bool:
    return found.path in lists.SCIPY_EXACT or _is_open_name(found)


_RULES: Final[dict[str, Callable[[Global], bool]]] = {
    "numpy": _is_numpy,
    "pandas": _is_pandas,
    "joblib": _is_joblib,
    "scipy": _is_scipy,
}


def _in_closed_part(found: Global) -> bool:
    closed = lists.CLOSED_PARTS.get(found.top, frozenset())
    return not closed.isdisjoint(found.module.split(".")[1:])


def _is_class_like(name: str) -> bool:
    return lists.CLASS.fullmatch(name) is not None or lists.UNPICKLER.fullmatch(name) is not None


def _is_action(name: str) -> bool:
    words = [word for word in name.lower().split("_") if word]
    return bool(words) and (name in lists.ACTIONS or words[0] in lists.ACTIONS)
