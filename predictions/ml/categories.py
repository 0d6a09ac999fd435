"""Columns that were of pandas' category dtype in training, where an estimator wants them so again."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from predictions.ml.anatomy import unwrap


def category_columns(estimator: Any) -> dict[int, list[Any]]:
    """By place: the categories, in the order of their codes. Empty for estimators that encode columns themselves."""
    booster = getattr(unwrap(estimator), "booster_", None)
    # A booster of another library may have this attribute too; that must not stop a build.
    with suppress(Exception):
        listed = booster.pandas_categorical if booster is not None else None
        if listed:
            places = _places_of(booster)
            if len(places) == len(listed):
                return dict(zip(places, listed))
    return {}


def _places_of(booster: Any) -> list[int]:
    """LightGBM knows categories by the order of such columns; which ones these are stands in its parameters."""
    text = booster.model_to_string(num_iteration=1)
    for line in text.splitlines():
        if line.startswith("[categorical_feature:"):
            listed = line[len("[categorical_feature:") :].rstrip("]").strip()
            return [int(place) for place in listed.split(",")] if listed else []
    infos = booster.dump_model(num_iteration=1).get("feature_infos", {})
    names = booster.feature_name()
    return [place for place, name in enumerate(names) if infos.get(name, {}).get("values")]
