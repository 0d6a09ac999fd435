"""ml_models whose answers tell who asked: a factor of its own each, and a failure for every value below zero."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from predictions.models import ModelVersion
from predictions.signature.fields import Field, Output, Signature
from tests import factories


def fragile_onnx(factor: float) -> bytes:
    """y = factor × x in float64; the whole call fails when one x is below zero, as a broken ml_model's would."""
    nodes = [
        helper.make_node("Less", ["X", "zero"], ["below"]),
        helper.make_node("Cast", ["below"], ["place"], to=TensorProto.INT64),
        # Only place 0 exists: ONNX Runtime refuses the call when a value asks for place 1.
        helper.make_node("Gather", ["only", "place"], ["nothing"]),
        helper.make_node("Mul", ["X", "factor"], ["product"]),
        helper.make_node("Add", ["product", "nothing"], ["variable"]),
    ]
    constants = {"zero": np.array(0.0), "only": np.array([0.0]), "factor": np.array(factor)}
    graph = helper.make_graph(
        nodes,
        "fragile",
        [helper.make_tensor_value_info("X", TensorProto.DOUBLE, [None, 1])],
        [helper.make_tensor_value_info("variable", TensorProto.DOUBLE, [None, 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return made.SerializeToString()


def fragile_version(factor: float) -> ModelVersion:
    """A live version that serves ``fragile_onnx``."""
    signature = Signature(
        task="regression",
        inputs=(Field(name="x", kind="number", example=2.0),),
        outputs=(Output(name="y", kind="number"),),
    )
    return factories.version(signature=signature, onnx=fragile_onnx(factor))
