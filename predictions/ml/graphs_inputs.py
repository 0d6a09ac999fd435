"""From a graph's inputs to fields people can fill in, and to the feeds that carry the values."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

import onnx

from predictions.errors import BadModelFile
from predictions.ml.plan import Dtype, Feed, Layout
from predictions.ml.table import Table
from predictions.signature.fields import Element, Field, Kind

DTYPES: Final[dict[int, Dtype]] = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.DOUBLE: "float64",
    onnx.TensorProto.FLOAT16: "float16",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.INT16: "int16",
    onnx.TensorProto.INT32: "int32",
    onnx.TensorProto.INT64: "int64",
    onnx.TensorProto.UINT8: "uint8",
    onnx.TensorProto.UINT16: "uint16",
    onnx.TensorProto.UINT32: "uint32",
    onnx.TensorProto.UINT64: "uint64",
    onnx.TensorProto.BOOL: "bool",
    onnx.TensorProto.STRING: "string",
}
MOST_FIELDS = 500
"""A matrix of more columns is one field that takes a list: nobody fills in 500 boxes."""
MOST_CODED_FIELDS = 100
"""The same for whole numbers, flags and texts, where a wide matrix is a sequence of tokens rather than a table."""
SEQUENCE_AXIS = re.compile(r"(?i)(?:seq|time|frame|step|token|length|len\b)")
"""Names of a first axis that does not count cases but what one case is made of."""
NAME_KEYS = ("feature_names", "feature_names_in_", "features", "input_names", "columns", "column_names")

Dims = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class GraphInput:
    """One input of the graph. ``dims`` has None where the length is free, ``axes`` what the file calls each axis."""

    name: str
    dtype: Dtype
    dims: Dims
    axes: tuple[str, ...] = ()

    @property
    def is_batched(self) -> bool:
        """Takes any number of rows at once."""
        return bool(self.dims) and self.dims[0] is None

    @property
    def takes_one_row(self) -> bool:
        """Has a row axis that only ever holds one row."""
        return bool(self.dims) and self.dims[0] == 1

    @property
    def is_of_one_case(self) -> bool:
        """A table or more without an axis of rows: the state of a recurrent network, or the steps of one sequence."""
        if len(self.dims) < 2:
            return False
        return not (self.is_batched or self.takes_one_row) or SEQUENCE_AXIS.match(self.axes[0]) is not None


def graph_inputs(proto: onnx.ModelProto) -> tuple[GraphInput, ...]:
    """The inputs that a caller must give. Raises BadModelFile ``unsupported_input`` for one that is not a tensor."""
    known = {tensor.name for tensor in proto.graph.initializer}
    known |= {sparse.values.name for sparse in proto.graph.sparse_initializer}
    found = tuple(_graph_input(value) for value in proto.graph.input if value.name not in known)
    if not found:
        raise BadModelFile(
            "The ONNX graph takes no inputs; export it again with inputs.", code="unsupported_input"
        )
    return found


def _graph_input(value: onnx.ValueInfoProto) -> GraphInput:
    if value.type.WhichOneof("value") != "tensor_type":
        raise _unsupported(value.name, "is a list or map instead of a tensor")
    tensor = value.type.tensor_type
    dtype = DTYPES.get(tensor.elem_type)
    if dtype is None:
        kind = onnx.TensorProto.DataType.Name(tensor.elem_type).lower() if tensor.elem_type else "unknown"
        raise _unsupported(value.name, f"has the element type {kind}")
    if not tensor.HasField("shape"):
        raise _unsupported(value.name, "does not say its shape")
    axes = tuple(dim.dim_param if dim.WhichOneof("value") == "dim_param" else "" for dim in tensor.shape.dim)
    return GraphInput(value.name, dtype, dims_of(tensor), axes)


def dims_of(tensor: onnx.TypeProto.Tensor) -> Dims:
    """Lengths of each axis, None where free."""
    return tuple(
        dim.dim_value if dim.WhichOneof("value") == "dim_value" and dim.dim_value > 0 else None
        for dim in tensor.shape.dim
    )


def _unsupported(name: str, why: str) -> BadModelFile:
    return BadModelFile(
        f"The input {name[:80]!r} of the ONNX graph {why}, which no form can give; "
        "export it with tensors of numbers, flags or texts.",
        code="unsupported_input",
        field=name,
    )


@dataclass(frozen=True, slots=True)
class Inputs:
    """Fields, the feeds that carry them, and whether many rows fit in one call.

    Rows with tensors of free length do not: their lengths may differ, and nothing could stack them. ``axes``: for each
    field what the file calls its axes, as many texts as its shape has lengths.
    """

    fields: tuple[Field, ...]
    feeds: tuple[Feed, ...]
    batched: bool
    axes: tuple[tuple[str, ...], ...]

    @property
    def whole(self) -> bool:
        """No input has a row axis, so no output has one either."""
        return all(feed.layout == "whole" for feed in self.feeds)


def inputs_of(proto: onnx.ModelProto, table: Table | None, answers: frozenset[str] = frozenset()) -> Inputs:
    """Choose fields and layout for each input. ``answers``: classes as text, to tell the sample's target column."""
    found = graph_inputs(proto)
    stated = stated_names(proto.metadata_props)
    taken: set[str] = set()
    fields: list[Field] = []
    feeds: list[Feed] = []
    axes: list[tuple[str, ...]] = []
    # One input without an axis of rows, and a call is one case: every tensor is given as the graph declares it.
    of_one_case = any(item.is_of_one_case for item in found) or _has_single_state(found)
    for item in found:
        layout = "whole" if of_one_case else _layout(item, stated)
        names = _names(item, layout, stated, table if len(found) == 1 else None, answers)
        first = len(fields)
        for name in names:
            unique = _unique(name, item.name, taken)
            fields.append(_field(unique, item, layout, len(fields), table))
            axes.append(item.axes[len(item.axes) - len(fields[-1].shape) :])
        feeds.append(Feed(item.name, item.dtype, layout, tuple(range(first, len(fields)))))
    batched = all(item.is_batched for item in found) and not any(None in field.shape for field in fields)
    return Inputs(tuple(fields), tuple(feeds), batched, tuple(axes))


