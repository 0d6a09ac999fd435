"""The signature itself and its document."""

from __future__ import annotations

import json

import pytest

from predictions.signature.fields import Choice, ClassName, Drawing, Field, Output, Signature

FULL = Signature(
    task="classification",
    inputs=(
        Field(
            name="mean_radius",
            kind="number",
            label="Mean radius",
            unit="mm",
            help="Of ten cells",
            group="Cells",
            order=2,
            required=False,
            nullable=True,
            default=1.5,
            minimum=0.0,
            maximum=100.0,
            soft_minimum=6.98,
            soft_maximum=28.11,
            example=12.5,
        ),
        Field(
            name="sex", kind="choice", order=1, choices=(Choice("f", "female"), Choice("m")), unseen="warn"
        ),
        Field(name="grid", kind="tensor", shape=(2, None), element="integer", example=[[1, 2], [3, 4]]),
        Field(name="smoker", kind="boolean", base_kind="number", may_be_missing=True, default=False),
    ),
    outputs=(
        Output(
            name="label",
            kind="class",
            classes=(ClassName(0, "bad"), ClassName(1)),
            probabilities=True,
            help="x",
        ),
        Output(name="y", kind="tensor", shape=(None, 2), element="float", unit="m", decimals=0),
    ),
    drawing=Drawing(8, 8, 16.0),
)


def test_a_signature_survives_json() -> None:
    document = json.loads(json.dumps(FULL.to_document(), allow_nan=False))
    assert Signature.from_document(document) == FULL


def test_defaults_are_left_out_of_the_document() -> None:
    signature = Signature(
        task="regression",
        inputs=(Field(name="x", kind="number"),),
        outputs=(Output(name="y", kind="number"),),
    )
    assert signature.to_document()["inputs"] == [{"name": "x", "kind": "number"}]
    assert signature.to_document()["outputs"] == [{"name": "y", "kind": "number"}]


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown signature format 3"):
        Signature.from_document({"format": 3})


def test_the_page_has_its_own_order() -> None:
    assert [field.name for field in FULL.shown_inputs] == ["grid", "smoker", "sex", "mean_radius"]
    assert FULL.names == ("mean_radius", "sex", "grid", "smoker")


def test_a_field_without_a_label_opens_its_underscores() -> None:
    assert Field(name="mean_radius", kind="number").shown == "mean radius"
    assert Field(name="__", kind="number").shown == "__"
    assert FULL.input("mean_radius").shown == "Mean radius"


def test_an_unknown_input_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        FULL.input("weight")
