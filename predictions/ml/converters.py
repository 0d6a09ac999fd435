"""Converters of our own where skl2onnx 1.20 has none, or one that is less exact than the estimator.

SimpleImputer on numbers: theirs works in float32 only and ignores missing indicators. OneHotEncoder: theirs refuses
unseen values next to infrequent ones and reads doubles as int64. FunctionTransformer: theirs knows no function at all.
PowerTransformer: theirs gives NaN for values far outside the training range.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx.common._registration import get_converter
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from skl2onnx.operator_converters.common import concatenate_variables
from skl2onnx.operator_converters.imputer_op import convert_sklearn_imputer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PowerTransformer

from predictions.ml.functions import FUNCTIONS, append_function

PROTO = {
    FloatTensorType: TensorProto.FLOAT,
    DoubleTensorType: TensorProto.DOUBLE,
    Int64TensorType: TensorProto.INT64,
    StringTensorType: TensorProto.STRING,
}
UNKNOWN_TEXT = "\x00 not a category"


@cache
def register() -> None:
    """Make skl2onnx use the converters of this module, in this process."""
    # Pipelines inside other estimators give each classifier this option, which theirs does not list for LinearSVC.
    get_converter("SklearnLinearSVC").get_allowed_options().setdefault("zipmap", [True, False, "columns"])
    update_registered_converter(
        SimpleImputer, "SklearnSimpleImputer", _imputer_shape, _imputer, overwrite=True
    )
    update_registered_converter(
        OneHotEncoder, "SklearnOneHotEncoder", _one_hot_shape, _one_hot, overwrite=True
    )
    update_registered_converter(
        FunctionTransformer, "SklearnFunctionTransformer", _function_shape, _function, overwrite=True
    )
    update_registered_converter(
        PowerTransformer, "SklearnPowerTransformer", _function_shape, _power, overwrite=True
    )


class _Writer:
    """Adds nodes under fresh names."""

    def __init__(self, scope: Any, container: Any) -> None:
        self._scope = scope
        self._container = container

    def node(self, kind: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        name = output or self._scope.get_unique_variable_name("made")
        attributes.setdefault("name", self._scope.get_unique_operator_name(kind))
        self._container.add_node(kind, inputs, name, **attributes)
        return name

    def constant(self, values: Any, proto: int) -> str:
        name = str(self._scope.get_unique_variable_name("constant"))
        array = np.asarray(values)
        self._container.add_initializer(name, proto, list(array.shape), array.reshape(-1).tolist())
        return name

    def together(self, operator: Any) -> str:
        return str(concatenate_variables(self._scope, operator.inputs, self._container))


def _width(operator: Any) -> int:
    return sum(int(item.type.shape[1]) for item in operator.inputs)


def _kept(step: SimpleImputer) -> list[int]:
    if step.strategy == "constant" or step.keep_empty_features:
        return list(range(len(step.statistics_)))
    values = np.asarray(step.statistics_, dtype=object).tolist()
    return [place for place, value in enumerate(values) if value == value]


def _imputer_shape(operator: Any) -> None:
    step = operator.raw_operator
    first = operator.inputs[0]
    indicator = getattr(step, "indicator_", None)
    width = len(_kept(step)) + (len(indicator.features_) if indicator is not None else 0)
    operator.outputs[0].type = type(first.type)([first.get_first_dimension(), width])


def _imputer(scope: Any, operator: Any, container: Any) -> None:
    step = operator.raw_operator
    kind = type(operator.inputs[0].type)
    if kind not in (FloatTensorType, DoubleTensorType):
        if getattr(step, "indicator_", None) is not None:
            raise NotImplementedError("converter for SimpleImputer: indicator of texts")
        convert_sklearn_imputer(scope, operator, container)
        return
    write, proto = _Writer(scope, container), PROTO[kind]
    table = write.together(operator)
    marker = float(step.missing_values)
    mask = (
        write.node("IsNaN", [table])
        if np.isnan(marker)
        else write.node("Equal", [table, write.constant([marker], proto)])
    )
    filling = np.nan_to_num(np.asarray(step.statistics_, dtype=float))
    filled = write.node("Where", [mask, write.constant([filling], proto), table])
    kept = _kept(step)
    if len(kept) < len(filling):
        filled = write.node("Gather", [filled, write.constant(kept, TensorProto.INT64)], axis=1)
    indicator = getattr(step, "indicator_", None)
    if indicator is not None:
        places = write.constant(indicator.features_.astype(np.int64), TensorProto.INT64)
        flags = write.node("Cast", [write.node("Gather", [mask, places], axis=1)], to=proto)
        filled = write.node("Concat", [filled, flags], axis=1)
    write.node("Identity", [filled], operator.outputs[0].full_name)


def _one_hot_shape(operator: Any) -> None:
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


def _one_hot(scope: Any, operator: Any, container: Any) -> None:
    step = operator.raw_operator
    write = _Writer(scope, container)
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


def _from_texts(write: _Writer, column: str, categories: Any, table: Any, proto: int) -> str:
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


def _from_numbers(write: _Writer, column: str, kind: int, categories: Any, table: Any, proto: int) -> str:
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


def _function_shape(operator: Any) -> None:
    first = operator.inputs[0]
    operator.outputs[0].type = type(first.type)([first.get_first_dimension(), _width(operator)])


def _function(scope: Any, operator: Any, container: Any) -> None:
    step = operator.raw_operator
    write = _Writer(scope, container)
    table = write.together(operator)
    output = operator.outputs[0].full_name
    if step.func is None:
        write.node("Identity", [table], output)
        return
    kind = type(operator.inputs[0].type)
    if step.func not in FUNCTIONS or step.kw_args or kind not in (FloatTensorType, DoubleTensorType):
        raise NotImplementedError("FunctionTransformer runs a function without an ONNX form")
    made = append_function(step.func, table, write.node, lambda value: write.constant([value], PROTO[kind]))
    write.node("Identity", [made], output)


def _power(scope: Any, operator: Any, container: Any) -> None:
    """Yeo and Johnson (2000) or Box and Cox (1964) with the step's lambdas, then its standard scaler."""
    step = operator.raw_operator
    kind = type(operator.inputs[0].type)
    if kind not in (FloatTensorType, DoubleTensorType):
        raise NotImplementedError("converter for PowerTransformer: whole numbers")
    write, proto = _Writer(scope, container), PROTO[kind]
    table = write.together(operator)
    lambdas = np.asarray(step.lambdas_, dtype=float)
    if step.method == "box-cox":
        made = _box_cox(write, table, lambdas, proto)
    else:
        one, zero = write.constant([1.0], proto), write.constant([0.0], proto)
        above = write.node("Add", [write.node("Max", [table, zero]), one])
        below = write.node("Add", [write.node("Max", [write.node("Neg", [table]), zero]), one])
        right = _box_cox(write, above, lambdas, proto)
        left = write.node("Neg", [_box_cox(write, below, 2.0 - lambdas, proto)])
        made = write.node("Where", [write.node("Less", [table, zero]), left, right])
    if step.standardize:
        scaler = step._scaler  # noqa: SLF001 (the step's own second half)
        made = write.node("Sub", [made, write.constant([scaler.mean_], proto)])
        made = write.node("Div", [made, write.constant([scaler.scale_], proto)])
    write.node("Identity", [made], operator.outputs[0].full_name)


def _box_cox(write: _Writer, value: str, lambdas: Any, proto: int) -> str:
    """(value ** lambda - 1) / lambda by column; log(value) where lambda is 0, as scikit-learn does below 2.2e-16."""
    flat = np.abs(lambdas) < np.finfo(np.float64).eps
    powers = write.constant([np.where(flat, 1.0, lambdas)], proto)
    raised = write.node("Sub", [write.node("Pow", [value, powers]), write.constant([1.0], proto)])
    curved = write.node("Div", [raised, powers])
    if not flat.any():
        return curved
    return write.node("Where", [write.constant([flat], TensorProto.BOOL), write.node("Log", [value]), curved])
