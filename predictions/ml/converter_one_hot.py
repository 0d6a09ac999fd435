"""OneHotEncoder in ONNX with unseen, missing, dropped and infrequent categories, on texts and on numbers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.preprocessing import OneHotEncoder

from predictions.ml.graph_writer import PROTO, Writer

UNKNOWN_TEXT = "\x00 not a category"


def one_hot_shape(operator: Any) -> None:
    """Shape calculator: as many columns as the encoder makes, in float32 or int64."""
    step = operator.raw_operator
    kind = Int64TensorType if np.issubdtype(step.dtype, np.integer) else FloatTensorType
    rows = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = kind([rows, sum(table.shape[1] for table in _tables(step))])


def _tables(step: OneHotEncoder) -> list[Any]:
    """By column: one row per category and a last one for any other value, as the encoder itself encodes them."""
    first = [categories[0] for categories in step.categories_]
    widths = np.cumsum([0, *step._n_features_outs])  # noqa: SLF001 (the encoder's own count by column)
    tables = []
    for place, categories in enumerate(step.categories_):
        rows = np.empty((len(categories) + 1, len(first)), dtype=object)
        rows[:] = first
        rows[:-1, place] = categories
        rows[-1, place] = _unknown(categories)
        known = _encoded(step, rows[:-1])[:, widths[place] : widths[place + 1]]
        other = np.zeros_like(known[:1])
        if step.handle_unknown != "error":
            other = _encoded(step, rows[-1:])[:, widths[place] : widths[place + 1]]
        tables.append(np.vstack([known, other]))
    return tables


def _encoded(step: OneHotEncoder, rows: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        encoded = step.transform(rows)
    return encoded.toarray() if hasattr(encoded, "toarray") else np.asarray(encoded)


def _unknown(categories: Any) -> Any:
    numbers = [value for value in categories.tolist() if isinstance(value, int | float) and value == value]
    return max(numbers) + 1 if numbers else UNKNOWN_TEXT


def one_hot(scope: Any, operator: Any, container: Any) -> None:
    """Converter: each column becomes a place in its table, and the table's row at that place."""
    step = operator.raw_operator
    write = Writer(scope, container)
    proto = PROTO[type(operator.outputs[0].type)]
    columns = [(item, place) for item in operator.inputs for place in range(int(item.type.shape[1]))]
    made = []
    for (item, place), categories, table in zip(columns, step.categories_, _tables(step), strict=True):
        at = write.constant([place], TensorProto.INT64)
        column = write.node("Gather", [item.full_name, at], axis=1)
        if isinstance(item.type, StringTensorType):
            made.append(_from_texts(write, column, categories, table, proto))
        else:
            made.append(_from_numbers(write, column, PROTO[type(item.type)], categories, table, proto))
    output = operator.outputs[0].full_name
    write.node("Concat", made, output, axis=1) if len(made) > 1 else write.node("Identity", made, output)


def _from_texts(write: Writer, column: str, categories: Any, table: Any, proto: int) -> str:
    place = write.node(
        "LabelEncoder",
        [column],
        op_domain="ai.onnx.ml",
        op_version=2,
        keys_strings=[str(value).encode() for value in categories],
        values_int64s=list(range(len(categories))),
        default_int64=len(categories),
    )
    flat = write.node("Reshape", [place, write.constant([-1], TensorProto.INT64)])
    return write.node("Gather", [write.constant(table, proto), flat], axis=0)


def _from_numbers(write: Writer, column: str, kind: int, categories: Any, table: Any, proto: int) -> str:
    values = np.asarray(categories, dtype=float)
    holes = np.isnan(values)
    known = write.constant([np.nan_to_num(values)], kind)
    same = write.node("Cast", [write.node("Equal", [column, known])], to=TensorProto.FLOAT)
    if holes.any():
        numbers = write.node("Mul", [same, write.constant([(~holes).astype(float)], TensorProto.FLOAT)])
        missing = write.node("Cast", [write.node("IsNaN", [column])], to=TensorProto.FLOAT)
        spread = write.node("Mul", [missing, write.constant([holes.astype(float)], TensorProto.FLOAT)])
        same = write.node("Add", [numbers, spread])
    other = table[-1:]
    placed = write.node("MatMul", [same, write.constant(table[:-1] - other, TensorProto.FLOAT)])
    added = write.node("Add", [placed, write.constant(other, TensorProto.FLOAT)])
    return write.node("Cast", [added], to=proto)
