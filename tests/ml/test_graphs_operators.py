"""The operators of a graph give ranges, choices and what may be missing."""

from __future__ import annotations

import numpy as np
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.ml.onnx_graphs import (
    FLOAT,
    KINDS,
    MEASURED,
    OPSETS,
    STRING,
    answers,
    assert_close,
    converted,
    graph,
    identity,
    inspected,
    node,
)


def test_a_scaler_behind_the_inputs_gives_ranges_and_an_example() -> None:
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(MEASURED, KINDS)
    field = inspected(converted(estimator, MEASURED))[0].inputs[2]
    mean, deviation = MEASURED[:, 2].mean(), MEASURED[:, 2].std()
    assert field.example == pytest.approx(mean, rel=1e-3)
    assert field.soft_minimum == pytest.approx(mean - 3 * deviation, rel=1e-2)
    assert field.soft_maximum == pytest.approx(mean + 3 * deviation, rel=1e-2)


def test_trees_give_the_range_they_divide() -> None:
    field = inspected(converted(RandomForestClassifier(20, random_state=0).fit(MEASURED, KINDS), MEASURED))[
        0
    ].inputs[2]
    low, high = MEASURED[:, 2].min(), MEASURED[:, 2].max()
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
