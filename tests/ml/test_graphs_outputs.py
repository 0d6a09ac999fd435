"""The outputs of any ONNX graph are told apart: classes, shares, values and the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from predictions.ml.graphs import inspect_graph, without_zipmap
from predictions.ml.runtimes import OnnxRuntime
from tests.ml.onnx_graphs import (
    FLOAT,
    KIND_NAMES,
    KINDS,
    MEASURED,
    OPSETS,
    answers,
    assert_close,
    converted,
    graph,
    inspected,
    node,
    table_of,
)

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
    estimator: Any, zipmap: bool, named: bool
) -> None:
    estimator.fit(MEASURED, KIND_NAMES if named else KINDS)
    has_shares = hasattr(estimator, "predict_proba")
    proto = converted(estimator, MEASURED, zipmap=zipmap) if has_shares else converted(estimator, MEASURED)
    signature, plan = inspected(proto)
    output = signature.main_output
    assert signature.task == "classification"
    assert [name.value for name in output.classes] == estimator.classes_.tolist()
    assert (output.probabilities, plan.batched) == (has_shares, True)
    given = OnnxRuntime(proto.SerializeToString(), plan, signature).predict(MEASURED.tolist())
    assert [output.classes[answer.class_index or 0].value for answer in given] == estimator.predict(
        MEASURED
    ).tolist()
    if has_shares:
        assert_close([answer.probabilities for answer in given], estimator.predict_proba(MEASURED), atol=1e-5)


def test_without_zipmap_the_same_answers_come_from_one_tensor() -> None:
    data = converted(
        RandomForestClassifier(5, random_state=0).fit(MEASURED, KIND_NAMES), MEASURED, zipmap=True
    ).SerializeToString()
    plain = without_zipmap(data)
    assert b"ZipMap" in data
    assert b"ZipMap" not in plain
    given = []
    for version in (data, plain):
        signature, plan, _ = inspect_graph(version)
        given.append(OnnxRuntime(version, plan, signature).predict(MEASURED.tolist()))
    for maps, tensor in zip(*given, strict=True):
        assert maps.class_index == tensor.class_index
        assert maps.probabilities == pytest.approx(tensor.probabilities)
    assert without_zipmap(plain) == plain


def test_scores_are_not_taken_for_probabilities() -> None:
    signature, plan = inspected(converted(RidgeClassifier().fit(MEASURED, KINDS), MEASURED))
    assert (signature.task, signature.main_output.probabilities) == ("classification", False)
    assert plan.probability_output is None


def test_a_converted_regressor_gives_a_value() -> None:
    estimator = GradientBoostingRegressor(n_estimators=5, random_state=0).fit(MEASURED, KINDS)
    proto = converted(estimator, MEASURED)
    signature, plan = inspected(proto)
    assert (signature.task, signature.main_output.name, plan.value_output) == (
        "regression",
        "value",
        "variable",
    )
    given = OnnxRuntime(proto.SerializeToString(), plan, signature).predict(MEASURED[:5].tolist())
    assert_close([answer.value for answer in given], estimator.predict(MEASURED[:5]), rtol=1e-5)


def test_several_targets_are_given_under_the_graph_s_own_name() -> None:
    signature, plan = inspected(converted(LinearRegression().fit(MEASURED, np.c_[KINDS, -KINDS]), MEASURED))
    assert (signature.task, signature.main_output.shape, plan.outputs) == ("other", (2,), ("variable",))


def test_an_isolation_forest_tells_usual_from_unusual() -> None:
    estimator = IsolationForest(n_estimators=5, random_state=0).fit(MEASURED)
    proto = converted(estimator, MEASURED)
    signature, plan = inspected(proto)
    assert signature.task == "outlier"
    given = OnnxRuntime(proto.SerializeToString(), plan, signature).predict(MEASURED.tolist())
    told = [signature.main_output.classes[answer.class_index or 0].value for answer in given]
    assert np.mean(np.array(told) == estimator.predict(MEASURED)) > 0.99


def test_clusters_come_under_the_graph_s_own_names() -> None:
    signature, _ = inspected(converted(KMeans(3, n_init=1, random_state=0).fit(MEASURED), MEASURED))
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


def test_the_target_column_of_a_sample_is_not_an_input() -> None:
    proto = converted(LogisticRegression(max_iter=500).fit(MEASURED, KIND_NAMES), MEASURED)
    columns = {name: [str(value) for value in MEASURED[:, place]] for place, name in enumerate("abcd")}
    signature, _ = inspected(proto, table_of(**columns, species=KIND_NAMES.tolist()))
    assert signature.names == ("a", "b", "c", "d")


def test_float_and_text_columns_of_one_pipeline_work_together() -> None:
    rows = np.array([["Oslo", 1.0], ["Rome", 2.0], ["Oslo", 4.0], ["Rome", 3.0]], dtype=object)
    columns = ColumnTransformer([("w", OneHotEncoder(), [0]), ("n", StandardScaler(), [1])])
    estimator = make_pipeline(columns, LinearRegression()).fit(rows, [1.0, 2.0, 3.0, 4.0])
    kinds = [("city", StringTensorType([None, 1])), ("size", FloatTensorType([None, 1]))]
    proto = to_onnx(estimator, initial_types=kinds, target_opset=OPSETS)
    given = answers(proto, [("Oslo", 1.5), ("Rome", 2.5)])
    expected = estimator.predict(np.array([["Oslo", 1.5], ["Rome", 2.5]], dtype=object))
    assert [answer.value for answer in given] == pytest.approx(expected.tolist(), rel=1e-5)
