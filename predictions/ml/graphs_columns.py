"""What the operators behind a graph's inputs give away: categories, ranges, middles, and whether values may be missing.

Values are followed forward through the operators that converters put between an input and the estimator, as long as
each column still is one input's own value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper

from predictions.ml.columns import ColumnFacts, Flow, Origin
from predictions.ml.plan import Feed

MOST_CATEGORIES = 200
SPREAD = 3.0
MARGIN = 0.1
Array = np.ndarray[Any, Any]


class Trace:
    """The columns on their way through the graph. ``facts`` has one entry per field."""

    def __init__(self, proto: onnx.ModelProto, feeds: Sequence[Feed], fields: int) -> None:
        self.facts = [ColumnFacts() for _ in range(fields)]
        self.flows: dict[str, Flow] = {
            feed.name: [Origin(column) for column in feed.columns]
            for feed in feeds
            if feed.layout in ("matrix", "column")
        }
        self.constants: dict[str, Array] = {
            tensor.name: numpy_helper.to_array(tensor)
            for tensor in proto.graph.initializer
            if len(tensor.dims) < 3
        }
        for node in proto.graph.node:
            if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            elif node.op_type in _STEPS:
                _STEPS[node.op_type](self, node)

    def flow(self, node: onnx.NodeProto, place: int = 0) -> Flow | None:
        """The columns on one of a node's inputs; None when they are no longer followed."""
        return self.flows.get(node.input[place]) if place < len(node.input) else None

    def give(self, node: onnx.NodeProto, flow: Flow | None, place: int = 0) -> None:
        """Put columns on one of a node's outputs."""
        if flow is not None and place < len(node.output):
            self.flows[node.output[place]] = flow


def column_facts(proto: onnx.ModelProto, feeds: Sequence[Feed], fields: int) -> list[ColumnFacts]:
    """One entry per field; a graph that is built otherwise than expected gives empty ones."""
    try:
        return Trace(proto, feeds, fields).facts
    except (ValueError, IndexError, TypeError, OverflowError):
        return [ColumnFacts() for _ in range(fields)]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}


def _same(trace: Trace, node: onnx.NodeProto) -> None:
    trace.give(node, trace.flow(node))


def _concat(trace: Trace, node: onnx.NodeProto) -> None:
    flows = [trace.flow(node, place) for place in range(len(node.input))]
    if _attributes(node).get("axis") in (1, -1) and all(flow is not None for flow in flows):
        trace.give(node, [origin for flow in flows if flow for origin in flow])


def _select(trace: Trace, node: onnx.NodeProto) -> None:
    flow, places = trace.flow(node), trace.constants.get(node.input[1])
    if node.op_type == "Gather" and _attributes(node).get("axis", 0) not in (1, -1):
        return
    if flow is not None and places is not None:
        trace.give(node, [flow[int(place)] for place in places.reshape(-1)])


def _split(trace: Trace, node: onnx.NodeProto) -> None:
    flow = trace.flow(node)
    if flow is None or _attributes(node).get("axis", 0) not in (1, -1) or len(node.output) != len(flow):
        return
    for place, origin in enumerate(flow):
        trace.give(node, [origin], place)


def _scaler(trace: Trace, node: onnx.NodeProto) -> None:
    flow, given = trace.flow(node), _attributes(node)
    if flow is None:
        return
    offsets = _stretched(given.get("offset", [0.0]), len(flow))
    scales = _stretched(given.get("scale", [1.0]), len(flow))
    moved = [_moved(origin, -offset) for origin, offset in zip(flow, offsets, strict=True)]
    _finish_scaling(trace, node, moved, scales)


def _shift(trace: Trace, node: onnx.NodeProto) -> None:
    flow, constant = trace.flow(node), trace.constants.get(node.input[1])
    if flow is None or constant is None or constant.size not in (1, len(flow)):
        return
    sign = -1.0 if node.op_type == "Sub" else 1.0
    amounts = _stretched(constant.reshape(-1).tolist(), len(flow))
    trace.give(node, [_moved(origin, sign * amount) for origin, amount in zip(flow, amounts, strict=True)])


def _stretch(trace: Trace, node: onnx.NodeProto) -> None:
    flow, constant = trace.flow(node), trace.constants.get(node.input[1])
    if flow is None or constant is None or constant.size not in (1, len(flow)):
        return
    factors = _stretched(constant.reshape(-1).astype(float).tolist(), len(flow))
    if node.op_type == "Div":
        factors = [1 / factor if factor else 1.0 for factor in factors]
    _finish_scaling(trace, node, flow, factors)


