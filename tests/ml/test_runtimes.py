from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from predictions.errors import ModelFailed
from predictions.ml.plan import Feed, Plan
from predictions.ml.runtimes import OnnxRuntime
from predictions.signature.fields import ClassName, Field, Output, Signature

NUMBERS = (Field(name="a", kind="number"), Field(name="b", kind="number"))


def graph_of(nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> bytes:
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    data: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    return data


def tensor(name: str, kind: int, *shape: int | str | None) -> Any:
    return helper.make_tensor_value_info(name, kind, list(shape))


def signature(*inputs: Field, output: Output | None = None, task: Any = "regression") -> Signature:
    return Signature(task=task, inputs=inputs, outputs=(output or Output(name="value", kind="number"),))


def classes(*values: Any, probabilities: bool = True) -> Output:
    names = tuple(ClassName(value) for value in values)
    return Output(name="label", kind="class", classes=names, probabilities=probabilities)


def same(kind: int = TensorProto.FLOAT, width: int = 2) -> bytes:
    """A graph that gives its input back as "y"."""
    node = helper.make_node("Identity", ["x"], ["y"])
    return graph_of([node], [tensor("x", kind, None, width)], [tensor("y", kind, None, width)])


def matrix(
    dtype: Any = "float32", columns: tuple[int, ...] = (0, 1), missing: Any = None
) -> tuple[Feed, ...]:
    return (Feed("x", dtype, "matrix", columns, missing),)


def test_numbers_come_back_in_the_order_of_the_rows() -> None:
    runtime = OnnxRuntime(same(), Plan(feeds=matrix(), value_output="y"), signature(*NUMBERS))
    rows = [[float(number), -float(number)] for number in range(50)]
    assert [answer.value for answer in runtime.predict(rows)] == rows


def test_no_rows_give_no_answers() -> None:
    assert OnnxRuntime(same(), Plan(feeds=matrix(), value_output="y"), signature(*NUMBERS)).predict([]) == []


def test_columns_are_taken_in_the_order_of_the_plan() -> None:
    plan = Plan(feeds=matrix(columns=(1, 0)), value_output="y")
    assert OnnxRuntime(same(), plan, signature(*NUMBERS)).predict([(1.0, 2.0)])[0].value == [2.0, 1.0]


def test_a_missing_number_is_nan_inside_and_none_outside() -> None:
    runtime = OnnxRuntime(same(), Plan(feeds=matrix(), value_output="y"), signature(*NUMBERS))
    assert runtime.predict([(None, 2.0), (3.0, 4.0)])[0].value == [None, 2.0]


def test_a_missing_number_can_be_another_marker() -> None:
    runtime = OnnxRuntime(same(), Plan(feeds=matrix(missing=-1.0), value_output="y"), signature(*NUMBERS))
    assert runtime.predict([(None, 2.0)])[0].value == [-1.0, 2.0]


def test_a_missing_text_is_the_marker_of_the_plan() -> None:
    fields = (Field(name="a", kind="text"), Field(name="b", kind="text"))
    for marker, expected in ((None, ""), ("?", "?")):
        plan = Plan(feeds=matrix("string", missing=marker), outputs=("y",))
        output = Output(name="y", kind="tensor", element="text")
        runtime = OnnxRuntime(same(TensorProto.STRING), plan, signature(*fields, output=output, task="other"))
        assert runtime.predict([("x", None)])[0].outputs == {"y": ["x", expected]}


def test_a_missing_whole_number_is_refused_in_words() -> None:
    plan = Plan(feeds=matrix("int64"), value_output="y")
    runtime = OnnxRuntime(same(TensorProto.INT64), plan, signature(*NUMBERS))
    with pytest.raises(ModelFailed, match="missing or too large"):
        runtime.predict([(1, None)])


def test_a_number_beyond_float32_does_not_warn_and_is_no_finite_answer(
    recwarn: pytest.WarningsRecorder,
) -> None:
    runtime = OnnxRuntime(same(), Plan(feeds=matrix(), value_output="y"), signature(*NUMBERS))
    assert runtime.predict([(1e300, 1.0)])[0].value == [None, 1.0]


def classifier(labels: dict[str, Any], kind: int) -> bytes:
    """Probabilities are the two inputs; the label is the larger one's."""
    nodes = [
        helper.make_node("Identity", ["x"], ["p"]),
        helper.make_node("ArgMax", ["x"], ["at"], axis=1, keepdims=0),
        helper.make_node(
            "LabelEncoder", ["at"], ["label"], domain="ai.onnx.ml", keys_int64s=[0, 1], **labels
        ),
    ]
    return graph_of(
        nodes,
        [tensor("x", TensorProto.FLOAT, None, 2)],
        [tensor("label", kind, None), tensor("p", TensorProto.FLOAT, None, 2)],
    )


@pytest.mark.parametrize(
    ("values", "labels", "kind"),
    [
        (("no", "yes"), {"values_strings": ["no", "yes"]}, TensorProto.STRING),
        ((3, 7), {"values_strings": ["3", "7"]}, TensorProto.STRING),
        ((False, True), {"values_strings": ["False", "True"]}, TensorProto.STRING),
    ],
    ids=["words", "numbers as words", "truth values as words"],
)
def test_labels_become_places_among_the_classes(values: Any, labels: Any, kind: int) -> None:
    plan = Plan(feeds=matrix(), label_output="label", probability_output="p")
    runtime = OnnxRuntime(classifier(labels, kind), plan, signature(*NUMBERS, output=classes(*values)))
    first, second = runtime.predict([(0.25, 0.75), (0.5, 0.25)])
    assert (first.class_index, first.probabilities) == (1, (0.25, 0.75))
    assert (second.class_index, second.probabilities) == (0, (0.5, 0.25))


@pytest.mark.parametrize(
    "values", [(0, 1), (False, True), (0.0, 1.0)], ids=["numbers", "truth values", "floats"]
)
def test_whole_number_labels_fit_classes_that_equal_them(values: Any) -> None:
    node = helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0)
    data = graph_of(
        [node], [tensor("x", TensorProto.FLOAT, None, 2)], [tensor("label", TensorProto.INT64, None)]
    )
    output = classes(*values, probabilities=False)
    runtime = OnnxRuntime(
        data, Plan(feeds=matrix(), label_output="label"), signature(*NUMBERS, output=output)
    )
    answers = runtime.predict([(1.0, 0.0), (0.0, 1.0)])
    assert [(answer.class_index, answer.probabilities) for answer in answers] == [(0, None), (1, None)]


