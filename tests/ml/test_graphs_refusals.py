"""A graph that cannot be served says why in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from sklearn.linear_model import LinearRegression

from predictions.ml.graphs import inspect_graph
from tests.ml.onnx_graphs import (
    BOOL,
    FLOAT,
    INT64,
    KINDS,
    MEASURED,
    OPSETS,
    answers,
    converted,
    graph,
    identity,
    node,
    refusal,
)


def test_external_data_is_refused(tmp_path: Path) -> None:
    proto = graph(
        [node("Add", ["x", "w"], ["y"])],
        [("x", FLOAT, [None, 600])],
        [("y", FLOAT, [None, 600])],
        {"w": np.ones(600, np.float32)},
    )
    path = tmp_path / "m.onnx"
    onnx.save_model(proto, path, save_as_external_data=True, location="weights", size_threshold=0)
    error = refusal(path.read_bytes())
    assert error.code == "external_data"


def test_external_data_inside_a_branch_is_refused() -> None:
    hidden = helper.make_tensor("w", FLOAT, [1], [1.0])
    hidden.data_location = TensorProto.EXTERNAL
    hidden.external_data.add(key="location", value="../../etc/passwd")
    branch = helper.make_graph(
        [node("Constant", [], ["z"], value=hidden)], "b", [], [helper.make_tensor_value_info("z", FLOAT, [1])]
    )
    proto = graph(
        [node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)],
        [("c", BOOL, [])],
        [("y", FLOAT, [1])],
    )
    assert refusal(proto).code == "external_data"


@pytest.mark.parametrize("where", ["top", "branch", "function"])
def test_an_unknown_operator_is_named_wherever_it_hides(where: str) -> None:
    strange = node("Launch", ["x"], ["y"], domain="com.example")
    opsets = {**OPSETS, "com.example": 1}
    if where == "branch":
        branch = helper.make_graph(
            [node("Launch", ["x"], ["z"], domain="com.example")],
            "b",
            [],
            [helper.make_tensor_value_info("z", FLOAT, None)],
        )
        strange = node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    constants = {"c": np.array(True)}
    proto = graph([strange], [("x", FLOAT, [None, 1])], [("y", FLOAT, [None, 1])], constants, opsets)
    if where == "function":
        body = [node("Launch", ["a"], ["b"], domain="com.example")]
        ids = [helper.make_opsetid(name, version) for name, version in opsets.items()]
        proto.functions.append(helper.make_function("own", "Wrap", ["a"], ["b"], body, ids))
        proto.graph.node[0].CopyFrom(node("Wrap", ["x"], ["y"], domain="own"))
        proto.opset_import.append(helper.make_opsetid("own", 1))
    error = refusal(proto)
    assert (error.code, "com.example.Launch" in error.message) == ("unknown_operator", True)


def test_functions_the_file_brings_itself_are_run() -> None:
    proto = identity(FLOAT, [None, 2])
    body = [node("Add", ["a", "a"], ["b"])]
    proto.functions.append(
        helper.make_function("own", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 21)])
    )
    proto.graph.node[0].CopyFrom(node("Twice", ["x"], ["y"], domain="own"))
    proto.opset_import.append(helper.make_opsetid("own", 1))
    assert answers(proto, [(1.0, 2.0)])[0].outputs == {"y": [2.0, 4.0]}


@pytest.mark.parametrize(("version", "code"), [(99, "opset_too_new"), (5, "opset_too_old")])
def test_an_opset_out_of_reach_is_told_with_its_number(version: int, code: str) -> None:
    error = refusal(identity(FLOAT, [None, 2], opsets={"": version}))
    assert (error.code, f"opset {version}" in error.message) == (code, True)


@pytest.mark.parametrize(
    "data",
    [b"", b"not a graph", b"\x08\x0a" + b"\xff" * 40, identity(FLOAT, [None, 2]).SerializeToString()[:-5]],
)
def test_bytes_that_are_no_graph_are_told(data: bytes) -> None:
    assert refusal(data).code in ("not_a_model_file", "bad_graph")


def test_inputs_nobody_can_fill_in_are_told() -> None:
    sequence = helper.make_tensor_sequence_value_info("s", FLOAT, None)
    proto = graph([node("SequenceLength", ["s"], ["n"])], [], [("n", INT64, [])])
    proto.graph.input.append(sequence)
    error = refusal(proto)
    assert (error.code, error.field) == ("unsupported_input", "s")
    assert refusal(identity(TensorProto.COMPLEX64, [None, 1])).code == "unsupported_input"


def test_a_graph_without_inputs_is_told() -> None:
    proto = graph([node("Identity", ["w"], ["y"])], [], [("y", FLOAT, [1])], {"w": np.ones(1, np.float32)})
    assert refusal(proto).code == "unsupported_input"


def test_a_graph_that_contradicts_itself_is_told() -> None:
    proto = graph(
        [node("MatMul", ["x", "w"], ["y"])],
        [("x", FLOAT, [None, 2])],
        [("y", FLOAT, [None, 2])],
        {"w": np.ones((3, 2), np.float32)},
    )
    assert refusal(proto).code in ("bad_graph", "cannot_answer")


def test_facts_say_where_a_graph_comes_from() -> None:
    data = converted(LinearRegression().fit(MEASURED, KINDS), MEASURED).SerializeToString()
    _, _, facts = inspect_graph(data)
    assert facts["producer"].startswith("skl2onnx")
    assert facts["operators"] == ["LinearRegressor"]
    assert facts["opset"]["ai.onnx.ml"] >= 1
    assert facts["size"] == len(data)
