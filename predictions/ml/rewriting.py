"""Prepare a copy of an estimator for the converter, so that what it cannot express by name it can by position.

Nothing here is trusted: whatever comes out is compared with the original on rows before it answers anybody.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from skl2onnx.sklapi import CastTransformer
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, OrdinalEncoder

from predictions.ml.anatomy import parts_of, steps_of, unwrap

MISSING_TEXT = ""


def working_copy(estimator: Any) -> Any:
    """A deep copy of what answers, which the steps below may change."""
    return copy.deepcopy(unwrap(estimator))


def by_position(estimator: Any, order: Sequence[int]) -> None:
    """Make the first column transformer take columns by their place in ``order`` (input columns as they are fed)."""
    first = steps_of(estimator)[0]
    if not isinstance(first, ColumnTransformer):
        return
    place_of = {column: place for place, column in enumerate(order)}
    indices = first._transformer_to_input_indices  # noqa: SLF001 (the only place where resolved columns are kept)
    first.transformers_ = [
        (name, part, [place_of[int(column)] for column in indices[name]])
        for name, part, _ in first.transformers_
        if len(indices[name])
    ]


def columns_by_part(estimator: Any) -> list[list[int]]:
    """Which input columns each part of the first column transformer takes; empty without one."""
    first = steps_of(estimator)[0]
    if not isinstance(first, ColumnTransformer):
        return []
    return [[int(column) for column in columns] for columns in first._transformer_to_input_indices.values()]  # noqa: SLF001


def name_missing_texts(estimator: Any) -> None:
    """Imputers and encoders of texts know a missing value as NaN or None; graphs have only texts, so it is "" there."""
    for part in parts_of(estimator):
        if isinstance(part, SimpleImputer):
            _name_in_imputer(part)
        elif isinstance(part, OneHotEncoder | OrdinalEncoder):
            part.categories_ = [_named(categories) for categories in part.categories_]


def simplify(estimator: Any) -> None:
    """Switch off settings that the converter refuses though they change no answer."""
    for part in parts_of(estimator):
        if isinstance(part, VotingClassifier):
            part.flatten_transform = False
        elif isinstance(part, KBinsDiscretizer) and part.encode == "onehot":
            part.encode = "onehot-dense"


def _name_in_imputer(part: SimpleImputer) -> None:
    marker = part.missing_values
    if np.asarray(part.statistics_).dtype.kind in "OU" and not _all_numbers(part.statistics_):
        part.missing_values = MISSING_TEXT
    elif isinstance(marker, int) and not isinstance(marker, bool):
        part.missing_values = float(marker)
    elif not isinstance(marker, float):
        part.missing_values = float("nan")
    if _all_numbers(part.statistics_):
        part.statistics_ = np.asarray(part.statistics_, dtype=float)


def _all_numbers(values: Any) -> bool:
    return all(
        isinstance(value, int | float | np.number) for value in np.asarray(values, dtype=object).tolist()
    )


def _named(categories: Any) -> Any:
    values = categories.tolist()
    if not any(isinstance(value, str) for value in values):
        return categories
    named = [MISSING_TEXT if value is None or value != value else value for value in values]
    return np.array(named, dtype=object)


def with_cast(estimator: Any) -> Any:
    """The pipeline with a cast to float32 before its last step: what scikit-learn's trees do with their input."""
    if not isinstance(estimator, Pipeline):
        return Pipeline([("cast", CastTransformer(dtype=np.float32)), ("last", estimator)])
    before, last = estimator.steps[:-1], estimator.steps[-1]
    return Pipeline([*before, ("cast_before_trees", CastTransformer(dtype=np.float32)), last])