def test_a_label_outside_the_classes_is_an_error_and_never_a_guess() -> None:
    plan = Plan(feeds=matrix(), label_output="label", probability_output="p")
    data = classifier({"values_strings": ["no", "perhaps"]}, TensorProto.STRING)
    runtime = OnnxRuntime(data, plan, signature(*NUMBERS, output=classes("no", "yes")))
    with pytest.raises(ModelFailed, match="does not list"):
        runtime.predict([(0.0, 1.0)])


def test_without_a_label_the_first_of_the_most_probable_classes_counts() -> None:
    plan = Plan(feeds=matrix(), probability_output="y")
    runtime = OnnxRuntime(same(), plan, signature(*NUMBERS, output=classes("a", "b")))
    rows = [(0.2, 0.8), (0.8, 0.2), (0.5, 0.5), (0.49999997, 0.50000003)]
    assert [answer.class_index for answer in runtime.predict(rows)] == [1, 0, 0, 0]


def test_one_probability_column_is_the_second_of_two_classes() -> None:
    plan = Plan(feeds=matrix(columns=(0,)), probability_output="y")
    runtime = OnnxRuntime(same(width=1), plan, signature(*NUMBERS, output=classes("a", "b")))
    assert runtime.predict([(0.25, 0.0)])[0].probabilities == (0.75, 0.25)


