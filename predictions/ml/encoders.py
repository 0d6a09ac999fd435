"""Walk a fitted estimator from its input columns on, and gather what each step says about them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Callable, List

import numpy as np
from sklearn import preprocessing
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.feature_selection import SelectKBest
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from predictions.ml.anatomy import is_vectorizer, unwrap
from predictions.ml.columns import ColumnFacts, Flow, Origin
from predictions.ml.known_inputs import input_count, input_names
from predictions.ml.splits import learn_splits

Facts = List[ColumnFacts]
SelectorMixin: Any = next(kind for kind in SelectKBest.__mro__ if kind.__name__ == "SelectorMixin")
"""Its module has moved twice."""

TargetEncoder: Any = getattr(preprocessing, "TargetEncoder", None)
"""New in scikit-learn 1.3."""

Numbers = Any
"""One number per column: an array or a list."""

SIGMAS = 3.0
"""A standard scaler's usual range is mean +- 3 deviations: 99.7 % of a normal variable (NIST/SEMATECH 1.3.6.6.1)."""

QUARTILE_RANGES = 2.0
"""A robust scaler's usual range is median +- 2 interquartile ranges, which are Tukey's fences of a symmetric variable."""


def column_facts(estimator: Any, width: int) -> Facts:
    """One ``ColumnFacts`` per input column (``width`` of them); what was learned before a step that breaks is kept."""
    facts = [ColumnFacts() for _ in range(width)]
    # Estimators of other libraries may look like ours and lack an attribute; that must not stop a build.
    with suppress(Exception):
        _walk(unwrap(estimator), [Origin(place) for place in range(width)], facts)
    return facts


def missing_markers(estimator: Any) -> dict[int, Any]:
    """By column: what stands for a missing value where the estimator was fitted with something other than NaN."""
    width = input_count(estimator)
    if width is None:
        return {}
    facts = column_facts(estimator, int(width))
    return {place: fact.missing[0] for place, fact in enumerate(facts) if fact.missing is not None}


def _walk(step: Any, flow: Flow, facts: Facts) -> Flow | None:
    """Facts of one step; the columns after it, or None when they can no longer be followed."""
    step = unwrap(step)
    for kind, visit in VISITS:
        if isinstance(step, kind):
            return visit(step, flow, facts)
    learn_splits(step, flow, facts)
    _walk_inner(step, flow, facts)
    return None


def _walk_inner(step: Any, flow: Flow, facts: Facts) -> None:
    """Into the parts of voting, stacking, calibrated and multi-output estimators, which see the same columns."""
    for part in _parts(step):
        _walk(part, flow, facts)


def _parts(step: Any) -> list[Any]:
    calibrated = getattr(step, "calibrated_classifiers_", None)
    if calibrated:
        return [getattr(calibrated[0], "estimator", None)]
    inner = getattr(step, "estimators_", None)
    if inner is None or hasattr(step, "estimators_features_"):
        inner = [getattr(step, "estimator_", None)]
    return [part for part in [*inner, getattr(step, "_preprocessor", None)] if hasattr(part, "get_params")]


def _pipeline(step: Pipeline, flow: Flow, facts: Facts) -> Flow | None:
    after: Flow | None = flow
    for _, part in step.steps:
        if part is None or isinstance(part, str) or hasattr(part, "fit_resample"):
            continue
        if after is None:
            width = input_count(part)
            if width is None:
                return None
            after = [None] * width
        after = _walk(part, after, facts)
    return after


def _columns(step: ColumnTransformer, flow: Flow, facts: Facts) -> Flow | None:
    taken: set[int] = set()
    outgoing: list[Flow | None] = []
    for name, part, columns in step.transformers_:
        places = _places(step, name, columns)
        if (isinstance(part, str) and part == "drop") or not places:
            continue
        taken.update(places)
        inside: Flow = [flow[place] for place in places]
        after = inside if isinstance(part, str) else _walk_part(part, inside, facts)
        outgoing.append(_of_width(after, _width_behind(step, name, part)))
    for place, origin in enumerate(flow):
        if place not in taken and origin is not None:
            facts[origin.column].used = False
    if any(after is None for after in outgoing):
        return None
    return [origin for after in outgoing if after is not None for origin in after]


def _of_width(flow: Flow | None, width: int | None) -> Flow | None:
    """The flow when it has that width, else as many unknown columns; None when the width is not known either."""
    if width is None or (flow is not None and len(flow) == width):
        return flow
    return [None] * width


