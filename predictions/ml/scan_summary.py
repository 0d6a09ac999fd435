"""What a whole file takes and answers, gathered from the nodes of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Node = dict[str, Any]
_PARTS: Final = frozenset({"pipeline", "columns", "union", "search", "transformer", "estimator"})
_PREDICTORS: Final = frozenset({"pipeline", "search", "estimator"})
_FIRST_KEYS: Final = ("model", "pipeline", "estimator", "classifier", "regressor", "clf", "best_model")


def summary_of(top: Node) -> dict[str, Any]:
    """``n_features_in``, ``feature_names``, ``inputs_used``, ``choices``, ``classes``, ``task``, ``predictor``.

    What the file does not say is left out. ``predictor`` is the place of the model in a bundle.
    """
    place, predictor = _predictor(top)
    if predictor is None:
        return {}
    names, count = predictor.get("feature_names"), predictor.get("n_features_in")
    if names is None:
        names = _sibling_names(top, predictor, count)
    final = final_of(predictor)
    found = {
        "predictor": place,
        "n_features_in": count if count is not None else (len(names) if names else None),
        "feature_names": names,
        "inputs_used": _used(predictor),
        "choices": _choices(predictor, names),
        "classes": _first(predictor, final, "classes"),
        "task": _first(predictor, final, "task"),
    }
    return {key: value for key, value in found.items() if value not in (None, "", {}, [])}


def _first(predictor: Node, final: Node, key: str) -> Any:
    return final.get(key, predictor.get(key))


def final_of(node: Node) -> Node:
    """The estimator that answers: the last step of a pipeline, the best one of a search."""
    for _ in range(10):
        if node["kind"] == "pipeline" and node.get("steps"):
            node = node["steps"][-1]
        elif node["kind"] == "search" and "best_estimator" in node.get("inside", {}):
            node = node["inside"]["best_estimator"]
        else:
            break
    return node


def _predictor(top: Node) -> tuple[str, Node | None]:
    if top["kind"] in _PARTS:
        return "", top
    items = list(_items(top))
    for wanted in _FIRST_KEYS:
        for place, node in items:
            if place == wanted and node["kind"] in _PREDICTORS:
                return place, node
    kinds = [(place, node) for place, node in items if node["kind"] in _PREDICTORS]
    return (
        kinds[0]
        if kinds
        else next(((place, node) for place, node in items if node["kind"] in _PARTS), ("", None))
    )


def _items(top: Node) -> Iterator[tuple[str, Node]]:
    items = top.get("items")
    if isinstance(items, dict):
        yield from items.items()
    elif isinstance(items, list):
        yield from ((str(place), node) for place, node in enumerate(items))


def _sibling_names(top: Node, predictor: Node, count: int | None) -> list[str] | None:
    """The names a transformer beside the model knows, or a list of as many names, where the model has none."""
    siblings = [node for _, node in _items(top) if node is not predictor]
    for node in siblings:
        names = node.get("feature_names")
        if names and (count is None or len(names) == count or node["kind"] == "columns"):
            return list(names)
    for node in siblings:
        values = node.get("values")
        if (
            isinstance(values, list)
            and len(values) == count
            and all(isinstance(name, str) for name in values)
        ):
            return values
    return None


def walk(node: Node) -> Iterator[Node]:
    """The node and all parts inside it."""
    yield node
    for key in ("steps", "parts", "members"):
        for part in node.get(key, ()):
            yield from walk(part)
    for part in node.get("inside", {}).values():
        yield from walk(part)
    for _, part in _items(node):
        yield from walk(part)


def _first_columns(node: Node) -> Node | None:
    """The column transformer that sees the raw columns: the node itself, or the first step of its pipeline."""
    for _ in range(10):
        if node["kind"] == "columns":
            return node
        if node["kind"] == "pipeline" and node.get("steps"):
            node = next((step for step in node["steps"] if step["kind"] != "word"), node["steps"][0])
        elif node.get("inside"):
            node = next(iter(node["inside"].values()))
        else:
            break
    return None


def _used(predictor: Node) -> list[Any] | None:
    """The columns a column transformer takes, where it drops some; None when it uses all or that is not known."""
    columns = _first_columns(predictor)
    if columns is None or "feature_names" not in columns:
        return None
    used: set[Any] = set()
    for part in columns["parts"]:
        if part.get("word") == "drop":
            continue
        if part["columns"] is None:
            return None
        used.update(part["columns"])
    names = [name for name in columns["feature_names"] if name in used]
    return names if len(names) < len(columns["feature_names"]) else None


def _choices(predictor: Node, names: list[str] | None) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    columns = _first_columns(predictor)
    parts = columns["parts"] if columns is not None else [{**predictor, "columns": names}]
    for part in parts:
        listed = part.get("columns") or ()
        encoder = _encoder(part)
        if encoder is None or len(encoder) != len(listed):
            continue
        for column, choices in zip(listed, encoder, strict=True):
            if choices:
                found.setdefault(str(column), choices)
    return found


def _encoder(part: Node) -> list[Any] | None:
    """The categories that the first encoder of a part learned."""
    steps = part.get("steps") if part["kind"] == "pipeline" else [part]
    return next((step["categories"] for step in steps or () if "categories" in step), None)