def test_zipmaps_are_read_by_class_and_not_by_position() -> None:
    nodes = [
        helper.make_node("ZipMap", ["x"], ["p"], domain="ai.onnx.ml", classlabels_strings=["yes", "no"]),
    ]
    data = graph_of(nodes, [tensor("x", TensorProto.FLOAT, None, 2)], [onnx.ValueInfoProto(name="p")])
    plan = Plan(feeds=matrix(), probability_output="p")
    runtime = OnnxRuntime(data, plan, signature(*NUMBERS, output=classes("no", "yes")))
    answer = runtime.predict([(0.75, 0.25)])[0]
    assert (answer.class_index, answer.probabilities) == (1, (0.25, 0.75))


def test_a_score_stands_beside_the_class() -> None:
    nodes = [
        helper.make_node("Constant", [], ["axis"], value_ints=[1]),
        helper.make_node("ReduceSum", ["x", "axis"], ["score"], keepdims=0),
        helper.make_node("ArgMax", ["x"], ["label"], axis=1, keepdims=0),
    ]
    data = graph_of(
        nodes,
        [tensor("x", TensorProto.FLOAT, None, 2)],
        [tensor("label", TensorProto.INT64, None), tensor("score", TensorProto.FLOAT, None)],
    )
    plan = Plan(feeds=matrix(), label_output="label", value_output="score")
    output = classes(0, 1, probabilities=False)
    runtime = OnnxRuntime(data, plan, signature(*NUMBERS, output=output, task="outlier"))
    answers = runtime.predict([(1.0, 2.0), (4.0, -1.0)])
    assert [(answer.class_index, answer.value) for answer in answers] == [(1, 3.0), (0, 3.0)]


def test_graphs_that_take_one_row_answer_many_one_by_one() -> None:
    node = helper.make_node("ReduceSum", ["x"], ["y"], keepdims=1)
    data = graph_of([node], [tensor("x", TensorProto.FLOAT, 1, 2)], [tensor("y", TensorProto.FLOAT, 1, 1)])
    plan = Plan(feeds=matrix(), value_output="y", batched=False)
    runtime = OnnxRuntime(data, plan, signature(*NUMBERS))
    assert [answer.value for answer in runtime.predict([(1.0, 2.0), (3.0, 4.0)])] == [3.0, 7.0]


def test_other_graphs_answer_by_output_name_with_lists_that_json_can_hold() -> None:
    nodes = [helper.make_node("Log", ["x"], ["logs"]), helper.make_node("Greater", ["x", "one"], ["large"])]
    graph = helper.make_graph(
        nodes,
        "g",
        [tensor("x", TensorProto.FLOAT, None, 2)],
        [tensor("logs", TensorProto.FLOAT, None, 2), tensor("large", TensorProto.BOOL, None, 2)],
        [helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])],
    )
    data = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    ).SerializeToString()
    output = Output(name="logs", kind="tensor")
    runtime = OnnxRuntime(
        data,
        Plan(feeds=matrix(), outputs=("logs", "large")),
        signature(*NUMBERS, output=output, task="other"),
    )
    answers: list[Any] = runtime.predict([(1.0, 0.0), (np.e, -1.0)])
    assert answers[0].outputs == {"logs": [0.0, None], "large": [False, False]}
    assert answers[1].outputs["logs"][0] == pytest.approx(1.0)
    assert answers[1].outputs["logs"][1] is None


def test_tensors_are_stacked_from_nested_lists() -> None:
    node = helper.make_node("ReduceMax", ["x"], ["y"], axes=[1, 2], keepdims=0)
    graph = helper.make_graph(
        [node], "g", [tensor("x", TensorProto.FLOAT, None, 2, 2)], [tensor("y", TensorProto.FLOAT, None)]
    )
    data = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    image = Field(name="image", kind="tensor", shape=(2, 2))
    plan = Plan(feeds=(Feed("x", "float32", "tensor", (0,)),), value_output="y")
    runtime = OnnxRuntime(data, plan, signature(image))
    rows = [([[1, 2], [3, 4]],), ([[9, 8], [7, 6]],)]
    assert [answer.value for answer in runtime.predict(rows)] == [4.0, 9.0]
    with pytest.raises(ModelFailed):
        runtime.predict([([[1, 2], [3]],)])


