"""Answers that are changed before people get them: what is given, and that the estimator's own word is kept."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from predictions.signature.answers import outcome_of, outputs_of
from predictions.signature.fields import ClassName, Output, Signature
from predictions.signature.schema import outputs_schema
from predictions.values import RawAnswer
from tests.signature.builders import classes_of, signature_of

LOAN = classes_of(ClassName(0, "pays"), ClassName(1, "fails"))


def value_signature(**properties: Any) -> Signature:
    return replace(signature_of(), outputs=(Output(name="price", kind="number", **properties),))


@pytest.mark.parametrize(
    ("properties", "given", "value"),
    [
        ({"transform": "exp"}, 2.0, math.exp(2.0)),
        ({"transform": "expm1"}, 2.0, math.expm1(2.0)),
        ({"transform": "exp10"}, 2.0, 100.0),
        ({"transform": "square"}, 3.0, 9.0),
        ({"factor": 0.8}, 10.0, 8.0),
        ({"factor": 2.0, "offset": 1.0}, 10.0, 21.0),
        ({"transform": "exp", "factor": 2.0, "offset": -1.0}, 0.0, 1.0),
        ({"transform": "exp"}, 1000.0, None),
        ({"factor": 1e300}, 1e300, None),
        ({"transform": "exp"}, None, None),
        ({"factor": 2.0}, [1.0, None], [2.0, None]),
    ],
)
def test_a_number_is_changed_and_the_models_own_kept(properties: Any, given: Any, value: Any) -> None:
    outputs = outputs_of(value_signature(**properties), RawAnswer(value=given))
    assert outputs == {"value": value, "raw": given}


def test_each_target_has_its_own_change() -> None:
    signature = replace(
        signature_of(),
        outputs=(Output(name="a", kind="number", factor=2.0), Output(name="b", kind="number")),
    )
    assert outputs_of(signature, RawAnswer(value=[1.0, 5.0])) == {"value": [2.0, 5.0], "raw": [1.0, 5.0]}


def test_named_outputs_are_changed_by_name() -> None:
    signature = replace(
        signature_of(task="other"),
        outputs=(Output(name="a", kind="number", transform="square"), Output(name="b", kind="tensor")),
    )
    raw = {"a": [2.0, 3.0], "b": "text"}
    found = outputs_of(signature, RawAnswer(outputs=raw))
    assert found == {"outputs": {"a": [4.0, 9.0], "b": "text"}, "raw": raw}


@pytest.mark.parametrize(
    ("share", "label"), [(0.29, "pays"), (0.3, "fails"), (0.31, "fails"), (0.9, "fails")]
)
def test_a_threshold_decides_for_the_second_class(share: float, label: str) -> None:
    signature = replace(LOAN, outputs=(replace(LOAN.main_output, threshold=0.3),))
    raw = RawAnswer(class_index=int(share > 0.5), probabilities=(1 - share, share))
    found = outputs_of(signature, raw)
    assert found["label"] == label == outcome_of(found)
    assert found["raw"] == ("fails" if share > 0.5 else "pays")
    assert Draft202012Validator(outputs_schema(signature)).is_valid(found)


def test_without_probabilities_the_estimator_decides() -> None:
    signature = replace(LOAN, outputs=(replace(LOAN.main_output, threshold=0.3),))
    assert outputs_of(signature, RawAnswer(class_index=0))["label"] == "pays"


def test_a_changed_answer_makes_another_format_and_runtimes_know_nothing_of_it() -> None:
    signature = value_signature(transform="exp", factor=0.8)
    document = signature.to_document()
    assert document["format"] == 2
    assert Signature.from_document(document) == signature
    assert signature.for_runtime() == value_signature()
    assert "raw" in outputs_schema(signature)["required"]
    assert "raw" not in outputs_schema(value_signature())["properties"]
