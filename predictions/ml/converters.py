"""Converters of our own where skl2onnx 1.20 has none, or one that is less exact than the estimator.

SimpleImputer on numbers: theirs works in float32 only and ignores missing indicators. OneHotEncoder: theirs refuses
unseen values next to infrequent ones and reads doubles as int64. FunctionTransformer: theirs knows no function at all.
PowerTransformer: theirs gives NaN for values far outside the training range. KBinsDiscretizer: theirs puts a value that
equals an edge into the bin below.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from onnx import TensorProto
from skl2onnx import update_registered_converter
from skl2onnx.common._registration import get_converter
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from skl2onnx.operator_converters.imputer_op import convert_sklearn_imputer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, PowerTransformer

from predictions.ml.converter_one_hot import one_hot, one_hot_shape
from predictions.ml.functions import FUNCTIONS, append_function
from predictions.ml.graph_writer import PROTO, Writer, width_of


@cache
def register() -> None:
    """Make skl2onnx use the converters of this module, in this process."""
    # Pipelines inside other estimators give each classifier this option, which theirs does not list for LinearSVC.
    get_converter("SklearnLinearSVC").get_allowed_options().setdefault("zipmap", [True, False, "columns"])
    update_registered_converter(
        SimpleImputer, "SklearnSimpleImputer", _imputer_shape, _imputer, overwrite=True
    )
    update_registered_converter(OneHotEncoder, "SklearnOneHotEncoder", one_hot_shape, one_hot, overwrite=True)
    update_registered_converter(
        FunctionTransformer, "SklearnFunctionTransformer", _function_shape, _function, overwrite=True
    )
    update_registered_converter(
        KBinsDiscretizer, "SklearnKBinsDiscretizer", _bins_shape, _bins, overwrite=True
    )
    update_registered_converter(
        PowerTransformer, "SklearnPowerTransformer", _function_shape, _power, overwrite=True
    )


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
    write, proto = Writer(scope, container), PROTO[kind]
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


def _function_shape(operator: Any) -> None:
    first = operator.inputs[0]
    operator.outputs[0].type = type(first.type)([first.get_first_dimension(), width_of(operator)])


def _function(scope: Any, operator: Any, container: Any) -> None:
    step = operator.raw_operator
    write = Writer(scope, container)
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
    write, proto = Writer(scope, container), PROTO[kind]
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


def _box_cox(write: Writer, value: str, lambdas: Any, proto: int) -> str:
    """(value ** lambda - 1) / lambda by column; log(value) where lambda is 0, as scikit-learn does below 2.2e-16."""
    flat = np.abs(lambdas) < np.finfo(np.float64).eps
    powers = write.constant([np.where(flat, 1.0, lambdas)], proto)
    raised = write.node("Sub", [write.node("Pow", [value, powers]), write.constant([1.0], proto)])
    curved = write.node("Div", [raised, powers])
    if not flat.any():
        return curved
    return write.node("Where", [write.constant([flat], TensorProto.BOOL), write.node("Log", [value]), curved])


def _bins_shape(operator: Any) -> None:
    step = operator.raw_operator
    first = operator.inputs[0]
    width = width_of(operator) if step.encode == "ordinal" else int(np.sum(step.n_bins_))
    operator.outputs[0].type = type(first.type)([first.get_first_dimension(), width])


def _bins(scope: Any, operator: Any, container: Any) -> None:
    """A value's bin is the number of inner edges at or below it, as ``numpy.searchsorted(side="right")`` counts."""
    step = operator.raw_operator
    kind = type(operator.inputs[0].type)
    if kind not in (FloatTensorType, DoubleTensorType):
        raise NotImplementedError("converter for KBinsDiscretizer: whole numbers")
    write, proto = Writer(scope, container), PROTO[kind]
    table = write.together(operator)
    made = []
    for place, edges in enumerate(step.bin_edges_):
        column = write.node("Gather", [table, write.constant([place], TensorProto.INT64)], axis=1)
        below = write.node("Less", [column, write.constant([edges[1:-1]], proto)])
        reached = write.node("Cast", [write.node("Not", [below])], to=proto)
        axis = write.constant([1], TensorProto.INT64)
        number = write.node("ReduceSum", [reached, axis], keepdims=1)
        if step.encode == "ordinal":
            made.append(number)
        else:
            bins = write.constant([np.arange(step.n_bins_[place], dtype=float)], proto)
            made.append(write.node("Cast", [write.node("Equal", [number, bins])], to=proto))
    write.node("Concat", made, operator.outputs[0].full_name, axis=1)