def test_columns_and_vectors_have_the_shapes_of_their_graph_inputs() -> None:
    nodes = [
        helper.make_node("Reshape", ["v", "shape"], ["w"]),
        helper.make_node("Add", ["c", "w"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [tensor("c", TensorProto.DOUBLE, None, 1), tensor("v", TensorProto.DOUBLE, None)],
        [tensor("y", TensorProto.DOUBLE, None, 1)],
        [helper.make_tensor("shape", TensorProto.INT64, [2], [-1, 1])],
    )
    data = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    ).SerializeToString()
    feeds = (Feed("c", "float64", "column", (0,)), Feed("v", "float64", "vector", (1,)))
    runtime = OnnxRuntime(data, Plan(feeds=feeds, value_output="y"), signature(*NUMBERS))
    assert [answer.value for answer in runtime.predict([(1, 10), (2, 20)])] == [11.0, 22.0]


def test_bytes_that_are_no_graph_are_refused_without_library_words() -> None:
    with pytest.raises(ModelFailed) as caught:
        OnnxRuntime(b"not a graph", Plan(feeds=matrix(), value_output="y"), signature(*NUMBERS))
    assert "ONNXRuntimeError" not in caught.value.message


def test_a_failing_graph_is_a_plain_error_without_the_values() -> None:
    node = helper.make_node("Reshape", ["x", "shape"], ["y"])
    graph = helper.make_graph(
        [node],
        "g",
        [tensor("x", TensorProto.FLOAT, None, 2)],
        [tensor("y", TensorProto.FLOAT, None, None)],
        [helper.make_tensor("shape", TensorProto.INT64, [2], [7, 7])],
    )
    data = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9
    ).SerializeToString()
    runtime = OnnxRuntime(data, Plan(feeds=matrix(), value_output="y"), signature(*NUMBERS))
    with pytest.raises(ModelFailed) as caught:
        runtime.predict([(123.5, 2.0)])
    assert "123.5" not in caught.value.message
    assert "Reshape" not in caught.value.message


def test_an_answer_of_another_form_is_a_plain_error() -> None:
    plan = Plan(feeds=matrix("string"), value_output="y")
    runtime = OnnxRuntime(same(TensorProto.STRING), plan, signature(*NUMBERS))
    with pytest.raises(ModelFailed, match="does not expect"):
        runtime.predict([("word", "word")])


def test_a_closed_runtime_says_so() -> None:
    runtime = OnnxRuntime(same(), Plan(feeds=matrix(), value_output="y"), signature(*NUMBERS))
    runtime.close()
    runtime.close()
    with pytest.raises(ModelFailed, match="unloaded"):
        runtime.predict([(1.0, 2.0)])


def test_many_threads_get_their_own_answers() -> None:
    runtime = OnnxRuntime(same(), Plan(feeds=matrix(), value_output="y"), signature(*NUMBERS))
    wrong: list[float] = []

    def ask(number: float) -> None:
        for _ in range(50):
            if runtime.predict([(number, number)])[0].value != [number, number]:
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(float(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_plan_survives_json() -> None:
    plan = Plan(feeds=matrix("string", missing="?"), label_output="label", batched=False, outputs=("a", "b"))
    assert Plan.from_document(plan.to_document()) == plan


def test_the_runtime_imports_no_training_library() -> None:
    code = (
        "import sys, predictions.ml.runtimes;"
        "heavy = {'sklearn', 'pandas', 'skl2onnx', 'onnx', 'scipy', 'joblib', 'skops', 'django'} & set(sys.modules);"
        "sys.exit(str(sorted(heavy)) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
