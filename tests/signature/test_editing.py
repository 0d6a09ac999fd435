"""What an owner may change about a signature, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.errors import InvalidSignature
from predictions.signature.edit_values import FIELD_CLEANERS, OUTPUT_CLEANERS
from predictions.signature.editing import apply_edits
from predictions.signature.fields import Choice, ClassName, Drawing, Field, Output, Signature
from predictions.signature.validation import Validator
from tests.signature.builders import signature_of
from tests.signature.strategies import json_values, signatures

SIGNATURE = Signature(
    task="classification",
    inputs=(
        Field(name="radius", kind="number", soft_minimum=6.98, soft_maximum=28.11),
        Field(name="age", kind="integer", nullable=True),
        Field(name="sex", kind="choice", choices=(Choice("f"), Choice("m"))),
        Field(name="smoker", kind="number", soft_minimum=0, soft_maximum=1),
        Field(name="note", kind="text"),
        Field(name="doors", kind="choice", choices=(Choice(3), Choice(5))),
        Field(name="grid", kind="tensor", shape=(2,)),
    ),
    outputs=(
        Output(name="label", kind="class", classes=(ClassName(0), ClassName(1)), probabilities=True),
        Output(name="extra", kind="number"),
    ),
)


def _edited(name: str, /, **edits: Any) -> Field:
    return apply_edits(SIGNATURE, {"inputs": {name: edits}}).input(name)


def _refused(name: str, /, **edits: Any) -> str:
    with pytest.raises(InvalidSignature) as raised:
        apply_edits(SIGNATURE, {"inputs": {name: edits}})
    assert raised.value.field == name
    return raised.value.message


def test_no_edits_change_nothing() -> None:
    assert apply_edits(SIGNATURE, {}) == SIGNATURE
    assert apply_edits(SIGNATURE, {"inputs": {}, "outputs": {"label": {}}}) == SIGNATURE


def test_words_of_a_field_are_cleaned_and_taken() -> None:
    field = _edited(
        "radius", label="  Mean   radius ", unit="mm", help="First.\nSecond.", group="Cells", order=3
    )
    assert (field.label, field.unit, field.help) == ("Mean radius", "mm", "First.\nSecond.")
    assert (field.group, field.order) == ("Cells", 3)
    assert _edited("radius", label=None).label == ""


def test_everything_else_stays_as_it_was() -> None:
    edited = apply_edits(SIGNATURE, {"inputs": {"radius": {"unit": "mm"}}})
    assert edited == SIGNATURE.with_inputs((replace(SIGNATURE.inputs[0], unit="mm"), *SIGNATURE.inputs[1:]))


@pytest.mark.parametrize("key", ["name", "shape", "element", "base_kind", "may_be_missing", "nonsense"])
def test_what_the_estimator_needs_cannot_be_edited(key: str) -> None:
    assert "cannot be edited" in _refused("radius", **{key: "x"})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("label", 5),
        ("label", "x" * 121),
        ("label", "a\x00"),
        ("unit", "a\x07"),
        ("unit", "x" * 41),
        ("help", "x" * 2001),
        ("order", "3"),
        ("order", 1.5),
        ("minimum", "3"),
        ("minimum", True),
        ("minimum", float("nan")),
        ("maximum", 10**400),
        ("required", 1),
        ("nullable", None),
        ("unseen", "ignore"),
        ("max_length", 0),
        ("choices", "a,b"),
        ("choices", [None]),
        ("choices", [{"value": "a", "color": "red"}]),
        ("choices", [float("nan")]),
        ("kind", []),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(key: str, value: Any) -> None:
    assert _refused("radius", **{key: value}).endswith(".")


def test_unknown_names_are_refused() -> None:
    assert _refused("weight", label="x") == 'There is no input "weight"; names cannot be edited.'
    with pytest.raises(InvalidSignature, match='There is no output "price"'):
        apply_edits(SIGNATURE, {"outputs": {"price": {}}})
    with pytest.raises(InvalidSignature, match='"task" cannot be edited'):
        apply_edits(SIGNATURE, {"task": "regression"})


@pytest.mark.parametrize("edits", [[], "x", {"inputs": []}, {"inputs": {"radius": []}}, {"outputs": 5}])
def test_edits_of_the_wrong_shape_are_refused(edits: Any) -> None:
    with pytest.raises(InvalidSignature):
        apply_edits(SIGNATURE, edits)


def test_limits_may_be_set_and_taken_away() -> None:
    field = _edited("radius", minimum=0, maximum=100, soft_maximum=None)
    assert (field.minimum, field.maximum, field.soft_minimum, field.soft_maximum) == (0, 100, 6.98, None)


def test_limits_the_wrong_way_round_are_refused() -> None:
    message = "radius cannot be at least 50 and at most 40; change one of them."
    assert _refused("radius", minimum=50, maximum=40, soft_minimum=None, soft_maximum=None) == message
    assert "training range" in _refused("radius", soft_minimum=30)


@pytest.mark.parametrize("edits", [{"minimum": 10}, {"maximum": 20}, {"maximum": 5}, {"minimum": 40}])
def test_a_training_range_outside_the_limits_is_refused(edits: dict[str, float]) -> None:
    assert "not inside its limits" in _refused("radius", **edits)


def test_limits_without_a_whole_number_between_are_refused() -> None:
    assert _refused("age", minimum=0.2, maximum=0.8) == (
        "There is no whole number between the limits of age; widen them."
    )


@pytest.mark.parametrize("name", ["sex", "note"])
def test_only_numbers_have_limits(name: str) -> None:
    assert "is not a number" in _refused(name, minimum=1)


def test_a_default_is_checked_and_stored_as_the_field_takes_it() -> None:
    assert _edited("radius", default=12, required=False).default == 12.0
    assert type(_edited("radius", default=12).default) is float
    assert _edited("doors", default=3.0).default == 3


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("radius", "12"),
        ("radius", True),
        ("age", 1.5),
        ("sex", "x"),
        ("note", 5),
        ("note", ""),
        ("grid", [1]),
    ],
)
def test_a_default_the_field_itself_refuses_is_refused(name: str, default: Any) -> None:
    assert _refused(name, default=default).startswith(f"The default of {name} does not fit the field: ")


def test_a_default_outside_new_limits_is_refused() -> None:
    signature = apply_edits(SIGNATURE, {"inputs": {"radius": {"default": 12}}})
    with pytest.raises(InvalidSignature, match="The default of radius does not fit"):
        apply_edits(
            signature, {"inputs": {"radius": {"maximum": 11, "soft_minimum": None, "soft_maximum": None}}}
        )


def test_an_optional_field_needs_a_default_or_null() -> None:
    assert "needs a default when it may be left out" in _refused("radius", required=False)
    assert _edited("radius", required=False, default=10).required is False
    assert _edited("age", required=False).required is False


def test_an_example_is_checked_when_given_and_dropped_when_outdated() -> None:
    signature = apply_edits(SIGNATURE, {"inputs": {"radius": {"example": 20}}})
    assert signature.input("radius").example == 20.0
    edits = {"radius": {"maximum": 15, "soft_maximum": 14}}
    assert apply_edits(signature, {"inputs": edits}).input("radius").example is None
    assert _refused("radius", example="x").startswith("The example of radius does not fit the field")


def test_words_can_be_edited_where_the_build_left_a_contradiction() -> None:
    signature = signature_of(Field(name="x", kind="number", required=False, minimum=3, soft_minimum=2))
    assert apply_edits(signature, {"inputs": {"x": {"label": "X"}}}).input("x").label == "X"


def test_null_cannot_be_allowed_where_the_estimator_takes_none() -> None:
    assert _refused("radius", nullable=True) == (
        "radius cannot be null: this ML model does not take it as missing."
    )


def test_null_can_be_forbidden_and_allowed_again() -> None:
    strict = apply_edits(SIGNATURE, {"inputs": {"age": {"nullable": False}}})
    assert strict.input("age").nullable is False
    again = Signature.from_document(strict.to_document())
    assert apply_edits(again, {"inputs": {"age": {"nullable": True}}}) == SIGNATURE


def test_choices_can_be_named_ordered_added_and_removed() -> None:
    field = _edited("sex", choices=[{"value": "m", "label": "male"}, {"value": "x", "label": None}, "f"])
    assert field.choices == (Choice("m", "male"), Choice("x"), Choice("f"))


@pytest.mark.parametrize(
    ("name", "choices", "message"),
    [
        ("sex", ["f", "f"], 'has the choice "f" twice'),
        ("doors", [3, 3.0], "has the choice 3 twice"),
        ("sex", [], "needs at least one choice"),
        ("sex", ["f", 1], "The choices of sex must be texts; 1 is not."),
        ("doors", [3, "5"], 'The choices of doors must be whole numbers; "5" is not.'),
        ("doors", [3, 5.5], "The choices of doors must be whole numbers; 5.5 is not."),
        ("doors", [3, True], "true is not."),
        (
            "sex",
            [{"value": "f", "label": "a"}, {"value": "m", "label": "a"}],
            'Two choices of sex are called "a"',
        ),
        ("sex", [{"value": "f", "label": "m"}, {"value": "m"}], 'Two choices of sex are called "m"'),
        ("note", ["a"], "has no choices"),
    ],
)
def test_choices_that_contradict_are_refused(name: str, choices: list[Any], message: str) -> None:
    assert message in _refused(name, choices=choices)


def test_a_category_field_can_warn_about_unseen_values() -> None:
    assert _edited("sex", unseen="warn").unseen == "warn"


def test_a_number_can_become_whole_and_a_number_again() -> None:
    whole = apply_edits(SIGNATURE, {"inputs": {"radius": {"kind": "integer", "default": 10.0}}})
    field = whole.input("radius")
    assert (field.kind, field.base_kind, field.default, field.soft_maximum) == (
        "integer",
        "number",
        10,
        28.11,
    )
    assert type(field.default) is int
    back = apply_edits(whole, {"inputs": {"radius": {"kind": "number", "default": None}}})
    assert back == SIGNATURE


def test_a_number_that_was_zero_or_one_can_become_yes_or_no() -> None:
    field = _edited("smoker", kind="boolean")
    assert (field.kind, field.base_kind, field.soft_maximum) == ("boolean", "number", None)
    assert Validator(signature_of(field)).check_row([True]).values == (True,)
    assert "other values than 0 and 1" in _refused("radius", kind="boolean")


def test_numbers_and_texts_can_become_choices_of_their_own_type() -> None:
    field = _edited(
        "smoker", kind="choice", choices=[{"value": 0, "label": "no"}, {"value": 1, "label": "yes"}]
    )
    assert (field.kind, field.base_kind) == ("choice", "number")
    assert Validator(signature_of(field)).check_row([1.0]).values == (1,)
    assert _edited("note", kind="choice", choices=["a", "b"]).choices == (Choice("a"), Choice("b"))
    assert "must be numbers" in _refused("smoker", kind="choice", choices=["0", "1"])
    assert "must be texts" in _refused("note", kind="choice", choices=[1])
    assert "must be whole numbers" in _refused("age", kind="choice", choices=[1.5])
    assert "needs at least one choice" in _refused("note", kind="choice")


def test_choices_made_of_a_number_can_go_back() -> None:
    signature = apply_edits(SIGNATURE, {"inputs": {"smoker": {"kind": "choice", "choices": [0, 1]}}})
    field = apply_edits(signature, {"inputs": {"smoker": {"kind": "number"}}}).input("smoker")
    assert (field.kind, field.base_kind, field.choices) == ("number", None, ())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sex", "text"),
        ("note", "number"),
        ("grid", "number"),
        ("radius", "text"),
        ("radius", "tensor"),
        ("age", "x"),
    ],
)
def test_a_kind_with_other_values_is_refused(name: str, kind: str) -> None:
    assert "cannot become" in _refused(name, kind=kind)


def _classes(labels: Any) -> tuple[str, ...]:
    edited = apply_edits(SIGNATURE, {"outputs": {"label": {"classes": labels}}})
    assert [name.value for name in edited.main_output.classes] == [0, 1]
    return tuple(name.label for name in edited.main_output.classes)


def test_classes_are_named_in_order_or_by_value() -> None:
    assert _classes(["malignant", "benign"]) == ("malignant", "benign")
    assert _classes({1: "benign"}) == ("", "benign")
    assert _classes({"0": "malignant", "1": None}) == ("malignant", "")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"], "Give 2 class names"),
        ("ab", "Give 2 class names"),
        (["a", "a"], 'Two classes are called "a"'),
        (["1", ""], 'Two classes are called "1"'),
        ({"2": "a"}, 'has no class "2"'),
        (["a", 5], "must be a text"),
        (["a", "x" * 121], "120 characters at most"),
    ],
)
def test_class_names_that_contradict_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(InvalidSignature) as raised:
        _classes(labels)
    assert message in raised.value.message
    assert raised.value.field == "label"


def test_outputs_get_words_and_decimals() -> None:
    edits = {"label": "Price", "unit": "$", "help": "Of the house.", "decimals": 2}
    (_, output) = apply_edits(SIGNATURE, {"outputs": {"extra": edits}}).outputs
    assert (output.label, output.unit, output.help, output.decimals) == ("Price", "$", "Of the house.", 2)
    with pytest.raises(InvalidSignature, match="must be from 0 to 15"):
        apply_edits(SIGNATURE, {"outputs": {"extra": {"decimals": 16}}})
    with pytest.raises(InvalidSignature, match='"kind" of extra cannot be edited'):
        apply_edits(SIGNATURE, {"outputs": {"extra": {"kind": "class"}}})


PIXELS = signature_of(*(Field(name=f"pixel {number}", kind="number") for number in range(6)))


def test_a_drawing_pad_fits_the_inputs() -> None:
    drawing = {"rows": 2, "columns": 3, "maximum": 16}
    edited = apply_edits(PIXELS, {"drawing": drawing})
    assert edited.drawing == Drawing(2, 3, 16)
    assert apply_edits(edited, {"drawing": None}) == PIXELS


@pytest.mark.parametrize(
    ("signature", "drawing"),
    [
        (PIXELS, {"rows": 2, "columns": 2, "maximum": 16}),
        (PIXELS, {"rows": 2, "columns": 3, "maximum": 0}),
        (PIXELS, {"rows": 2, "columns": 3, "maximum": None}),
        (PIXELS, {"rows": "2", "columns": 3, "maximum": 1}),
        (PIXELS, {"rows": 2, "columns": 3}),
        (PIXELS, [2, 3, 16]),
        (SIGNATURE, {"rows": 7, "columns": 1, "maximum": 1}),
    ],
)
def test_a_drawing_pad_that_does_not_fit_is_refused(signature: Signature, drawing: Any) -> None:
    with pytest.raises(InvalidSignature) as raised:
        apply_edits(signature, {"drawing": drawing})
    assert raised.value.field == "drawing"


_keys = st.sampled_from([*FIELD_CLEANERS, *OUTPUT_CLEANERS, "name"])


@given(signatures(max_fields=2), st.dictionaries(_keys, json_values, max_size=3), json_values)
@settings(max_examples=200, deadline=None)
def test_arbitrary_edits_are_applied_or_refused(
    signature: Signature, edits: dict[str, Any], anything: Any
) -> None:
    for document in (
        {"inputs": dict.fromkeys(signature.names, edits)},
        {"outputs": {"answer": edits}},
        {"drawing": anything},
        anything,
    ):
        try:
            edited = apply_edits(signature, document)
        except InvalidSignature:
            continue
        assert edited.names == signature.names
        assert Signature.from_document(edited.to_document()) == edited
        Validator(edited)