def _has_single_state(found: Sequence[GraphInput]) -> bool:
    """Beside inputs for any number of cases, one with a first axis of 1: the layers of a recurrent network's state."""
    return any(item.is_batched for item in found) and any(
        item.takes_one_row and len(item.dims) > 2 for item in found
    )


def _layout(item: GraphInput, stated: Sequence[str]) -> Layout:
    if not (item.is_batched or item.takes_one_row):
        return "whole"
    rank = len(item.dims)
    if rank == 1:
        return "vector"
    width = item.dims[1]
    if rank > 2:
        return "tensor"
    if width == 1:
        return "column"
    if width is None:
        return "matrix" if len(stated) > 1 else "tensor"
    most = MOST_FIELDS if item.dtype.startswith("float") else MOST_CODED_FIELDS
    return "matrix" if width <= most else "tensor"


def stated_names(properties: Sequence[onnx.StringStringEntryProto]) -> tuple[str, ...]:
    """Column names that the exporter wrote into the file's metadata, empty when it wrote none."""
    by_key = {entry.key.lower(): entry.value for entry in properties}
    return next((names for key in NAME_KEYS if (names := words_in(by_key.get(key, "")))), ())


def words_in(text: str) -> tuple[str, ...]:
    """A list of names written as JSON, as a Python literal or with commas; the values of a mapping in key order."""
    if not text or len(text) > 1 << 20:
        return ()
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, Mapping):
            value = [value[key] for key in sorted(value, key=_by_number)]
        if isinstance(value, list | tuple):
            return tuple(str(item) for item in value) if all(isinstance(i, str | int) for i in value) else ()
    return tuple(part.strip() for part in text.split(",")) if "," in text and text[0] not in "[{(" else ()


def _by_number(key: object) -> tuple[int, str]:
    text = str(key)
    return (int(text), "") if text.isdecimal() else (1 << 30, text)


def _names(
    item: GraphInput, layout: Layout, stated: Sequence[str], table: Table | None, answers: frozenset[str]
) -> Sequence[str]:
    if layout != "matrix":
        return (item.name,)
    width = item.dims[1] or len(stated)
    if len(stated) == width and len(set(stated)) == width:
        return stated
    return _sampled(table, width, answers) or [f"{item.name}_{place + 1}" for place in range(width)]


def _sampled(table: Table | None, width: int, answers: frozenset[str]) -> Sequence[str] | None:
    """The sample's names when their count fits; with one column more, when exactly one holds classes."""
    if table is None:
        return None
    if len(table.names) == width:
        return table.names
    targets = [
        column.name
        for column in table.columns
        if len({str(value) for value in column.present}) > 1
        and {str(value) for value in column.present} <= answers
    ]
    if len(table.names) == width + 1 and len(targets) == 1:
        return [name for name in table.names if name != targets[0]]
    return None


def _unique(name: str, owner: str, taken: set[str]) -> str:
    candidate = name or owner or "input"
    place = 1
    while candidate in taken:
        place += 1
        candidate = f"{owner}_{name}" if place == 2 else f"{owner}_{name}_{place}"
    taken.add(candidate)
    return candidate


def _field(name: str, item: GraphInput, layout: Layout, order: int, table: Table | None) -> Field:
    kind = _kind(item.dtype)
    low, high = _bounds(item.dtype)
    if layout == "tensor" or (layout == "whole" and item.dims):
        return Field(
            name=name,
            kind="tensor",
            shape=item.dims if layout == "whole" else item.dims[1:],
            element=element_of(item.dtype),
            order=order,
            minimum=low,
            maximum=high,
        )
    column = table.find(name) if table else None
    sampled = column is not None and column.kind in ("number", "integer") and kind in ("number", "integer")
    return Field(
        name=name,
        kind=kind,
        order=order,
        minimum=low,
        maximum=high,
        soft_minimum=column.minimum if column and sampled else None,
        soft_maximum=column.maximum if column and sampled else None,
    )


def _kind(dtype: Dtype) -> Kind:
    if dtype == "string":
        return "text"
    if dtype == "bool":
        return "boolean"
    return "number" if dtype.startswith("float") else "integer"


def element_of(dtype: Dtype) -> Element:
    """What a tensor of this dtype holds, in the signature's words."""
    return cast(
        "Element",
        {"number": "float", "integer": "integer", "boolean": "boolean", "text": "text"}[_kind(dtype)],
    )


def _bounds(dtype: Dtype) -> tuple[float | None, float | None]:
    if dtype.startswith(("int", "uint")):
        bits = int(dtype.removeprefix("u").removeprefix("int"))
        if dtype.startswith("u"):
            return 0, 2**bits - 1 if bits < 64 else None
        return (None, None) if bits == 64 else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return None, None
