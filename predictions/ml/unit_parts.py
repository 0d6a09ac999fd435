"""What lies in the files of one unit: a predictor, transformers before it, and what is told about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from predictions.portable import Literal

Role = Literal["predictor", "transformer", "labels", "names", "threshold", "classes", "maps", "other"]

MODEL_KEYS = (
    "model",
    "pipeline",
    "pipe",
    "estimator",
    "clf",
    "classifier",
    "regressor",
    "best_model",
    "final_model",
)
NAME_KEYS = ("feature", "column", "cols", "input")
THRESHOLD_KEYS = ("threshold", "cutoff", "cut_off")
CLASS_KEYS = ("class", "label", "target_names")
DEPTH = 3
LONGEST_LIST = 10_000


@dataclass(frozen=True)
class Part:
    """One object of a unit: ``file`` it came in, ``key`` in a bundle ("" for the whole file)."""

    role: Role
    found: Any
    file: str
    key: str = ""

    @property
    def words(self) -> str:
        """For people: "StandardScaler in scaler.pkl"."""
        where = f"{self.file} at {self.key!r}" if self.key else self.file
        return f"{type(self.found).__name__} in {where}"


def parts_in(found: Any, file: str) -> Iterator[Part]:
    """The parts of one opened file; bundles (dictionaries, tuples, lists) are opened up."""
    if isinstance(found, (Mapping, tuple, list)) and not isinstance(found, str):
        yield from _bundled(found, file, "", DEPTH)
    else:
        yield Part(_role_of(found, ""), found, file)


def _bundled(found: Any, file: str, key: str, depth: int) -> Iterator[Part]:
    role = _data_role(found, key)
    if role is not None or depth == 0:
        yield Part(role or "other", found, file, key)
        return
    if isinstance(found, Mapping) and found and all(_is_label_encoder(item) for item in found.values()):
        yield Part("maps", dict(found), file, key)
        return
    items = found.items() if isinstance(found, Mapping) else enumerate(found)
    for name, item in items:
        inner = f"{key}.{name}" if key else str(name)
        if isinstance(item, (Mapping, tuple, list)):
            yield from _bundled(item, file, inner, depth - 1)
        else:
            yield Part(_role_of(item, str(name)), item, file, inner)


def _role_of(found: Any, key: str) -> Role:
    if is_estimator(found):
        if _is_label_encoder(found):
            return "labels"
        return (
            "predictor"
            if hasattr(found, "predict")
            else "transformer"
            if hasattr(found, "transform")
            else "other"
        )
    if isinstance(found, (float, int)) and not isinstance(found, bool) and 0 < found < 1:
        return "threshold" if any(word in key.lower() for word in THRESHOLD_KEYS) else "other"
    return _data_role(found, key) or "other"


def _data_role(found: Any, key: str) -> Role | None:
    """Lists of texts name columns or classes; a mapping from numbers to texts names classes."""
    lower = key.lower().rpartition(".")[2]
    if isinstance(found, Mapping):
        coded = bool(found) and all(_is_whole(code) and isinstance(text, str) for code, text in found.items())
        return "classes" if coded and any(word in lower for word in CLASS_KEYS) else None
    texts = texts_of(found)
    if texts is None:
        return None
    return "classes" if any(word in lower for word in CLASS_KEYS) else "names"


def texts_of(found: Any) -> list[str] | None:
    """A list, tuple, array or index of texts as a list; None for anything else."""
    if isinstance(found, (str, bytes, Mapping)) or is_estimator(found):
        return None
    try:
        listed = found.tolist() if hasattr(found, "tolist") else list(found)
    except TypeError:
        return None
    if not isinstance(listed, list) or not listed or len(listed) > LONGEST_LIST:
        return None
    return [str(item) for item in listed] if all(isinstance(item, str) for item in listed) else None


def is_estimator(found: Any) -> bool:
    """Is it an object that was made to be fitted, of whatever library?"""
    return not isinstance(found, type) and hasattr(found, "get_params") and hasattr(found, "fit")


def _is_label_encoder(found: Any) -> bool:
    return type(found).__name__ == "LabelEncoder" and hasattr(found, "classes_")


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_model_key(part: Part) -> bool:
    """Does its place in a bundle say that it is the one that answers?"""
    return part.key.lower().rpartition(".")[2] in MODEL_KEYS
