"""How many inputs a part takes, what they are called, and which choices they have: read from symbols of fitted parts.

Newer scikit-learn writes both down (``n_features_in_``, ``feature_names_in_``); in older files the count shows in the
shapes of what was learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from predictions.ml.scan_boosters import booster_facts
from predictions.ml.scan_kinds import is_label_encoder, is_part
from predictions.ml.scan_symbols import Array, Listing, Symbol
from predictions.ml.scan_values import Values, array_of, inner

NESTING_LIMIT = 12
_COUNTS: Final = ("n_features_in_", "n_features_", "_n_features", "_n_features_in", "n_features")
_LENGTHS: Final = ("mean_", "scale_", "data_min_", "center_", "statistics_", "n_samples_seen_", "idf_")
_WIDTHS: Final = (
    "coef_",
    "theta_",
    "feature_log_prob_",
    "cluster_centers_",
    "components_",
    "support_vectors_",
    "_fit_X",
)
_NAMES: Final = ("feature_names_in_", "_feature_names_in", "_df_columns", "feature_names_")
_INSIDE: Final = (
    "best_estimator_",
    "regressor_",
    "classifier_",
    "estimator_",
    "base_estimator_",
    "pipeline_",
    "estimator",
    "base_estimator",
)
_LISTS: Final = ("estimators_", "calibrated_classifiers_")
_BOOSTERS: Final = ("_Booster", "booster_", "_model", "_object")


def parts_of(symbol: Symbol) -> Iterator[tuple[str, Any, Any]]:
    """(name, part, columns or None) of a pipeline, union or column transformer, in order."""
    items = symbol.state.items
    key = next(
        (name for name in ("steps", "transformers_", "transformer_list", "transformers") if name in items), ""
    )
    for entry in sequence_of(items.get(key)):
        parts = tuple(sequence_of(entry))
        if len(parts) >= 2 and isinstance(parts[0], str):
            yield parts[0], parts[1], parts[2] if len(parts) > 2 else None


def sequence_of(value: Any) -> list[Any]:
    """The items that were kept of a list, tuple or array of objects; empty for anything else."""
    value = inner(value)
    if isinstance(value, Listing):
        return value.items
    if isinstance(value, Array):
        return list(value.items or ())
    return list(value) if isinstance(value, tuple) else []


def count_of(value: Any, values: Values, depth: int = 0) -> int | None:
    """How many columns a fitted part takes, None when the file does not say."""
    if not isinstance(value, Symbol) or depth > NESTING_LIMIT or not values.search():
        return None
    items = value.state.items
    for name in _COUNTS:
        known = values.plain(items.get(name))
        if type(known) is int and known >= 0:
            return known
    for name in ("steps", "transformer_list"):
        if name in items:
            counts = (count_of(part, values, depth + 1) for _, part, _ in parts_of(value))
            return next((count for count in counts if count is not None), None)
    by_shape = _count_by_shape(value)
    return by_shape if by_shape is not None else _count_inside(value, values, depth)


def _count_by_shape(symbol: Symbol) -> int | None:
    items = symbol.state.items
    tree = items.get("tree_")
    if isinstance(tree, Symbol) and tree.arguments and type(tree.arguments[0]) is int:
        return tree.arguments[0]
    if "categories_" in items and not is_label_encoder(symbol):
        return len(sequence_of(items["categories_"])) or None
    if "_prediction_values_change" in items:
        return len(sequence_of(items["_prediction_values_change"])) or None
    for name in _LENGTHS:
        array = array_of(items.get(name))
        if array is not None and len(array.shape) == 1:
            return array.shape[0]
    for name in _WIDTHS:
        array = array_of(items.get(name))
        if array is not None and 1 <= len(array.shape) <= 2:
            return array.shape[-1]
    return None


def _count_inside(symbol: Symbol, values: Values, depth: int) -> int | None:
    for part in _inside(symbol):
        count = count_of(part, values, depth + 1)
        if count is not None:
            return count
    for booster in _boosters(symbol):
        count = booster.get("n_features") or len(booster.get("feature_names", ()))
        if count:
            return int(count)
    return None


def _inside(symbol: Symbol) -> Iterator[Any]:
    items = symbol.state.items
    yield from (items[name] for name in _INSIDE if isinstance(items.get(name), Symbol))
    for name in _LISTS:
        yield from sequence_of(items.get(name))[:1]


def _boosters(symbol: Symbol) -> Iterator[dict[str, Any]]:
    candidates = [symbol, *(symbol.state.items.get(name) for name in _BOOSTERS)]
    for candidate in candidates:
        if isinstance(candidate, Symbol):
            facts = booster_facts(candidate)
            if facts:
                yield facts


def boosters_of(symbol: Symbol) -> list[dict[str, Any]]:
    """What the boosters directly in an estimator say: see ``booster_facts``."""
    return list(_boosters(symbol))


def names_of(value: Any, values: Values, depth: int = 0) -> list[str] | None:
    """The names of the columns a fitted part takes, in order, None when the file does not say."""
    if not isinstance(value, Symbol) or depth > NESTING_LIMIT or not values.search():
        return None
    items = value.state.items
    for name in _NAMES:
        known = values.names(items[name]) if name in items else None
        if known:
            return known
    if "steps" in items:
        first = next((part for _, part, _ in parts_of(value) if isinstance(part, Symbol)), None)
        return names_of(first, values, depth + 1)
    candidates = (
        [part for _, part, _ in parts_of(value)] if "transformer_list" in items else list(_inside(value))
    )
    for part in candidates:
        known = names_of(part, values, depth + 1) if is_part(part) else None
        if known:
            return known
    named = (booster.get("feature_names") for booster in _boosters(value))
    return next((names for names in named if names), None)


def columns_of(given: Any, names: list[str] | None, values: Values) -> list[Any] | None:
    """The columns of one part of a column transformer: names where they are known, else positions; None: not said."""
    plain = values.plain(given)
    if isinstance(plain, str | int) and not isinstance(plain, bool):
        plain = [plain]
    if isinstance(plain, dict) and "slice" in plain:
        plain = _sliced(plain["slice"], names)
    if not isinstance(plain, list):
        return None
    if plain and all(isinstance(item, bool) for item in plain):
        plain = [place for place, taken in enumerate(plain) if taken]
    return [_named(item, names) for item in plain]


def _sliced(bounds: list[Any], names: list[str] | None) -> list[Any] | None:
    if len(bounds) != 3 or not all(bound is None or type(bound) is int for bound in bounds):
        return None
    if names is None:
        start, stop = bounds[0] or 0, bounds[1]
        return (
            list(range(start, min(stop, start + 4096)))
            if stop is not None and start >= 0 and stop >= 0
            else None
        )
    return list(range(len(names)))[slice(*bounds)] if bounds[2] != 0 else None


def _named(item: Any, names: list[str] | None) -> Any:
    if type(item) is int and names is not None and -len(names) <= item < len(names):
        return names[item]
    return item if isinstance(item, str | int) else str(item)
