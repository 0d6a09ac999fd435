"""NumPy functions that have an ONNX form, as feature steps and as the way back from a transformed target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Node = Callable[..., str]
Constant = Callable[[float], str]

FUNCTIONS: dict[Any, tuple[tuple[str, float | None], ...]] = {
    np.log: (("Log", None),),
    np.log2: (("Log", None), ("Div", float(np.log(2)))),
    np.log10: (("Log", None), ("Div", float(np.log(10)))),
    np.log1p: (("Add", 1.0), ("Log", None)),
    np.exp: (("Exp", None),),
    np.exp2: (("Mul", float(np.log(2))), ("Exp", None)),
    np.expm1: (("Exp", None), ("Sub", 1.0)),
    np.sqrt: (("Sqrt", None),),
    np.square: (("Pow", 2.0),),
    np.absolute: (("Abs", None),),
    np.fabs: (("Abs", None),),
    np.negative: (("Neg", None),),
    np.reciprocal: (("Reciprocal", None),),
    np.sin: (("Sin", None),),
    np.cos: (("Cos", None),),
    np.tanh: (("Tanh", None),),
    np.sign: (("Sign", None),),
    np.floor: (("Floor", None),),
    np.ceil: (("Ceil", None),),
}
"""Function to a chain of operators, each with a constant on its right or none. Chains that lose digits near zero (log1p,
expm1) are judged by the comparison with the original, as everything is."""


def append_function(function: Any, value: str, node: Node, constant: Constant) -> str:
    """Write the function's chain behind ``value`` and give the name of its result. Raises KeyError."""
    for kind, right in FUNCTIONS[function]:
        value = node(kind, [value] if right is None else [value, constant(right)])
    return value
