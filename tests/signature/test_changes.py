"""The revision history in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from predictions.signature.editing import apply_edits, changes_between
from predictions.signature.fields import Choice, ClassName, Field, Output, Signature
from tests.signature.builders import signature_of

OLD = Signature(
    task="classification",
    inputs=(
        Field(name="radius", kind="number", unit="mm", soft_maximum=28.11),
        Field(name="age", kind="integer", nullable=True),
        Field(name="sex", kind="choice", choices=(Choice("f"), Choice("m"))),
    ),
    outputs=(Output(name="label", kind="class", classes=(ClassName(0), ClassName(1))),),
)


@pytest.mark.parametrize(
    ("edits", "sentences"),
    [
        ({"radius": {"label": "Mean radius"}}, ['radius: label set to "Mean radius".']),
        ({"radius": {"unit": "cm"}}, ['radius: unit changed from "mm" to "cm".']),
        ({"radius": {"unit": None}}, ['radius: unit "mm" taken away.']),
        (
            {"radius": {"minimum": 0, "maximum": 99.5}},
            ["radius: minimum set to 0.", "radius: maximum set to 99.5."],
        ),
        ({"radius": {"soft_maximum": None}}, ["radius: end of the training range 28.11 taken away."]),
        ({"radius": {"kind": "integer"}}, ['radius: kind changed from "number" to "integer".']),
        ({"age": {"required": False}}, ["age: may be left out now."]),
        ({"age": {"nullable": False}}, ["age: cannot be null any more."]),
        ({"age": {"default": 0}}, ["age: default set to 0."]),
        ({"sex": {"unseen": "warn"}}, ["sex: an unknown choice is a warning now."]),
        ({"sex": {"choices": ["m", "f"]}}, ["sex: choices in another order."]),
        ({"sex": {"choices": ["f", "x"]}}, ['sex: choices added: "x".', 'sex: choices removed: "m".']),
        (
            {"sex": {"choices": [{"value": "f", "label": "female"}, "m"]}},
            ['sex: choices renamed: "f" is called "female".'],
        ),
    ],
)
def test_each_change_is_one_sentence(edits: dict[str, Any], sentences: list[str]) -> None:
    assert changes_between(OLD, apply_edits(OLD, {"inputs": edits})) == sentences


def test_changes_of_classes_and_drawing_are_told() -> None:
    new = apply_edits(OLD, {"outputs": {"label": {"label": "Finding", "classes": ["bad", "good"]}}})
    assert changes_between(OLD, new) == [
        'label: label set to "Finding".',
        'label: classes renamed: 0 is called "bad", 1 is called "good".',
    ]
    assert changes_between(new, OLD) == [
        'label: label "Finding" taken away.',
        "label: classes renamed: 0 has no name of its own, 1 has no name of its own.",
    ]
    pixels = signature_of(Field(name="a", kind="number"), Field(name="b", kind="number"))
    pad = apply_edits(pixels, {"drawing": {"rows": 1, "columns": 2, "maximum": 16}})
    assert changes_between(pixels, pad) == ["The drawing pad has 1 by 2 cells from 0 to 16."]
    assert changes_between(pad, pixels) == ["The drawing pad was taken away."]


def test_many_choices_are_counted() -> None:
    many = [f"c{number}" for number in range(9)]
    new = apply_edits(OLD, {"inputs": {"sex": {"choices": ["f", "m", *many]}}})
    assert changes_between(OLD, new) == ['sex: choices added: "c0", "c1", "c2", "c3", "c4" and 4 more.']


def test_other_fields_of_another_version_are_told() -> None:
    new = replace(OLD, inputs=(*OLD.inputs[1:], Field(name="weight", kind="number")))
    assert changes_between(OLD, new) == ["weight: added.", "radius: removed."]


def test_nothing_changed_is_nothing_told() -> None:
    assert changes_between(OLD, OLD) == []