def _finish_scaling(trace: Trace, node: onnx.NodeProto, flow: Flow, factors: Sequence[float]) -> None:
    scaled = [
        origin.scaled(factor, 0.0) if origin is not None and factor else None
        for origin, factor in zip(flow, factors, strict=True)
    ]
    for origin in scaled:
        if origin is not None and origin.offset:
            _learn_spread(trace.facts[origin.column], origin)
    trace.give(node, scaled)


def _learn_spread(facts: ColumnFacts, origin: Origin) -> None:
    """A value that is centred and scaled has a mean of 0 and a deviation of 1 here, or goes from 0 to 1."""
    facts.typical = origin.back(0.0)
    facts.learn_range(origin.back(-SPREAD), origin.back(SPREAD), "spread")


def _moved(origin: Origin | None, amount: float) -> Origin | None:
    return None if origin is None else origin.scaled(1.0, float(amount))


def _stretched(values: Sequence[float], width: int) -> list[float]:
    return [float(value) for value in values] if len(values) == width else [float(values[0])] * width


def _imputer(trace: Trace, node: onnx.NodeProto) -> None:
    flow, given = trace.flow(node), _attributes(node)
    if flow is None:
        return
    filled = given.get("imputed_value_floats") or given.get("imputed_value_int64s") or []
    marker = given.get("replaced_value_float", given.get("replaced_value_int64", 0))
    for place, origin in enumerate(flow):
        if origin is not None and len(filled):
            trace.facts[origin.column].typical = origin.back(filled[place if len(filled) > 1 else 0])
            trace.facts[origin.column].missing = marker
    trace.give(node, flow)


def _one_hot(trace: Trace, node: onnx.NodeProto) -> None:
    flow, given = trace.flow(node), _attributes(node)
    values = given.get("cats_strings") or given.get("cats_int64s") or []
    _learn_categories(trace, flow, values, bool(given.get("zeros", 1)))


def _encode(trace: Trace, node: onnx.NodeProto) -> None:
    given = _attributes(node)
    values = given.get("keys_strings") or given.get("classes_strings") or given.get("keys_int64s") or []
    _learn_categories(trace, trace.flow(node), values, False)


def _learn_categories(trace: Trace, flow: Flow | None, values: Sequence[Any], handles_unseen: bool) -> None:
    if flow is None or len(flow) != 1 or flow[0] is None or not 0 < len(values) <= MOST_CATEGORIES:
        return
    origin = flow[0]
    if (origin.scale, origin.offset) == (1.0, 0.0):
        facts = trace.facts[origin.column]
        facts.categories = tuple(value.decode() if isinstance(value, bytes) else value for value in values)
        facts.handles_unseen = handles_unseen


def _trees(trace: Trace, node: onnx.NodeProto) -> None:
    flow, given = trace.flow(node), _attributes(node)
    if flow is None:
        return
    places = np.asarray(given.get("nodes_featureids", []), dtype=int)
    values = np.asarray(given.get("nodes_values", []), dtype=float)
    inner = np.array([mode != b"LEAF" for mode in given.get("nodes_modes", [])], dtype=bool)
    tracks = given.get("nodes_missing_value_tracks_true") or []
    for place, origin in enumerate(flow):
        if origin is None:
            continue
        facts = trace.facts[origin.column]
        found = values[inner & (places == place)] if len(inner) == len(values) == len(places) else values[:0]
        if len(found):
            margin = MARGIN * (found.max() - found.min())
            facts.learn_range(origin.back(found.min() - margin), origin.back(found.max() + margin), "splits")
        if any(tracks) and facts.missing is None:
            facts.missing = float("nan")


_STEPS: Final[dict[str, Callable[[Trace, onnx.NodeProto], None]]] = {
    "Identity": _same,
    "Cast": _same,
    "Concat": _concat,
    "FeatureVectorizer": _same,
    "ArrayFeatureExtractor": _select,
    "Gather": _select,
    "Split": _split,
    "Scaler": _scaler,
    "Sub": _shift,
    "Add": _shift,
    "Div": _stretch,
    "Mul": _stretch,
    "Imputer": _imputer,
    "OneHotEncoder": _one_hot,
    "LabelEncoder": _encode,
    "TreeEnsembleClassifier": _trees,
    "TreeEnsembleRegressor": _trees,
}
