"""Boosters of XGBoost and LightGBM saved without their scikit-learn wrapper: the same face as an estimator."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from predictions.errors import BadModelFile

VERSION = re.compile(rb"version\[#L\x00{7}\x03i(.)i(.)i(.)", re.DOTALL)
"""How XGBoost writes its version into a booster (UBJSON: an array of three small numbers)."""

HEAD = 64 * 2**20


def require_booster_version(path: Path) -> None:
    """Raises BadModelFile ``other_version`` for a booster of a newer XGBoost than this one.

    An older one reads the file without an error and answers wrong: since 3.1 the base score is written in another form,
    and each number is off by it.
    """
    library = sys.modules.get("xgboost")
    if library is None:
        return
    with path.open("rb") as file:
        found = VERSION.findall(file.read(HEAD))
    newest = max((tuple(part[0] for part in parts) for parts in found), default=(0, 0, 0))
    here = tuple(int(part) for part in re.findall(r"\d+", str(library.__version__))[:2])
    if newest[:2] > here:
        made = ".".join(map(str, newest))
        raise BadModelFile(
            f"This file was made with XGBoost {made}; its environment has {library.__version__}: use XGBoost {made} or "
            "newer.",
            code="other_version",
        )


def adapted(found: Any) -> Any:
    """A bare booster as an estimator that gives its numbers; anything else as it is."""
    kind = type(found)
    library = kind.__module__.partition(".")[0]
    if kind.__name__ != "Booster" or library not in ("xgboost", "lightgbm"):
        return found
    return BareBooster(found, library)


class BareBooster:
    """What a booster predicts (a number, or one for each class), for tables with or without names."""

    _estimator_type = "regressor"

    def __init__(self, booster: Any, library: str) -> None:
        self.booster_ = booster
        self.library = library
        names = booster.feature_names if library == "xgboost" else booster.feature_name()
        self.feature_names_ = list(names or ())
        count = booster.num_features() if library == "xgboost" else booster.num_feature()
        self.n_features_in_ = int(count)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """As estimators have it."""
        return {"booster": self.booster_, "library": self.library}

    def fit(self, table: Any, target: Any = None) -> Any:
        """A booster alone does not say how it was trained. Raises NotImplementedError."""
        raise NotImplementedError

    def predict(self, table: Any) -> Any:
        """The booster's own numbers, [n] or [n, k]."""
        if self.library == "lightgbm":
            return np.asarray(self.booster_.predict(table))
        xgboost = import_module("xgboost")
        named = hasattr(table, "columns") or not self.feature_names_
        matrix = xgboost.DMatrix(table, feature_names=None if named else self.feature_names_)
        return np.asarray(self.booster_.predict(matrix))
