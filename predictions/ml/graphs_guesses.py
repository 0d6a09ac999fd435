"""Rows that a graph might answer: lengths for its free axes, and numbers that it compares its inputs with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper

from predictions.ml.graphs_inputs import Inputs
from predictions.ml.graphs_reading import nodes_of
from predictions.signature.fields import Field
from predictions.values import Value

FREE_LENGTHS: Final = (1, 8, 32, 128, 224, 512, 1024)
"""Lengths tried for free axes: one step of a sequence up to the usual side of a picture or a piece of sound."""
MOST_ELEMENTS = 4_000_000
"""No row of more elements is tried."""
_BATCH = re.compile(r"(?i)(?:batch|n$|bs$|b$)")
_SOUND_RATES: Final = (16_000, 8_000)
_RATE_NAME = re.compile(r"(?i)(?:sr|rate|sample_?rate|sampling_?rate|.*_rate)$")
_THROUGH: Final = frozenset({"Cast", "Identity", "Unsqueeze", "Squeeze", "Reshape"})
_MOST_CONSTANTS = 3
Row = tuple[Value, ...]


def guesses(inputs: Inputs, typical: Sequence[Value], constants: dict[str, list[int]]) -> Iterator[Row]:
    """Rows to try, the smallest first. ``typical``: a middle value per field, None for tensors.

    ``constants``: by field name, what the graph compares that input with (see ``compared_with``).
    """
    tensors = [place for place, field in enumerate(inputs.fields) if field.kind == "tensor"]
    free = any(None in inputs.fields[place].shape for place in tensors)
    scalars = list(_scalar_rows(inputs.fields, typical, constants))
    # An axis that is free in a tensor whose first axis is not is often the number of cases: 1, or as long as the others.
    lengths = [(1, True), *product(FREE_LENGTHS[1:], (True, False))] if free else [(1, True)]
    for row, (length, alone), filler in product(scalars, lengths, (0, 1)):
        shapes = {
            place: _shape(
                inputs.fields[place], inputs.axes[place], length, alone=alone, of_cases=inputs.whole
            )
            for place in tensors
        }
        if sum(int(np.prod(shape)) for shape in shapes.values()) <= MOST_ELEMENTS:
            yield tuple(
                _filled(field, shapes[place], filler) if place in shapes else row[place]
                for place, field in enumerate(inputs.fields)
            )


def compared_with(proto: onnx.ModelProto) -> dict[str, list[int]]:
    """By the name of a graph input: whole numbers that the graph compares it with, as a network asks for its sound's rate."""
    names = {value.name: value.name for value in proto.graph.input}
    constants: dict[str, Any] = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in proto.graph.initializer
        if len(tensor.dims) < 2
    }
    found: dict[str, list[int]] = {}
    for node in nodes_of(proto.graph.node):
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type in _THROUGH and node.input and node.input[0] in names:
            names[node.output[0]] = names[node.input[0]]
        elif node.op_type == "Equal" and len(node.input) == 2:
            for one, other in (node.input, reversed(node.input)):
                value = constants.get(other)
                if one in names and value is not None and value.size == 1 and value.dtype.kind in "iu":
                    found.setdefault(names[one], []).append(int(value.reshape(-1)[0]))
    return {name: list(dict.fromkeys(values))[:_MOST_CONSTANTS] for name, values in found.items()}


def _scalar_rows(
    fields: Sequence[Field], typical: Sequence[Value], constants: dict[str, list[int]]
) -> Iterator[Row]:
    better = {
        place: constants.get(field.name) or list(_SOUND_RATES if _RATE_NAME.fullmatch(field.name) else ())
        for place, field in enumerate(fields)
        if field.kind == "integer"
    }
    for at in range(max((len(values) for values in better.values()), default=0)):
        yield tuple(
            better[place][min(at, len(better[place]) - 1)] if better.get(place) else value
            for place, value in enumerate(typical)
        )
    yield tuple(typical)


def _shape(
    field: Field, names: Sequence[str], length: int, *, alone: bool, of_cases: bool
) -> tuple[int, ...]:
    """Lengths for one tensor. Axes of one name get one length, and sums of names (``past + sequence``) their sum.

    ``of_cases``: its first axis may count cases. ``alone``: where nothing says which axis does, there is one case.
    """
    single = -1
    if alone and len(field.shape) > 1 and not any(names):
        fixed_first = field.shape[0] is not None
        single = field.shape.index(None) if None in field.shape and (fixed_first or of_cases) else -1

    def of(name: str, size: int | None) -> int:
        if size is not None:
            return size
        if "+" in name:
            parts = [part.strip() for part in name.split("+")]
            return sum(int(part) if part.isdecimal() else of(part, None) for part in parts[:4])
        return 1 if _BATCH.match(name) else length

    sizes = [of(name, size) for name, size in zip(names, field.shape, strict=True)]
    if single >= 0:
        sizes[single] = 1
    return tuple(sizes)


def _filled(field: Field, shape: Sequence[int], filler: int) -> Value:
    fillers: dict[str, Any] = {
        "text": "example",
        "boolean": bool(filler),
        # What is masked away would leave nothing to answer about.
        "integer": 1 if "mask" in field.name.lower() else filler,
        "float": float(filler),
    }
    return np.full(shape, fillers[field.element], dtype=object).tolist()
