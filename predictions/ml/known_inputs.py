"""Which inputs a fitted estimator takes: their names and their number, in every version of the libraries.

scikit-learn keeps ``n_features_in_`` since 0.24 and ``feature_names_in_`` since 1.0; before that each estimator has its
own way of remembering, and so have the libraries beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Callable

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion

from predictions.ml.anatomy import steps_of, unwrap

GIVEN_NAMES = re.compile(r"(f|Column_|)\d+")
"""What XGBoost, LightGBM and CatBoost call inputs that had no names."""

NAMES = ("feature_names_in_", "_feature_names_in", "_df_columns", "feature_names_", "feature_name_")
COUNTS = ("n_features_", "_n_features", "n_input_feats_", "_dim")
WIDE = (
    "mean_",
    "scale_",
    "center_",
    "data_min_",
    "statistics_",
    "max_abs_",
    "lambdas_",
    "categories_",
    "scores_",
)
"""Attributes with one entry for each input."""

ROWS = ("coef_", "theta_", "means_", "cluster_centers_", "components_", "_fit_X", "feature_log_prob_")
"""Attributes whose last axis counts the inputs; ``coef_`` of a linear estimator for one target has only that axis."""


def input_names(estimator: Any) -> list[str] | None:
    """The names of the columns it was fitted on, in order; None when it was fitted without names."""
    for step in _first_steps(estimator):
        for names in _remembered_names(step):
            if len(names) and not all(GIVEN_NAMES.fullmatch(str(name)) for name in names):
                return [str(name) for name in names]
    return None


def input_count(estimator: Any) -> int | None:
    """How many columns it takes; None when nothing in it says so."""
    names = input_names(estimator)
    if names is not None:
        return len(names)
    for step in _first_steps(estimator):
        for count in COUNTERS:
            found = None
            with suppress(Exception):
                found = count(step)
            if found:
                return int(found)
    return None


def _first_steps(estimator: Any) -> Iterator[Any]:
    """The estimator, then its steps as long as each of them leaves the columns as they are, then what these hold."""
    estimator = unwrap(estimator)
    yield estimator
    for step in steps_of(estimator):
        if step is not estimator:
            yield step
            yield from _held(step)
        if not _keeps_columns(step):
            break
    yield from _held(estimator)


def _held(step: Any) -> Iterator[Any]:
    """Estimators inside that see the same columns: of ensembles, calibrations, unions and transformed targets."""
    if isinstance(step, FeatureUnion):
        yield from (part for _, part in step.transformer_list if not isinstance(part, str))
    for name in ("regressor_", "estimator_", "base_estimator_", "estimators_", "calibrated_classifiers_"):
        inner = getattr(step, name, None)
        if inner is None or (name == "estimators_" and hasattr(step, "estimators_features_")):
            continue
        for part in np.asarray(inner, dtype=object).reshape(-1)[:1]:
            for held in (part, getattr(part, "base_estimator", None), getattr(part, "estimator", None)):
                if held is not None and not isinstance(held, str):
                    yield held


def _keeps_columns(step: Any) -> bool:
    """Is the number of columns behind this step the same as before it (scalers), or is it a sampler?"""
    return hasattr(step, "fit_resample") or type(step).__name__.endswith(("Scaler", "Normalizer"))


def _remembered_names(step: Any) -> Iterator[Any]:
    for attribute in NAMES:
        with suppress(Exception):
            names = getattr(step, attribute, None)
            if names is not None and not isinstance(names, (str, dict)) and not callable(names):
                yield list(names)
    with suppress(Exception):
        names = step.get_booster().feature_names if hasattr(step, "get_booster") else None
        if names:
            yield list(names)
    if isinstance(step, ColumnTransformer):
        yield _named_columns(step)


def _named_columns(step: Any) -> list[str]:
    """The names a column transformer asks for, where nothing else says what the table's columns were (before 0.22)."""
    named: list[str] = []
    for _, _, columns in step.transformers_:
        listed = [columns] if isinstance(columns, str) else columns
        if isinstance(listed, (list, tuple, np.ndarray)) or hasattr(listed, "tolist"):
            named += [name for name in listed if isinstance(name, str) and name not in named]
    total = int(getattr(step, "_n_features", None) or len(named))
    spare = (f"column_{place + 1}" for place in range(total))
    return named + [next(spare) for _ in range(total - len(named))] if named else []


def _attribute(name: str) -> Callable[[Any], Any]:
    return lambda step: getattr(step, name, None)


def _length(name: str) -> Callable[[Any], Any]:
    return lambda step: len(getattr(step, name))


def _last_axis(name: str) -> Callable[[Any], Any]:
    return lambda step: np.asarray(getattr(step, name)).shape[-1]


def _of_kernel(step: Any) -> Any:
    return step.shape_fit_[1]


def _of_tree(step: Any) -> Any:
    return step.tree_.n_features


def _of_booster(step: Any) -> Any:
    return step.get_booster().num_features()


def _of_vectors(step: Any) -> Any:
    return step.support_vectors_.shape[1]


def _of_weights(step: Any) -> Any:
    return step.x_weights_.shape[0]


def _of_layers(step: Any) -> Any:
    return step.coefs_[0].shape[0]


COUNTERS: list[Callable[[Any], Any]] = [
    _attribute("n_features_in_"),
    # A recursive selection counts what it kept under the name that others use for what they take.
    _length("ranking_"),
    *map(_attribute, COUNTS),
    _of_weights,
    _of_kernel,
    _of_tree,
    _of_booster,
    _of_layers,
    *map(_length, WIDE),
    *map(_last_axis, ROWS),
    _of_vectors,
]
