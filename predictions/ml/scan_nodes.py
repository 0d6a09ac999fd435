"""The facts of each part of a file as JSON: class, parameters, what it learned that is small, and the parts inside it."""

from __future__ import annotations

from typing import Any, Final

from predictions.ml.scan_inputs import boosters_of, columns_of, count_of, names_of, parts_of, sequence_of
from predictions.ml.scan_kinds import class_of, is_part, kind_of, task_of
from predictions.ml.scan_symbols import Array, Blob, Global, Listing, Symbol, Table
from predictions.ml.scan_values import Values, array_of, clean, inner

NODES_LIMIT = 400
DEPTH_LIMIT = 10
PARAMS_LIMIT = 80
MEMBERS_LIMIT = 12
ITEMS_LIMIT = 60
CHOICES_LIMIT = 200
STATISTICS_LIMIT = 300
PARAM_LIST_LIMIT = 50
_STATISTICS: Final = (
    "mean_",
    "scale_",
    "var_",
    "data_min_",
    "data_max_",
    "center_",
    "statistics_",
    "coef_",
    "intercept_",
    "offset_",
)
_LEARNED: Final = ("best_params_", "best_score_", "n_outputs_", "n_classes_", "sparse_output_", "drop_idx_")
_SHOWN_INSIDE: Final = ("estimator", "base_estimator", "regressor", "classifier", "transformer", "pipeline")
_VERSION: Final = "_sklearn_version"


