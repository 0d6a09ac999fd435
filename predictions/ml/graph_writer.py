"""Small helpers for converters of our own: nodes and constants under fresh names."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from skl2onnx.operator_converters.common import concatenate_variables

PROTO = {
    FloatTensorType: TensorProto.FLOAT,
    DoubleTensorType: TensorProto.DOUBLE,
    Int64TensorType: TensorProto.INT64,
    StringTensorType: TensorProto.STRING,
}


class Writer:
    """Adds nodes under fresh names."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope = scope
        self._container = container

    def node(self, kind: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        """Add one operator and give the name of its only output."""
        name = output or self._scope.get_unique_variable_name("made")
        attributes.setdefault("name", self._scope.get_unique_operator_name(kind))
        self._container.add_node(kind, inputs, name, **attributes)
        return name

    def constant(self, values: Any, proto: int) -> str:
        """Add an initializer of that tensor type and give its name."""
        name = str(self._scope.get_unique_variable_name("constant"))
        array = np.asarray(values)
        self._container.add_initializer(name, proto, list(array.shape), array.reshape(-1).tolist())
        return name

    def together(self, operator: Any) -> str:
        """The step's inputs side by side, as one tensor."""
        return str(concatenate_variables(self._scope, operator.inputs, self._container))


def width_of(operator: Any) -> int:
    """How many columns a step takes."""
    return sum(int(item.type.shape[1]) for item in operator.inputs)
