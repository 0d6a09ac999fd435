"""From a runtime's numbers to named answers, and to what pages and lists show."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from predictions.signature.answers import (
    labels_of,
    outcome_of,
    outputs_of,
    percent,
    probability_bars,
    score_of,
    shown_value,
)
from predictions.signature.fields import ClassName, Field, Output, Signature
from predictions.signature.schema import outputs_schema, prediction_schema, response_schema
from predictions.values import RawAnswer
from tests.signature.builders import classes_of, signature_of

NAN = float("nan")
TUMOR = classes_of(ClassName(0, "malignant"), ClassName(1, "benign"))
IRIS = classes_of(ClassName("setosa"), ClassName("virginica"))
OUTLIER = classes_of(ClassName(-1), ClassName(1), task="outlier", probabilities=False)
PRICE = Signature(
    task="regression",
    inputs=(Field(name="x", kind="number"),),
    outputs=(Output(name="price", kind="number", unit="$", decimals=2),),
)
TWO = replace(
    PRICE, outputs=(Output(name="height", kind="number", unit="cm"), Output(name="width", kind="number"))
)
GRAPH = replace(
    PRICE, task="other", outputs=(Output(name="a", kind="tensor"), Output(name="b", kind="tensor"))
)


def test_a_class_answer_has_its_label_and_probabilities_in_class_order() -> None:
    outputs = outputs_of(TUMOR, RawAnswer(1, (0.25, 0.75)))
    assert outputs == {"label": "benign", "probabilities": {"malignant": 0.25, "benign": 0.75}}
    assert list(outputs["probabilities"]) == ["malignant", "benign"]


def test_classes_without_names_keep_their_value_and_type() -> None:
    outputs = outputs_of(classes_of(ClassName(0), ClassName(1)), RawAnswer(1, (0.25, 0.75)))
    assert outputs == {"label": 1, "probabilities": {"0": 0.25, "1": 0.75}}
    assert type(outputs["label"]) is int


def test_without_probabilities_there_are_none() -> None:
    assert outputs_of(TUMOR, RawAnswer(0)) == {"label": "malignant"}


def test_a_number_answer_has_its_value() -> None:
    assert outputs_of(PRICE, RawAnswer(value=3.5)) == {"value": 3.5}
    assert outputs_of(TWO, RawAnswer(value=[1.0, 2.0])) == {"value": [1.0, 2.0]}


def test_a_number_that_is_none_is_null() -> None:
    assert outputs_of(PRICE, RawAnswer(value=NAN)) == {"value": None}
    assert outputs_of(PRICE, RawAnswer(value=None)) == {"value": None}
    assert outputs_of(TWO, RawAnswer(value=[1.0, NAN])) == {"value": [1.0, None]}
    assert outputs_of(TUMOR, RawAnswer(0, (NAN, 0.5)))["probabilities"] == {"malignant": None, "benign": 0.5}


def test_an_outlier_is_an_anomaly_or_normal() -> None:
    assert outputs_of(OUTLIER, RawAnswer(0, value=-0.2)) == {"label": "anomaly", "score": -0.2}
    assert outputs_of(OUTLIER, RawAnswer(1)) == {"label": "normal"}


def test_an_owners_names_go_before_normal_and_anomaly() -> None:
    renamed = classes_of(ClassName(-1, "fraud"), ClassName(1), task="outlier")
    assert labels_of(renamed) == ("fraud", "normal")


def test_a_cluster_has_its_label() -> None:
    clusters = classes_of(ClassName(0, "thrifty"), ClassName(1), task="clustering", probabilities=False)
    assert outputs_of(clusters, RawAnswer(0)) == {"label": "thrifty"}
    assert outputs_of(clusters, RawAnswer(1)) == {"label": 1}


def test_other_graphs_answer_by_output_name() -> None:
    raw = RawAnswer(outputs={"a": [[1.0, NAN]], "b": ("x",)})
    assert outputs_of(GRAPH, raw) == {"outputs": {"a": [[1.0, None]], "b": ["x"]}}


numbers = st.floats(allow_nan=True, allow_infinity=True)
raws = st.one_of(
    st.builds(RawAnswer, st.integers(0, 1), st.one_of(st.none(), st.tuples(numbers, numbers))),
    st.builds(RawAnswer, value=st.one_of(st.none(), numbers, st.lists(numbers, max_size=3))),
    st.builds(
        RawAnswer, outputs=st.dictionaries(st.text(max_size=3), st.lists(numbers, max_size=3), max_size=3)
    ),
)


@given(st.sampled_from([TUMOR, IRIS, OUTLIER, PRICE, TWO, GRAPH]), raws)
@settings(max_examples=200, deadline=None)
def test_any_answer_is_json_and_can_be_listed(signature: Signature, raw: RawAnswer) -> None:
    outputs = json.loads(json.dumps(outputs_of(signature, raw), allow_nan=False))
    assert len(outcome_of(outputs)) <= 200
    assert score_of(outputs) is None or isinstance(score_of(outputs), float)
    assert len(probability_bars(signature, outputs)) <= 11


@pytest.mark.parametrize(
    ("signature", "raw"),
    [
        (TUMOR, RawAnswer(1, (0.25, 0.75))),
        (IRIS, RawAnswer(0, (1.0, 0.0))),
        (OUTLIER, RawAnswer(0, value=-0.5)),
        (OUTLIER, RawAnswer(1)),
        (PRICE, RawAnswer(value=3.5)),
        (PRICE, RawAnswer(value=NAN)),
        (TWO, RawAnswer(value=[1.0, NAN])),
        (GRAPH, RawAnswer(outputs={"a": [1.0], "b": "x"})),
    ],
)
def test_answers_are_as_their_schema_says(signature: Signature, raw: RawAnswer) -> None:
    outputs = outputs_of(signature, raw)
    assert Draft202012Validator(outputs_schema(signature)).is_valid(outputs)
    prediction = {"id": "0190f5b0-0000-7000-8000-000000000000", **outputs, "warnings": []}
    assert Draft202012Validator(prediction_schema(signature)).is_valid(prediction)
    body = {"model": "tumor", "version": 3, "predictions": [prediction]}
    assert Draft202012Validator(response_schema(signature)).is_valid(body)


@pytest.mark.parametrize(
    ("signature", "outputs"),
    [
        (TUMOR, {"label": "other", "probabilities": {"malignant": 0.5, "benign": 0.5}}),
        (TUMOR, {"label": "benign", "probabilities": {"malignant": 1.5, "benign": 0.5}}),
        (TUMOR, {"label": "benign", "probabilities": {"malignant": 0.5}}),
        (PRICE, {"value": "3.5"}),
        (PRICE, {}),
        (TWO, {"value": [1.0]}),
        (TWO, {"value": [1.0, 2.0, 3.0]}),
        (GRAPH, {"outputs": {"a": 1}}),
    ],
)
def test_the_schema_of_answers_refuses_others(signature: Signature, outputs: dict[str, Any]) -> None:
    assert not Draft202012Validator(outputs_schema(signature)).is_valid(outputs)


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"label": "benign"}, "benign"),
        ({"label": 1}, "1"),
        ({"label": True}, "true"),
        ({"value": 1234.56789}, "1234.57"),
        ({"value": 3.0}, "3"),
        ({"value": None}, "none"),
        ({"value": [1.5, 2.0]}, "1.5, 2"),
        ({"value": list(range(20))}, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …"),
        ({"outputs": {"a": [2.0]}}, "2"),
        ({"outputs": {"a": "x", "b": [[1.0], [2.0]]}}, "a: x; b: 2 lists"),
        ({"label": "x" * 500}, "x" * 199 + "…"),
        ({}, ""),
    ],
)
def test_an_outcome_is_a_few_words(outputs: dict[str, Any], words: str) -> None:
    assert outcome_of(outputs) == words


@pytest.mark.parametrize(
    ("outputs", "score"),
    [
        ({"label": "a", "probabilities": {"a": 0.75, "b": 0.25}}, 0.75),
        ({"label": "a", "probabilities": {"a": None, "b": 0.25}}, 0.25),
        ({"label": "a", "probabilities": {"a": None}}, None),
        ({"label": "a", "score": -0.5}, -0.5),
        ({"value": 3}, 3.0),
        ({"value": [1.0]}, None),
        ({"value": None}, None),
        ({"label": "a"}, None),
        ({"outputs": {"a": 1.0}}, None),
    ],
)
def test_a_score_is_one_number_or_none(outputs: dict[str, Any], score: float | None) -> None:
    assert score_of(outputs) == score


@pytest.mark.parametrize(
    ("output", "value", "shown"),
    [
        (Output(name="p", kind="number", unit="$", decimals=2), 214500.5, "214,500.50 $"),
        (Output(name="p", kind="number", unit="%", decimals=0), 41.7, "42%"),
        (Output(name="p", kind="number", decimals=1), -0.04, "0.0"),
        (Output(name="p", kind="number", decimals=1), -12345.67, "-12,345.7"),
        (Output(name="p", kind="number", unit="mm"), 6.980999946594238, "6.981 mm"),
        (Output(name="p", kind="number"), 8200, "8200"),
        (Output(name="p", kind="number"), 1234567.0, "1,234,567"),
        (Output(name="p", kind="number"), 12345.678, "12,345.7"),
        (Output(name="p", kind="number"), 1.5e20, "1.5e+20"),
        (Output(name="p", kind="number"), None, "no value"),
        (Output(name="p", kind="number", unit="mm"), [1.0, 2.5], "1 mm, 2.5 mm"),
    ],
)
def test_a_value_is_shown_with_decimals_and_unit(output: Output, value: Any, shown: str) -> None:
    assert shown_value(replace(PRICE, outputs=(output,)), value) == shown


def test_several_targets_are_shown_by_name() -> None:
    assert shown_value(TWO, [180.0, 60.5]) == "height 180 cm, width 60.5"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (0.0004, "<0.1%"), (0.973, "97.3%"), (0.5, "50%"), (0.99996, ">99.9%"), (1, "100%")],
)
def test_a_percentage_never_claims_certainty_that_is_not_there(share: float, text: str) -> None:
    assert percent(share) == text


def test_bars_come_most_probable_first_and_ties_in_class_order() -> None:
    outputs = {"probabilities": {"a": 0.2, "b": 0.5, "c": 0.2, "d": None}}
    assert probability_bars(TUMOR, outputs) == [("b", 0.5, "50%"), ("a", 0.2, "20%"), ("c", 0.2, "20%")]


def test_beyond_ten_bars_the_rest_is_one() -> None:
    shares = {f"c{number}": 0.06 if number < 10 else 0.04 for number in range(20)}
    bars = probability_bars(TUMOR, {"probabilities": shares})
    assert len(bars) == 11
    assert bars[-1] == ("10 others", pytest.approx(0.4), "40%")
    eleven = dict(list(shares.items())[:11])
    assert probability_bars(TUMOR, {"probabilities": eleven})[-1][0] == "c10"


def test_without_probabilities_there_are_no_bars() -> None:
    assert probability_bars(signature_of(), {"value": 1.0}) == []
