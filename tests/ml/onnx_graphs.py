"""ONNX graphs from parts, and what the site makes of them, for tests of any graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx

from predictions.errors import BadModelFile
from predictions.ml.graphs import inspect_graph
from predictions.ml.plan import Plan
from predictions.ml.runtimes import OnnxRuntime
from predictions.ml.table import Column, Table, column_of
from predictions.signature.fields import Signature
from predictions.values import RawAnswer
from tests.ml.estimators import IRIS, IRIS_TARGET

FLOAT, DOUBLE, INT64, STRING, BOOL = (
    TensorProto.FLOAT,
    TensorProto.DOUBLE,
    TensorProto.INT64,
    TensorProto.STRING,
    TensorProto.BOOL,
)

Port = tuple[str, int, Sequence[Any] | None]

OPSETS = {"": 21, "ai.onnx.ml": 3}

MEASURED = IRIS.astype(np.float32)
KINDS = IRIS_TARGET
KIND_NAMES = np.array(["setosa", "versicolor", "virginica"], dtype=object)[KINDS]


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    constants: dict[str, Any] | None = None,
    opsets: dict[str, int] | None = None,
    metadata: dict[str, str] | None = None,
) -> onnx.ModelProto:
    """A graph from parts; ports are (name, element type, shape)."""
    proto = helper.make_model(
        helper.make_graph(
            list(nodes),
            "g",
            [helper.make_tensor_value_info(*port) for port in inputs],
            [helper.make_tensor_value_info(*port) for port in outputs],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
        ),
        opset_imports=[helper.make_opsetid(*item) for item in (opsets or OPSETS).items()],
        ir_version=10,
    )
    helper.set_model_props(proto, metadata or {})
    return proto


def inspected(proto: onnx.ModelProto, table: Table | None = None) -> tuple[Signature, Plan]:
    """Signature and plan of a graph, which both survive being stored."""
    signature, plan, _ = inspect_graph(proto.SerializeToString(), table)
    assert Plan.from_document(plan.to_document()) == plan
    assert Signature.from_document(signature.to_document()) == signature
    return signature, plan


def answers(proto: onnx.ModelProto, rows: Sequence[Sequence[Any]]) -> list[RawAnswer]:
    """What the site answers to rows."""
    signature, plan = inspected(proto)
    return OnnxRuntime(proto.SerializeToString(), plan, signature).predict(rows)


def refusal(proto: onnx.ModelProto | bytes) -> BadModelFile:
    """What the site says to a graph it does not take."""
    with pytest.raises(BadModelFile) as caught:
        inspect_graph(proto if isinstance(proto, bytes) else proto.SerializeToString())
    return caught.value


def assert_close(given: Any, expected: Any, rtol: float = 1e-7, atol: float = 0.0) -> None:
    """Hold numbers to within a tolerance."""
    np.testing.assert_allclose(np.array(given, dtype=float), expected, rtol=rtol, atol=atol)


def node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> onnx.NodeProto:
    """One operator."""
    return helper.make_node(kind, list(inputs), list(outputs), **attributes)


def identity(kind: int, shape: Sequence[Any], **more: Any) -> onnx.ModelProto:
    """A graph that gives back what it gets."""
    return graph([node("Identity", ["x"], ["y"])], [("x", kind, shape)], [("y", kind, shape)], **more)


def table_of(**columns: Sequence[str]) -> Table:
    """A sample table from columns of texts."""
    made: list[Column] = [column_of(name, list(values)) for name, values in columns.items()]
    return Table(tuple(made))


def converted(estimator: Any, rows: Any, **options: Any) -> Any:
    """The graph of an estimator, as skl2onnx makes it."""
    return to_onnx(estimator, rows[:1], target_opset=OPSETS, options=options or None)
