"""Regressors on a transformed target (log, scaled): the graph of the inner regressor, and the way back behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from predictions.ml.anatomy import unwrap
from predictions.ml.functions import FUNCTIONS, append_function

Steps = list[tuple[str, Any]]


class UnknownTarget(Exception):
    """The way back from the transformed target is Python code without an ONNX form."""


def inner_regressor(estimator: Any) -> tuple[Any, Any]:
    """The estimator without its target transformation, and that transformer (None when there is none)."""
    estimator = unwrap(estimator)
    if isinstance(estimator, TransformedTargetRegressor):
        return unwrap(estimator.regressor_), estimator.transformer_
    if isinstance(estimator, Pipeline) and isinstance(
        unwrap(estimator.steps[-1][1]), TransformedTargetRegressor
    ):
        name, last = estimator.steps[-1]
        last = unwrap(last)
        return Pipeline([*estimator.steps[:-1], (name, last.regressor_)]), last.transformer_
    return estimator, None


def way_back(transformer: Any) -> Callable[[ModelProto], None]:
    """A function that appends the inverse of ``transformer`` to a graph's only output. Raises UnknownTarget."""
    if isinstance(transformer, FunctionTransformer):
        if transformer.inverse_func is None:
            return lambda graph: None
        if transformer.inverse_func not in FUNCTIONS or transformer.inv_kw_args:
            raise UnknownTarget
        return lambda graph: _append(graph, transformer.inverse_func, [])
    if isinstance(transformer, StandardScaler):
        mean = transformer.mean_ if transformer.with_mean else 0.0
        scale = transformer.scale_ if transformer.with_std else 1.0
        return lambda graph: _append(graph, None, [("Mul", scale), ("Add", mean)])
    if isinstance(transformer, MinMaxScaler) and not transformer.clip:
        return lambda graph: _append(graph, None, [("Sub", transformer.min_), ("Div", transformer.scale_)])
    raise UnknownTarget


def _append(graph: ModelProto, function: Any, chain: Steps) -> None:
    """Behind the output, in float64 so that an exponential loses no digits."""
    output = graph.graph.output[0]
    inner = f"{output.name}_transformed"
    for made in graph.graph.node:
        for place, name in enumerate(made.output):
            if name == output.name:
                made.output[place] = inner

    def node(kind: str, inputs: list[str], **attributes: Any) -> str:
        name = f"back_{len(graph.graph.node)}"
        graph.graph.node.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(value: Any) -> str:
        name = f"back_constant_{len(graph.graph.initializer)}"
        array = np.asarray(value, dtype=np.float64).reshape(1, -1)
        graph.graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    value = node("Cast", [inner], to=TensorProto.DOUBLE)
    if function is not None:
        value = append_function(function, value, node, constant)
    for kind, right in chain:
        value = node(kind, [value, constant(right)])
    graph.graph.node.append(helper.make_node("Identity", [value], [output.name]))
    output.type.tensor_type.elem_type = TensorProto.DOUBLE
