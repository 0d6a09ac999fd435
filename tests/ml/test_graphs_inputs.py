"""The inputs of any ONNX graph become fields that can be filled in, and answer."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from tests.ml.onnx_graphs import (
    BOOL,
    DOUBLE,
    FLOAT,
    INT64,
    STRING,
    Port,
    answers,
    graph,
    identity,
    inspected,
    node,
    table_of,
)


def test_a_matrix_becomes_one_number_field_per_column() -> None:
    signature, plan = inspected(identity(FLOAT, [None, 3]))
    assert signature.names == ("x_1", "x_2", "x_3")
    assert {field.kind for field in signature.inputs} == {"number"}
    assert (plan.feeds[0].layout, plan.feeds[0].columns, plan.batched) == ("matrix", (0, 1, 2), True)


@pytest.mark.parametrize(
    "text", ['["age", "bmi", "sex"]', "age, bmi, sex", "{'0': 'age', '1': 'bmi', '2': 'sex'}"]
)
def test_names_come_from_the_metadata(text: str) -> None:
    signature, _ = inspected(identity(FLOAT, [None, 3], metadata={"feature_names": text}))
    assert signature.names == ("age", "bmi", "sex")


def test_metadata_with_another_count_names_nothing() -> None:
    signature, _ = inspected(identity(FLOAT, [None, 3], metadata={"feature_names": '["a", "b"]'}))
    assert signature.names == ("x_1", "x_2", "x_3")


def test_metadata_gives_the_width_that_the_shape_leaves_open() -> None:
    signature, plan = inspected(identity(FLOAT, ["n", "k"], metadata={"feature_names": '["a", "b"]'}))
    assert (signature.names, plan.feeds[0].layout) == (("a", "b"), "matrix")


def test_separate_columns_keep_their_names_and_types() -> None:
    ports: list[Port] = [
        ("age", INT64, [None, 1]),
        ("city", STRING, [None, 1]),
        ("smoker", BOOL, [None, 1]),
        ("weight", DOUBLE, [None]),
    ]
    outs: list[Port] = [(f"{name}_out", kind, shape) for name, kind, shape in ports]
    proto = graph([node("Identity", [name], [f"{name}_out"]) for name, _, _ in ports], ports, outs)
    signature, plan = inspected(proto)
    assert [(field.name, field.kind) for field in signature.inputs] == [
        ("age", "integer"),
        ("city", "text"),
        ("smoker", "boolean"),
        ("weight", "number"),
    ]
    assert [(feed.layout, feed.dtype) for feed in plan.feeds] == [
        ("column", "int64"),
        ("column", "string"),
        ("column", "bool"),
        ("vector", "float64"),
    ]
    rows = [(41, "Oslo", True, 70.5), (7, "Köln", False, 20.25)]
    given = answers(proto, rows)
    assert [dict(answer.outputs or {}) for answer in given] == [
        {"age_out": [41], "city_out": ["Oslo"], "smoker_out": [True], "weight_out": 70.5},
        {"age_out": [7], "city_out": ["Köln"], "smoker_out": [False], "weight_out": 20.25},
    ]


def test_two_matrices_with_the_same_column_names_stay_apart() -> None:
    proto = graph(
        [node("Concat", ["a", "a_1"], ["y"], axis=1)],
        [("a", FLOAT, [None, 2]), ("a_1", FLOAT, [None, 1])],
        [("y", FLOAT, [None, 3])],
    )
    signature, _ = inspected(proto)
    assert len(set(signature.names)) == 3
    assert answers(proto, [(1.0, 2.0, 3.0)])[0].outputs == {"y": [1.0, 2.0, 3.0]}


def test_an_image_is_one_tensor_field() -> None:
    proto = graph(
        [node("GlobalAveragePool", ["image"], ["means"])],
        [("image", FLOAT, ["n", 3, 4, 4])],
        [("means", FLOAT, ["n", 3, 1, 1])],
    )
    signature, plan = inspected(proto)
    field = signature.inputs[0]
    assert (field.name, field.kind, field.shape, field.element) == ("image", "tensor", (3, 4, 4), "float")
    assert (plan.feeds[0].layout, plan.batched) == ("tensor", True)
    image = np.arange(48.0).reshape(3, 4, 4).tolist()
    assert answers(proto, [(image,), (image,)])[1].outputs == {"means": [[[7.5]], [[23.5]], [[39.5]]]}


def test_a_large_picture_has_no_example_to_fill_in() -> None:
    proto = graph(
        [node("GlobalAveragePool", ["x"], ["y"])],
        [("x", FLOAT, ["n", 3, 64, 64])],
        [("y", FLOAT, ["n", 3, 1, 1])],
    )
    assert inspected(proto)[0].inputs[0].example is None


def test_sequences_of_free_length_are_run_one_at_a_time() -> None:
    proto = graph(
        [node("ReduceSum", ["tokens", "axes"], ["total"], keepdims=0)],
        [("tokens", INT64, ["n", "length"])],
        [("total", INT64, ["n"])],
        {"axes": np.array([1])},
    )
    signature, plan = inspected(proto)
    assert (signature.inputs[0].shape, signature.inputs[0].element, plan.batched) == (
        (None,),
        "integer",
        False,
    )
    assert [answer.outputs for answer in answers(proto, [([1, 2, 3],), ([4],)])] == [
        {"total": 6},
        {"total": 4},
    ]


def test_a_wide_matrix_is_one_list() -> None:
    signature, plan = inspected(identity(FLOAT, [None, 784]))
    assert [(field.kind, field.shape) for field in signature.inputs] == [("tensor", (784,))]
    assert plan.feeds[0].layout == "tensor"
    assert inspected(identity(INT64, [None, 128]))[0].inputs[0].kind == "tensor"


def test_a_batch_fixed_to_one_is_run_row_by_row() -> None:
    proto = identity(FLOAT, [1, 2])
    signature, plan = inspected(proto)
    assert (signature.names, plan.batched) == (("x_1", "x_2"), False)
    assert [answer.outputs for answer in answers(proto, [(1.0, 2.0), (3.0, 4.0)])] == [
        {"y": [1.0, 2.0]},
        {"y": [3.0, 4.0]},
    ]


def test_graphs_without_a_batch_axis_take_and_give_whole_tensors() -> None:
    proto = graph(
        [node("Mul", ["v", "factor"], ["y"]), node("ReduceSum", ["y"], ["total"], keepdims=0)],
        [("v", FLOAT, [3]), ("factor", FLOAT, [])],
        [("y", FLOAT, [3]), ("total", FLOAT, [])],
    )
    signature, plan = inspected(proto)
    assert [(field.kind, field.shape) for field in signature.inputs] == [("tensor", (3,)), ("number", ())]
    assert [(output.kind, output.shape) for output in signature.outputs] == [("tensor", (3,)), ("number", ())]
    assert (plan.batched, {feed.layout for feed in plan.feeds}) == (False, {"whole"})
    given = answers(proto, [([1.0, 2.0, 3.0], 2.0), ([0.0, 0.0, 1.0], 5.0)])
    assert [answer.outputs for answer in given] == [
        {"y": [2.0, 4.0, 6.0], "total": 12.0},
        {"y": [0.0, 0.0, 5.0], "total": 5.0},
    ]


def test_a_graph_that_mixes_its_rows_is_run_row_by_row() -> None:
    proto = graph(
        [node("Softmax", ["x"], ["y"], axis=0)], [("x", FLOAT, [None, 2])], [("y", FLOAT, [None, 2])]
    )
    assert not inspected(proto)[1].batched
    assert answers(proto, [(1.0, 2.0), (3.0, 4.0)])[0].outputs == {"y": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        (TensorProto.UINT8, 0, 255),
        (TensorProto.INT8, -128, 127),
        (TensorProto.INT16, -32768, 32767),
        (TensorProto.UINT32, 0, 2**32 - 1),
        (INT64, None, None),
    ],
)
def test_whole_number_types_bring_their_limits(kind: int, low: int | None, high: int | None) -> None:
    field = inspected(identity(kind, [None, 1]))[0].inputs[0]
    assert (field.kind, field.minimum, field.maximum) == ("integer", low, high)
    largest = high if high is not None else 2**53
    assert answers(identity(kind, [None, 1]), [(largest,)])[0].outputs == {"y": [largest]}


def test_half_precision_is_taken() -> None:
    assert answers(identity(TensorProto.FLOAT16, [None, 1]), [(0.5,)])[0].value == 0.5


def test_initializers_are_not_asked_for() -> None:
    proto = graph(
        [node("Add", ["x", "bias"], ["y"])],
        [("x", FLOAT, [None, 2]), ("bias", FLOAT, [2])],
        [("y", FLOAT, [None, 2])],
        {"bias": np.array([1.0, 2.0], np.float32)},
    )
    assert inspected(proto)[0].names == ("x_1", "x_2")


def test_a_sample_names_columns_and_gives_range_and_example() -> None:
    table = table_of(age=["20", "30", "40"], bmi=["21.5", "22.5", "30"])
    signature, _ = inspected(identity(FLOAT, [None, 2]), table)
    assert signature.names == ("age", "bmi")
    assert [(field.soft_minimum, field.soft_maximum) for field in signature.inputs] == [(20, 40), (21.5, 30)]
    assert [field.example for field in signature.inputs] == [20, 21.5]
