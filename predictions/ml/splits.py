"""Where trees divide, and what neighbours remember: ranges and thresholds of the columns that reach an estimator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from predictions.ml.columns import ColumnFacts, Flow, Origin

ENOUGH_SPLITS = 30
MARGIN = 2.0
"""Trees divide inside the training range, so a usual range from splits is their span and twice as much on either side.
Measured on five data sets and three forests each (91 columns with 30 distinct splits or more): 99.6 % of the training
values of every column lie inside; with 10 splits and a margin of 1 it was 79 % of the worst. A wrong warning is worse
than none, so columns with fewer splits get no range.
"""


def learn_splits(estimator: Any, flow: Flow, facts: list[ColumnFacts]) -> None:
    """Thresholds of trees, forests and boosted trees; exact ranges of neighbour methods, which keep their rows.

    A range from splits is an estimate and loses against any other source.
    """
    _learn_histogram(estimator, flow, facts)
    found: dict[int, set[float]] = {}
    for tree in _trees(estimator):
        for place, threshold in zip(tree.feature.tolist(), tree.threshold.tolist()):
            if place >= 0:
                found.setdefault(place, set()).add(threshold)
    for place, thresholds in found.items():
        origin = flow[place] if place < len(flow) else None
        if origin is not None:
            _learn(origin, sorted(thresholds), facts[origin.column])
    _learn_neighbours(estimator, flow, facts)


def _trees(estimator: Any) -> Iterator[Any]:
    if hasattr(estimator, "tree_"):
        yield estimator.tree_
        return
    inner = getattr(estimator, "estimators_", None)
    if inner is not None and not hasattr(estimator, "estimators_features_"):
        for part in np.asarray(inner, dtype=object).reshape(-1):
            if hasattr(part, "tree_"):
                yield part.tree_


def _learn(origin: Origin, thresholds: list[float], fact: ColumnFacts) -> None:
    step = max(1, len(thresholds) // 500)
    for value in thresholds[::step]:
        fact.learn_threshold(origin.back(value))
    if len(thresholds) >= ENOUGH_SPLITS:
        low, high = sorted((origin.back(thresholds[0]), origin.back(thresholds[-1])))
        span = (high - low) * MARGIN
        fact.learn_range(max(low - span, 0.0) if low >= 0 else low - span, high + span, "splits")


def _learn_histogram(estimator: Any, flow: Flow, facts: list[ColumnFacts]) -> None:
    mapper = getattr(estimator, "_bin_mapper", None)
    if mapper is None or getattr(estimator, "_preprocessor", None) is not None:
        return
    for origin, thresholds in zip(flow, mapper.bin_thresholds_):
        if origin is not None and thresholds is not None and len(thresholds):
            _learn(origin, sorted(float(value) for value in thresholds), facts[origin.column])


def _learn_neighbours(estimator: Any, flow: Flow, facts: list[ColumnFacts]) -> None:
    kept = getattr(estimator, "_fit_X", None)
    if not isinstance(kept, np.ndarray) or kept.ndim != 2 or kept.dtype.kind not in "fiu":
        return
    for place, origin in enumerate(flow[: kept.shape[1]]):
        if origin is not None:
            low, high = float(np.nanmin(kept[:, place])), float(np.nanmax(kept[:, place]))
            facts[origin.column].learn_range(origin.back(low), origin.back(high), "seen")