def _width_behind(step: ColumnTransformer, name: str, part: Any) -> int | None:
    """How many columns one part of a column transformer gives; before scikit-learn 1.0 only encoders tell."""
    where = getattr(step, "output_indices_", {}).get(name)
    if where is not None:
        return int(where.stop - where.start)
    last = part.steps[-1][1] if isinstance(part, Pipeline) else part
    if not isinstance(last, OneHotEncoder):
        return None
    dropped = getattr(last, "drop_idx_", None)
    count = sum(len(categories) for categories in last.categories_)
    return count - (0 if dropped is None else sum(place is not None for place in dropped))


def _places(step: ColumnTransformer, name: str, columns: Any) -> list[int]:
    known = getattr(step, "_transformer_to_input_indices", {}).get(name)
    if known is not None:
        return [int(place) for place in known]
    names = input_names(step) or []
    if isinstance(columns, slice):
        return _places_of_slice(columns, names, input_count(step) or 0)
    listed = np.atleast_1d(np.asarray(columns, dtype=object))
    if listed.size and isinstance(listed[0], (bool, np.bool_)):
        return [int(place) for place in np.flatnonzero(listed.astype(bool))]
    return [names.index(item) if isinstance(item, str) else int(item) for item in listed]


def _places_of_slice(columns: slice, names: list[str], width: int) -> list[int]:
    """Of numbers as in a list; of names with both ends, as pandas cuts."""
    start, stop = columns.start, columns.stop
    if isinstance(start, str):
        start = names.index(start)
    if isinstance(stop, str):
        stop = names.index(stop) + 1
    return list(range(*slice(start, stop, columns.step).indices(width)))


def _walk_part(part: Any, flow: Flow, facts: Facts) -> Flow | None:
    if is_vectorizer(part):
        for origin in flow:
            if origin is not None:
                facts[origin.column].is_text = True
        return None
    return _walk(part, flow, facts)


def _union(step: FeatureUnion, flow: Flow, facts: Facts) -> Flow | None:
    after: Flow | None = []
    for _, part in step.transformer_list:
        branch = flow if part == "passthrough" else [] if part == "drop" else _walk_part(part, flow, facts)
        after = None if after is None or branch is None else after + branch
    return after


def _one_hot(step: Any, flow: Flow, facts: Facts) -> None:
    _categories(step, flow, facts, handles=step.handle_unknown != "error")


def _ordinal(step: OrdinalEncoder, flow: Flow, facts: Facts) -> Flow:
    _categories(step, flow, facts, handles=getattr(step, "handle_unknown", "error") != "error")
    return [None] * len(flow)


def _target(step: Any, flow: Flow, facts: Facts) -> None:
    _categories(step, flow, facts, handles=True)


def _categories(step: Any, flow: Flow, facts: Facts, *, handles: bool) -> None:
    for origin, categories in zip(flow, step.categories_):
        if origin is None or origin.scale != 1.0 or origin.offset != 0.0:
            continue
        fact = facts[origin.column]
        values = np.asarray(categories).tolist()
        if None in values:
            fact.missing = (None,)
        fact.made_for_missing |= any(value is None or value != value for value in values)
        if not fact.categories:
            fact.categories = tuple(value for value in values if value is not None and value == value)
            fact.handles_unseen = handles


def _imputer(step: SimpleImputer, flow: Flow, facts: Facts) -> Flow | None:
    kept: Flow = []
    for origin, filled in zip(flow, np.asarray(step.statistics_, dtype=object).tolist()):
        empty = isinstance(filled, float) and np.isnan(filled)
        if origin is not None:
            _learn_imputer(step, facts[origin.column], None if empty else filled)
        if not empty or getattr(step, "keep_empty_features", False):
            kept.append(origin)
    indicator: MissingIndicator | None = getattr(step, "indicator_", None)
    return kept + [None] * len(indicator.features_) if indicator is not None else kept


def _learn_imputer(step: SimpleImputer, fact: ColumnFacts, filled: Any) -> None:
    fact.made_for_missing = True
    if fact.typical is None:
        fact.typical = filled
    marker = step.missing_values
    is_nan = isinstance(marker, float) and np.isnan(marker)
    if not is_nan and type(marker).__name__ != "NAType":
        fact.missing = (marker,)
    if step.strategy in ("mean", "median"):
        fact.numeric = True