class Describer:
    """Makes nodes; one per file, because it counts them."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._left = NODES_LIMIT

    def node(self, value: Any, depth: int = 0) -> dict[str, Any]:
        """A part, a container of parts or a plain value, with what is inside it."""
        self._left -= 1
        if self._left < 0 or depth > DEPTH_LIMIT:
            return {"kind": "more"}
        if is_part(value):
            return self._part(value, depth)
        value = inner(value)
        if isinstance(value, Table):
            return self._table(value, depth)
        if isinstance(value, Listing | tuple):
            return self._sequence(value, depth)
        return self._plain(value)

    def _table(self, table: Table, depth: int) -> dict[str, Any]:
        pairs = list(table.items.items())[:ITEMS_LIMIT]
        items = {clean(key): self.node(value, depth + 1) for key, value in pairs}
        return {"kind": "dict", "count": table.count, "items": items}

    def _sequence(self, value: Listing | tuple[Any, ...], depth: int) -> dict[str, Any]:
        items = value.items if isinstance(value, Listing) else list(value)
        kind = value.kind if isinstance(value, Listing) else "tuple"
        count = value.count if isinstance(value, Listing) else len(value)
        if items and all(item is None or isinstance(item, str | int | float) for item in items):
            return {"kind": "values", "count": count, "values": self._values.plain(value)}
        nodes = [self.node(item, depth + 1) for item in items[:ITEMS_LIMIT]]
        return {"kind": kind, "count": count, "items": nodes}

    def _plain(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Array):
            shape = [int(length) for length in value.shape]
            return {"kind": "array", "dtype": clean(value.code), "shape": shape, "values": self._short(value)}
        if isinstance(value, Global):
            return {"kind": "function", "module": clean(value.module), "name": clean(value.name)}
        if isinstance(value, Blob):
            return {"kind": "bytes", "size": value.size}
        plain = self._values.plain(value)
        if isinstance(plain, dict) and "object" in plain:
            return {"kind": "object", "class": plain["object"]}
        return {"kind": "value", "value": plain}

    def _part(self, symbol: Symbol, depth: int) -> dict[str, Any]:
        cls = class_of(symbol) or symbol.cls
        kind = kind_of(symbol)
        node: dict[str, Any] = {"kind": kind, "class": clean(cls.name), "module": clean(cls.module)}
        version = symbol.state.items.get(_VERSION)
        names = names_of(symbol, self._values)
        known = {
            "version": clean(version) if isinstance(version, str) else None,
            "task": task_of(symbol) if kind == "estimator" else None,
            "n_features_in": count_of(symbol, self._values),
            "feature_names": names,
            "params": self._params(symbol),
            "learned": self._learned(symbol),
            "classes": self._classes(symbol),
            "categories": self._categories(symbol),
            "statistics": self._statistics(symbol),
            "booster": next(iter(boosters_of(symbol)), None),
        }
        node.update({key: value for key, value in known.items() if value not in (None, "", {}, [])})
        return {**node, **self._inside(symbol, kind, names, depth)}

    def _params(self, symbol: Symbol) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in list(symbol.state.items.items())[: 2 * PARAMS_LIMIT]:
            if key.startswith("_") or key.endswith("_") or len(found) >= PARAMS_LIMIT or is_part(value):
                continue
            plain = self._values.plain(value)
            if isinstance(plain, list) and (len(plain) > PARAM_LIST_LIMIT or _holds_objects(plain)):
                continue
            if isinstance(plain, dict) and not {"name"} >= plain.keys():
                continue
            found[clean(key)] = plain
        return found

    def _learned(self, symbol: Symbol) -> dict[str, Any]:
        items = symbol.state.items
        found: dict[str, Any] = {key: self._values.plain(items[key]) for key in _LEARNED if key in items}
        vocabulary = inner(items.get("vocabulary_"))
        if isinstance(vocabulary, Table):
            found["vocabulary_size"] = vocabulary.count
        return found

    def _classes(self, symbol: Symbol) -> Any:
        items = symbol.state.items
        known = next((items[key] for key in ("classes_", "_classes") if key in items), None)
        if known is not None:
            plain = self._values.plain(known)
            return plain[:CHOICES_LIMIT] if isinstance(plain, list) else None
        count = items.get("n_classes_")
        if type(count) is int and 1 < count <= CHOICES_LIMIT and symbol.cls.top == "xgboost":
            return list(range(count))
        return next((facts["classes"] for facts in boosters_of(symbol) if "classes" in facts), None)

    def _categories(self, symbol: Symbol) -> list[Any]:
        found = symbol.state.items.get("categories_")
        return [self._choices(item) for item in sequence_of(found)[:ITEMS_LIMIT]]

    def _choices(self, value: Any) -> Any:
        plain = self._values.plain(value)
        if not isinstance(plain, list):
            return None
        return plain if len(plain) <= CHOICES_LIMIT else [*plain[:CHOICES_LIMIT], "…"]

    def _statistics(self, symbol: Symbol) -> dict[str, Any]:
        items = symbol.state.items
        found = {key: self._short(items[key]) for key in _STATISTICS if key in items}
        return {key: value for key, value in found.items() if value is not None}

    def _short(self, value: Any) -> Any:
        """A small array's values; None for what is not small."""
        array = array_of(value)
        plain = self._values.plain(value) if array is None or _size(array) <= STATISTICS_LIMIT else None
        return None if isinstance(plain, dict) else plain

    def _inside(self, symbol: Symbol, kind: str, names: list[str] | None, depth: int) -> dict[str, Any]:
        if kind == "columns":
            return {"parts": self._columns(symbol, names, depth)}
        if kind in ("pipeline", "union"):
            steps = [self._named(name, part, depth) for name, part, _ in list(parts_of(symbol))[:ITEMS_LIMIT]]
            return {"steps": steps}
        found: dict[str, Any] = {}
        for key in ("best_estimator_",) if kind == "search" else _SHOWN_INSIDE:
            value = symbol.state.items.get(f"{key}_", symbol.state.items.get(key))
            if is_part(value):
                found[key.rstrip("_")] = self.node(value, depth + 1)
        members = self._members(symbol, depth)
        return {**({"inside": found} if found else {}), **({"members": members} if members else {})}

    def _named(self, name: str, part: Any, depth: int) -> dict[str, Any]:
        if isinstance(part, str) or part is None:
            return {"name": clean(name), "kind": "word", "word": clean(part or "passthrough")}
        return {"name": clean(name), **self.node(part, depth + 1)}

    def _columns(self, symbol: Symbol, names: list[str] | None, depth: int) -> list[dict[str, Any]]:
        return [
            {**self._named(name, part, depth), "columns": columns_of(columns, names, self._values)}
            for name, part, columns in list(parts_of(symbol))[:ITEMS_LIMIT]
        ]

    def _members(self, symbol: Symbol, depth: int) -> list[dict[str, Any]]:
        """The different estimators of an ensemble by name; of a forest's equal ones only the first and their number."""
        pairs = [tuple(sequence_of(entry)) for entry in sequence_of(symbol.state.items.get("estimators"))]
        named = [pair for pair in pairs if len(pair) == 2 and isinstance(pair[0], str) and is_part(pair[1])]
        fitted = [item for item in sequence_of(symbol.state.items.get("estimators_")) if is_part(item)]
        if named:
            parts = fitted if len(fitted) == len(named) else [part for _, part in named]
            return [
                self._named(name, part, depth)
                for (name, _), part in list(zip(named, parts, strict=True))[:MEMBERS_LIMIT]
            ]
        if not fitted:
            return []
        cls = class_of(fitted[0])
        return [{"kind": "equal", "class": clean(cls.name) if cls else "", "count": len(fitted)}]


def _size(array: Array) -> int:
    size = 1
    for length in array.shape:
        size *= length
    return size


def _holds_objects(items: list[Any]) -> bool:
    return any(isinstance(item, dict | list) for item in items)
