"""Files nobody should bring, made on the spot."""

from __future__ import annotations

import io
from typing import Any

import joblib
import numpy as np
import sklearn
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

OTHER_VERSION = "7.7.7"
ROWS = np.random.default_rng(0).normal(size=(60, 2))


def dumped(estimator: Any) -> bytes:
    stream = io.BytesIO()
    joblib.dump(estimator, stream)
    return stream.getvalue()


def line() -> bytes:
    return dumped(LinearRegression().fit(ROWS, ROWS[:, 0] * 2))


def tree_that_never_ends() -> bytes:
    """A tree whose first node is its own child: every prediction and every conversion walks in a circle."""
    estimator = DecisionTreeRegressor(max_depth=2).fit(ROWS, ROWS[:, 0])
    state = estimator.tree_.__getstate__()
    state["nodes"] = state["nodes"].copy()
    state["nodes"]["left_child"][0] = state["nodes"]["right_child"][0] = 0
    estimator.tree_.__setstate__(state)
    return dumped(estimator)


def greedy_graph() -> bytes:
    """An ONNX graph of some bytes that wants 100 GB for its first answer."""
    size = numpy_helper.from_array(np.array([13 * 10**9], dtype=np.int64), "size")
    one = helper.make_tensor("one", TensorProto.DOUBLE, [1], [1.0])
    nodes = [
        helper.make_node("ConstantOfShape", ["size"], ["ones"], value=one),
        helper.make_node("ReduceSum", ["ones"], ["sum"], keepdims=1),
        helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("Add", ["wide", "sum"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])
    y = helper.make_tensor_value_info("y", TensorProto.DOUBLE, [None, 1])
    graph = helper.make_graph(nodes, "greedy", [x], [y], [size])
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    ).SerializeToString()


def made_elsewhere() -> bytes:
    """As saved by a scikit-learn that is to come: only the version that the estimator carries differs."""
    mine = sklearn.__version__
    assert len(mine) == len(OTHER_VERSION)
    content = line()
    assert content.count(mine.encode()) == 1
    return content.replace(mine.encode(), OTHER_VERSION.encode())