def _ranges(flow: Flow, facts: Facts, low: Numbers, high: Numbers, source: Any) -> None:
    for place, origin in enumerate(flow):
        if origin is not None:
            facts[origin.column].numeric = True
            facts[origin.column].learn_range(
                origin.back(float(low[place])), origin.back(float(high[place])), source
            )


def _typical(flow: Flow, facts: Facts, middle: Numbers) -> None:
    for place, origin in enumerate(flow):
        if origin is not None and facts[origin.column].typical is None:
            facts[origin.column].typical = origin.back(float(middle[place]))


def _scaled(flow: Flow, scale: Numbers, offset: Numbers) -> Flow:
    return [
        None if origin is None else origin.scaled(float(scale[place]), float(offset[place]))
        for place, origin in enumerate(flow)
    ]


def _min_max(step: MinMaxScaler, flow: Flow, facts: Facts) -> Flow:
    _ranges(flow, facts, step.data_min_, step.data_max_, "seen")
    return _scaled(flow, step.scale_, step.min_)


def _max_abs(step: MaxAbsScaler, flow: Flow, facts: Facts) -> Flow:
    _ranges(flow, facts, -step.max_abs_, step.max_abs_, "spread")
    return _scaled(flow, 1 / step.scale_, np.zeros(len(flow)))


def _standard(step: StandardScaler, flow: Flow, facts: Facts) -> Flow:
    zeros, ones = np.zeros(len(flow)), np.ones(len(flow))
    mean = zeros if step.mean_ is None else np.asarray(step.mean_)
    if step.mean_ is not None and step.var_ is not None:
        spread = SIGMAS * np.sqrt(step.var_)
        _ranges(flow, facts, mean - spread, mean + spread, "spread")
        _typical(flow, facts, mean)
    scale = 1 / np.asarray(step.scale_) if step.with_std and step.scale_ is not None else ones
    return _scaled(flow, scale, -mean * scale if step.with_mean else zeros)


def _robust(step: RobustScaler, flow: Flow, facts: Facts) -> Flow:
    center = np.zeros(len(flow)) if step.center_ is None else np.asarray(step.center_)
    width = np.ones(len(flow)) if step.scale_ is None else np.asarray(step.scale_)
    if step.center_ is not None and step.scale_ is not None:
        _ranges(flow, facts, center - QUARTILE_RANGES * width, center + QUARTILE_RANGES * width, "spread")
        _typical(flow, facts, center)
    return _scaled(flow, 1 / width, -center / width)


def _quantile(step: QuantileTransformer, flow: Flow, facts: Facts) -> Flow:
    _ranges(flow, facts, step.quantiles_[0], step.quantiles_[-1], "seen")
    return [None] * len(flow)


def _bins(step: KBinsDiscretizer, flow: Flow, facts: Facts) -> None:
    edges = step.bin_edges_
    _ranges(flow, facts, [edge[0] for edge in edges], [edge[-1] for edge in edges], "seen")
    for origin, inner in zip(flow, edges):
        if origin is not None:
            for edge in inner[1:-1]:
                facts[origin.column].learn_threshold(origin.back(float(edge)))


def _selector(step: Any, flow: Flow, facts: Facts) -> Flow | None:
    kept = step.get_support()
    return [origin for origin, keep in zip(flow, kept) if keep] if len(kept) == len(flow) else None


def _function(step: FunctionTransformer, flow: Flow, facts: Facts) -> Flow | None:
    return flow if step.func is None else None


def _transformed_target(step: TransformedTargetRegressor, flow: Flow, facts: Facts) -> Flow | None:
    return _walk(step.regressor_, flow, facts)


VISITS: list[tuple[Any, Callable[[Any, Flow, Facts], Flow | None]]] = [
    (Pipeline, _pipeline),
    (ColumnTransformer, _columns),
    (FeatureUnion, _union),
    *([(TargetEncoder, _target)] if TargetEncoder is not None else []),
    (OneHotEncoder, _one_hot),
    (OrdinalEncoder, _ordinal),
    (SimpleImputer, _imputer),
    (MinMaxScaler, _min_max),
    (MaxAbsScaler, _max_abs),
    (StandardScaler, _standard),
    (RobustScaler, _robust),
    (QuantileTransformer, _quantile),
    (KBinsDiscretizer, _bins),
    (SelectorMixin, _selector),
    (FunctionTransformer, _function),
    (TransformedTargetRegressor, _transformed_target),
]
