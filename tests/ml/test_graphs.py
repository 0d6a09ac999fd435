"""Any ONNX graph gets a signature and a plan that answer, or words that say why not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingRegressor, IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from predictions.errors import BadModelFile
from predictions.ml.graphs import inspect_graph, without_zipmap
from predictions.ml.plan import Plan
from predictions.ml.runtimes import OnnxRuntime
from predictions.ml.table import Column, Table, column_of
from predictions.signature.fields import Signature
from predictions.values import RawAnswer

FLOAT, DOUBLE, INT64, STRING, BOOL = (
    TensorProto.FLOAT,
    TensorProto.DOUBLE,
    TensorProto.INT64,
    TensorProto.STRING,
    TensorProto.BOOL,
)
Port = tuple[str, int, Sequence[Any] | None]
OPSETS = {"": 21, "ai.onnx.ml": 3}


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    constants: dict[str, Any] | None = None,
    opsets: dict[str, int] | None = None,
    metadata: dict[str, str] | None = None,
) -> onnx.ModelProto:
    """A graph from parts; ports are (name, element type, shape)."""
    proto = helper.make_model(
        helper.make_graph(
            list(nodes),
            "g",
            [helper.make_tensor_value_info(*port) for port in inputs],
            [helper.make_tensor_value_info(*port) for port in outputs],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
        ),
        opset_imports=[helper.make_opsetid(*item) for item in (opsets or OPSETS).items()],
        ir_version=10,
    )
    helper.set_model_props(proto, metadata or {})
    return proto


def inspected(proto: onnx.ModelProto, table: Table | None = None) -> tuple[Signature, Plan]:
    signature, plan, _ = inspect_graph(proto.SerializeToString(), table)
    assert Plan.from_document(plan.to_document()) == plan
    assert Signature.from_document(signature.to_document()) == signature
    return signature, plan


def answers(proto: onnx.ModelProto, rows: Sequence[Sequence[Any]]) -> list[RawAnswer]:
    signature, plan = inspected(proto)
    return OnnxRuntime(proto.SerializeToString(), plan, signature).predict(rows)


def refusal(proto: onnx.ModelProto | bytes) -> BadModelFile:
    with pytest.raises(BadModelFile) as caught:
        inspect_graph(proto if isinstance(proto, bytes) else proto.SerializeToString())
    return caught.value


def assert_close(given: Any, expected: Any, rtol: float = 1e-7, atol: float = 0.0) -> None:
    np.testing.assert_allclose(np.array(given, dtype=float), expected, rtol=rtol, atol=atol)


def node(kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), list(outputs), **attributes)


def identity(kind: int, shape: Sequence[Any], **more: Any) -> onnx.ModelProto:
    return graph([node("Identity", ["x"], ["y"])], [("x", kind, shape)], [("y", kind, shape)], **more)


# Inputs


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


def _table(**columns: Sequence[str]) -> Table:
    made: list[Column] = [column_of(name, list(values)) for name, values in columns.items()]
    return Table(tuple(made))


def test_a_sample_names_columns_and_gives_range_and_example() -> None:
    table = _table(age=["20", "30", "40"], bmi=["21.5", "22.5", "30"])
    signature, _ = inspected(identity(FLOAT, [None, 2]), table)
    assert signature.names == ("age", "bmi")
    assert [(field.soft_minimum, field.soft_maximum) for field in signature.inputs] == [(20, 40), (21.5, 30)]
    assert [field.example for field in signature.inputs] == [20, 21.5]


# Outputs of converted estimators


@pytest.fixture(scope="module")
def iris() -> tuple[Any, Any, Any]:
    rows, truth = load_iris(return_X_y=True)
    return (
        rows.astype(np.float32),
        truth,
        np.array(["setosa", "versicolor", "virginica"], dtype=object)[truth],
    )


def converted(estimator: Any, rows: Any, **options: Any) -> Any:
    return to_onnx(estimator, rows[:1], target_opset=OPSETS, options=options or None)


CLASSIFIERS = [
    LogisticRegression(max_iter=500),
    make_pipeline(StandardScaler(), SVC(C=1.0)),
    RandomForestClassifier(5, random_state=0),
    KNeighborsClassifier(3),
    GaussianNB(),
    MLPClassifier((5,), max_iter=300, random_state=0),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("named", [True, False], ids=["texts", "codes"])
@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda estimator: type(estimator).__name__)
def test_converted_classifiers_answer_as_the_estimator_does(
    estimator: Any, zipmap: bool, named: bool, iris: tuple[Any, Any, Any]
) -> None:
    rows, codes, names = iris
    estimator.fit(rows, names if named else codes)
    has_shares = hasattr(estimator, "predict_proba")
    proto = converted(estimator, rows, zipmap=zipmap) if has_shares else converted(estimator, rows)
    signature, plan = inspected(proto)
    output = signature.main_output
    assert signature.task == "classification"
    assert [name.value for name in output.classes] == estimator.classes_.tolist()
    assert (output.probabilities, plan.batched) == (has_shares, True)
    given = OnnxRuntime(proto.SerializeToString(), plan, signature).predict(rows.tolist())
    assert [output.classes[answer.class_index or 0].value for answer in given] == estimator.predict(
        rows
    ).tolist()
    if has_shares:
        assert_close([answer.probabilities for answer in given], estimator.predict_proba(rows), atol=1e-5)


def test_without_zipmap_the_same_answers_come_from_one_tensor(iris: tuple[Any, Any, Any]) -> None:
    rows, _, names = iris
    data = converted(
        RandomForestClassifier(5, random_state=0).fit(rows, names), rows, zipmap=True
    ).SerializeToString()
    plain = without_zipmap(data)
    assert b"ZipMap" in data
    assert b"ZipMap" not in plain
    given = []
    for version in (data, plain):
        signature, plan, _ = inspect_graph(version)
        given.append(OnnxRuntime(version, plan, signature).predict(rows.tolist()))
    for maps, tensor in zip(*given, strict=True):
        assert maps.class_index == tensor.class_index
        assert maps.probabilities == pytest.approx(tensor.probabilities)
    assert without_zipmap(plain) == plain


def test_scores_are_not_taken_for_probabilities(iris: tuple[Any, Any, Any]) -> None:
    rows, codes, _ = iris
    signature, plan = inspected(converted(RidgeClassifier().fit(rows, codes), rows))
    assert (signature.task, signature.main_output.probabilities) == ("classification", False)
    assert plan.probability_output is None


def test_a_converted_regressor_gives_a_value(iris: tuple[Any, Any, Any]) -> None:
    rows, codes, _ = iris
    estimator = GradientBoostingRegressor(n_estimators=5, random_state=0).fit(rows, codes)
    proto = converted(estimator, rows)
    signature, plan = inspected(proto)
    assert (signature.task, signature.main_output.name, plan.value_output) == (
        "regression",
        "value",
        "variable",
    )
    given = OnnxRuntime(proto.SerializeToString(), plan, signature).predict(rows[:5].tolist())
    assert_close([answer.value for answer in given], estimator.predict(rows[:5]), rtol=1e-5)


def test_several_targets_are_given_under_the_graph_s_own_name(iris: tuple[Any, Any, Any]) -> None:
    rows, codes, _ = iris
    signature, plan = inspected(converted(LinearRegression().fit(rows, np.c_[codes, -codes]), rows))
    assert (signature.task, signature.main_output.shape, plan.outputs) == ("other", (2,), ("variable",))


def test_an_isolation_forest_tells_usual_from_unusual(iris: tuple[Any, Any, Any]) -> None:
    rows, _, _ = iris
    estimator = IsolationForest(n_estimators=5, random_state=0).fit(rows)
    proto = converted(estimator, rows)
    signature, plan = inspected(proto)
    assert signature.task == "outlier"
    given = OnnxRuntime(proto.SerializeToString(), plan, signature).predict(rows.tolist())
    told = [signature.main_output.classes[answer.class_index or 0].value for answer in given]
    assert np.mean(np.array(told) == estimator.predict(rows)) > 0.99


def test_clusters_come_under_the_graph_s_own_names(iris: tuple[Any, Any, Any]) -> None:
    rows, _, _ = iris
    signature, _ = inspected(converted(KMeans(3, n_init=1, random_state=0).fit(rows), rows))
    assert [(output.name, output.kind) for output in signature.outputs] == [
        ("label", "number"),
        ("scores", "tensor"),
    ]


def test_a_network_with_named_classes_is_a_classifier() -> None:
    proto = graph(
        [node("MatMul", ["x", "w"], ["z"]), node("Softmax", ["z"], ["shares"], axis=1)],
        [("x", FLOAT, [None, 2])],
        [("shares", FLOAT, [None, 3])],
        {"w": np.array([[1, 0, -1], [0, 1, 0]], np.float32)},
        metadata={"names": "{0: 'cat', 1: 'dog', 10: 'owl'}"},
    )
    signature, plan = inspected(proto)
    assert [name.shown for name in signature.main_output.classes] == ["cat", "dog", "owl"]
    assert (signature.task, plan.label_output, plan.probability_output) == ("classification", None, "shares")
    assert answers(proto, [(0.0, 9.0)])[0].class_index == 1


def test_a_network_without_softmax_is_not_given_probabilities() -> None:
    proto = graph(
        [node("MatMul", ["x", "w"], ["scores"])],
        [("x", FLOAT, [None, 2])],
        [("scores", FLOAT, [None, 2])],
        {"w": np.array([[1, 0], [0, 1]], np.float32)},
        metadata={"names": '["cat", "dog"]'},
    )
    assert inspected(proto)[0].task == "other"


def test_the_target_column_of_a_sample_is_not_an_input(iris: tuple[Any, Any, Any]) -> None:
    rows, _, names = iris
    proto = converted(LogisticRegression(max_iter=500).fit(rows, names), rows)
    columns = {name: [str(value) for value in rows[:, place]] for place, name in enumerate("abcd")}
    signature, _ = inspected(proto, _table(**columns, species=names.tolist()))
    assert signature.names == ("a", "b", "c", "d")


# What the operators give away


def test_a_scaler_behind_the_inputs_gives_ranges_and_an_example(iris: tuple[Any, Any, Any]) -> None:
    rows, codes, _ = iris
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, codes)
    field = inspected(converted(estimator, rows))[0].inputs[2]
    mean, deviation = rows[:, 2].mean(), rows[:, 2].std()
    assert field.example == pytest.approx(mean, rel=1e-3)
    assert field.soft_minimum == pytest.approx(mean - 3 * deviation, rel=1e-2)
    assert field.soft_maximum == pytest.approx(mean + 3 * deviation, rel=1e-2)


def test_trees_give_the_range_they_divide(iris: tuple[Any, Any, Any]) -> None:
    rows, codes, _ = iris
    field = inspected(converted(RandomForestClassifier(20, random_state=0).fit(rows, codes), rows))[0].inputs[
        2
    ]
    low, high = rows[:, 2].min(), rows[:, 2].max()
    assert field.soft_minimum is not None
    assert field.soft_maximum is not None
    assert low <= field.soft_minimum < field.soft_maximum <= high


def test_an_encoder_gives_the_choices_of_its_column() -> None:
    rows = np.array([["Oslo", "a"], ["Köln", "b"], ["Oslo", "b"], ["Rome", "a"]], dtype=object)
    columns = ColumnTransformer([("words", OneHotEncoder(handle_unknown="ignore"), [0, 1])])
    estimator = make_pipeline(columns, LogisticRegression()).fit(rows, [0, 1, 0, 1])
    proto = to_onnx(
        estimator,
        initial_types=[("city", StringTensorType([None, 1])), ("grade", StringTensorType([None, 1]))],
        target_opset=OPSETS,
    )
    signature, _ = inspected(proto)
    assert [field.kind for field in signature.inputs] == ["choice", "choice"]
    assert [choice.value for choice in signature.inputs[0].choices] == ["Köln", "Oslo", "Rome"]
    given = answers(proto, [("Oslo", "a"), ("Bonn", "b")])
    expected = estimator.predict_proba(np.array([["Oslo", "a"], ["Bonn", "b"]], dtype=object))
    assert_close([answer.probabilities for answer in given], expected, atol=1e-5)


@pytest.mark.parametrize(("zeros", "unseen"), [(1, "warn"), (0, "refuse")])
def test_an_encoder_says_whether_it_takes_categories_it_never_saw(zeros: int, unseen: str) -> None:
    encoder = node(
        "OneHotEncoder", ["x"], ["y"], domain="ai.onnx.ml", cats_strings=["no", "yes"], zeros=zeros
    )
    proto = graph([encoder], [("x", STRING, [None, 1])], [("y", FLOAT, [None, 1, 2])])
    field = inspected(proto)[0].inputs[0]
    assert ([choice.value for choice in field.choices], field.unseen) == (["no", "yes"], unseen)
    assert answers(proto, [("yes",)])[0].outputs == {"y": [[0.0, 1.0]]}


def test_an_imputer_lets_values_be_missing() -> None:
    proto = graph(
        [
            node(
                "Imputer",
                ["x"],
                ["y"],
                domain="ai.onnx.ml",
                imputed_value_floats=[5.0, 6.0],
                replaced_value_float=float("nan"),
            )
        ],
        [("x", FLOAT, [None, 2])],
        [("y", FLOAT, [None, 2])],
    )
    assert all(field.nullable for field in inspected(proto)[0].inputs)
    assert answers(proto, [(None, 1.0)])[0].outputs == {"y": [5.0, 1.0]}


def test_without_an_imputer_every_number_is_needed() -> None:
    assert not any(field.nullable for field in inspected(identity(FLOAT, [None, 2]))[0].inputs)


# Refusals


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


def test_facts_say_where_a_graph_comes_from(iris: tuple[Any, Any, Any]) -> None:
    rows, codes, _ = iris
    data = converted(LinearRegression().fit(rows, codes), rows).SerializeToString()
    _, _, facts = inspect_graph(data)
    assert facts["producer"].startswith("skl2onnx")
    assert facts["operators"] == ["LinearRegressor"]
    assert facts["opset"]["ai.onnx.ml"] >= 1
    assert facts["size"] == len(data)


def test_float_and_text_columns_of_one_pipeline_work_together() -> None:
    rows = np.array([["Oslo", 1.0], ["Rome", 2.0], ["Oslo", 4.0], ["Rome", 3.0]], dtype=object)
    columns = ColumnTransformer([("w", OneHotEncoder(), [0]), ("n", StandardScaler(), [1])])
    estimator = make_pipeline(columns, LinearRegression()).fit(rows, [1.0, 2.0, 3.0, 4.0])
    kinds = [("city", StringTensorType([None, 1])), ("size", FloatTensorType([None, 1]))]
    proto = to_onnx(estimator, initial_types=kinds, target_opset=OPSETS)
    given = answers(proto, [("Oslo", 1.5), ("Rome", 2.5)])
    expected = estimator.predict(np.array([["Oslo", 1.5], ["Rome", 2.5]], dtype=object))
    assert [answer.value for answer in given] == pytest.approx(expected.tolist(), rel=1e-5)
