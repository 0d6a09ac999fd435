"""The layer: each rule, what does not fit, and cases that cannot be worked out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from predictions.errors import InvalidRows, InvalidSignature, ModelFailed
from predictions.signature.fields import Choice, Field, Output, Signature
from predictions.signature.layer import (
    Bins,
    Constant,
    Expression,
    Layer,
    Made,
    MinMax,
    OneHot,
    Standardise,
    Take,
    ValueMap,
)
from predictions.signature.layering import CompiledLayer, layer_of
from predictions.signature.validation import Validator

AGE = Field(name="age", kind="number", label="Age", unit="years", minimum=0, maximum=130)
SEX = Field(name="sex", kind="choice", label="Sex", choices=(Choice("male"), Choice("female")))
HEIGHT = Field(name="height", kind="number", label="Height", nullable=True)
TOWN = Field(name="town", kind="text", label="Town")
OK = Field(name="ok", kind="boolean", label="OK")
FIELDS = (AGE, SEX, HEIGHT, TOWN, OK)
VALUES = (40.0, "male", 2.0, "Bonn", True)


def number(name: str, **properties: Any) -> Field:
    return Field(name=name, kind="number", **properties)


def layered(*columns: tuple[Field, Any], derived: tuple[Made, ...] = ()) -> Signature:
    return Signature(
        task="regression",
        inputs=FIELDS,
        outputs=(Output(name="y", kind="number"),),
        layer=Layer(
            model_inputs=tuple(field for field, _ in columns),
            columns=tuple(Made(field.name, rule) for field, rule in columns),
            derived=derived,
        ),
    )


def one(rule: Any, field: Field | None = None, values: tuple[Any, ...] = VALUES) -> Any:
    return CompiledLayer(layered((field or number("c"), rule))).row(values)[0]


def refusal(*columns: tuple[Field, Any], derived: tuple[Made, ...] = ()) -> tuple[str | None, str]:
    with pytest.raises(InvalidSignature) as raised:
        CompiledLayer(layered(*columns, derived=derived))
    return raised.value.field, raised.value.message


def test_a_field_is_taken_as_it_is() -> None:
    assert one(Take("age")) == 40.0


def test_a_value_map_sends_another_value() -> None:
    rule = ValueMap("sex", (("male", 0), ("female", 1)))
    assert one(rule) == 0.0
    assert one(rule, values=(40.0, "female", 2.0, "Bonn", True)) == 1.0
    assert one(ValueMap("ok", ((1, 10), (0, 20)))) == 10.0


@pytest.mark.parametrize(("others", "result"), [("pass", "Bonn"), ("missing", None), ("default", "else")])
def test_other_values_do_what_was_said(others: str, result: Any) -> None:
    field = Field(name="c", kind="text", nullable=True)
    rule = ValueMap("town", (("Köln", "K"),), others=others, default="else")
    assert one(rule, field) == result


def test_one_hot_gives_one_for_its_choice_and_zero_for_others_and_missing() -> None:
    rule = OneHot("sex", ("male",))
    assert one(rule) == 1.0
    assert one(rule, values=(40.0, "female", 2.0, "Bonn", True)) == 0.0
    assert one(rule, values=(40.0, None, 2.0, "Bonn", True)) == 0.0
    assert one(OneHot("sex", ("male",), rest=True)) == 0.0
    assert one(OneHot("town", ("Köln", "Bonn"))) == 1.0


@pytest.mark.parametrize(
    ("value", "right", "left"),
    [(0.0, None, "a"), (30.0, "a", "b"), (30.5, "b", "b"), (40.0, "b", None), (41.0, None, None)],
)
def test_bins_close_on_the_side_that_was_said(value: float, right: Any, left: Any) -> None:
    field = Field(name="c", kind="choice", choices=(Choice("a"), Choice("b")), nullable=True)
    row = (value, *VALUES[1:])
    assert one(Bins("age", (0.0, 30.0, 40.0), ("a", "b")), field, row) == right
    assert one(Bins("age", (0.0, 30.0, 40.0), ("a", "b"), right_closed=False), field, row) == left


def test_the_lowest_edge_may_be_included_and_the_ends_open() -> None:
    assert one(Bins("age", (40.0, 50.0), (1,), include_lowest=True)) == 1.0
    assert one(Bins("age", (None, 40.0, None), (1, 2))) == 1.0
    assert one(Bins("age", (None, 39.0, None), (1, 2))) == 2.0


def test_constants_and_scales() -> None:
    assert one(Constant(3)) == 3.0
    assert one(Standardise("age", 30.0, 5.0)) == 2.0
    assert one(MinMax("age", 0.0, 80.0)) == 0.5


def test_derived_values_are_made_first_whatever_their_order() -> None:
    signature = layered(
        (number("double"), Expression("code * 2")),
        (number("age"), Standardise("grown", 0.0, 10.0)),
        derived=(
            Made("grown", Expression("age + code")),
            Made("code", ValueMap("sex", (("male", 5), ("female", 6)))),
        ),
    )
    assert CompiledLayer(signature).row(VALUES) == (10.0, 4.5)


def test_a_column_may_use_a_later_one_and_a_name_means_the_field_first() -> None:
    signature = layered(
        (number("weekend"), Expression("1 if day >= 5 else 0")),
        (number("day"), Constant(6)),
        (number("age"), Expression("age * 2")),
    )
    assert CompiledLayer(signature).row(VALUES) == (1.0, 6.0, 80.0)


def test_a_column_is_of_the_kind_the_model_takes() -> None:
    whole = Field(name="c", kind="integer")
    assert one(Expression("age / 2"), whole) == 20
    assert type(one(Expression("age / 2"), whole)) is int
    assert one(Expression("age > 3"), Field(name="c", kind="boolean")) is True
    assert one(Expression("age > 3"), Field(name="c", kind="choice", choices=(Choice(0), Choice(1)))) == 1
    assert type(one(Expression("age > 3"))) is float


REFUSED: list[tuple[Any, Field, str]] = [
    (ValueMap("sex", (("male", 0),)), number("c"), 'Say what is sent for "female" of Sex'),
    (ValueMap("sex", (("male", 0), ("male", 1))), number("c"), "mapped twice"),
    (ValueMap("age", (("40", 0),)), number("c"), "never found"),
    (ValueMap("sex", ()), number("c"), "Say what is sent"),
    (ValueMap("sex", (("male", "m"), ("female", "f"))), number("c"), "takes numbers"),
    (ValueMap("sex", (("male", 0),), others="perhaps"), number("c"), "must be refuse"),
    (OneHot("sex", ("men",)), number("c"), 'no choice "men"'),
    (OneHot("sex", ()), number("c"), "this column is 1"),
    (Expression("sex * 2"), number("c"), "sex is a text"),
    (Expression("agee"), number("c"), 'did you mean "age"?'),
    (Take("town"), number("c"), "takes numbers"),
    (Take("height"), number("c"), "coalesce(height, …)"),
    (Take("nothing"), number("c"), "no field or column"),
    (Bins("age", (3.0, 1.0), (1,)), number("c"), "must rise"),
    (Bins("age", (1.0, 3.0), (1, 2)), number("c"), "give as many results"),
    (Bins("age", (1.0,), ()), number("c"), "at least two edges"),
    (Bins("age", (1.0, None, 3.0), (1, 2)), number("c"), "may be open"),
    (Bins("sex", (1.0, 2.0), (1,)), number("c"), "is a text"),
    (Bins("age", (1.0, 2.0), (1,), outside="x"), number("c"), "must be missing"),
    (Standardise("age", 0.0, 0.0), number("c"), "cannot be 0"),
    (MinMax("age", 2.0, 2.0), number("c"), "must differ"),
    (Constant("x"), number("c"), "takes numbers"),
    (Constant(float("nan")), number("c"), "ordinary number"),
    (Constant(7), Field(name="c", kind="choice", choices=(Choice(1),)), "does not know 7"),
    (Take("sex"), Field(name="c", kind="choice", choices=(Choice("male"),)), 'does not know "female"'),
    (Take("c"), number("c"), "made from itself"),
]


@pytest.mark.parametrize(("rule", "field", "part"), REFUSED)
def test_what_does_not_fit_is_refused_with_what_to_do(rule: Any, field: Field, part: str) -> None:
    name, message = refusal((field, rule))
    assert name == "c"
    assert part in message
    assert message.endswith((".", "?"))


def test_every_column_is_made_once_and_none_else() -> None:
    signature = layered((number("a"), Constant(1)), (number("b"), Constant(2)))
    layer: Any = signature.layer

    def told(*columns: Made) -> str:
        with pytest.raises(InvalidSignature) as raised:
            CompiledLayer(replace(signature, layer=replace(layer, columns=columns)))
        return raised.value.message

    a, b = layer.columns
    assert told(a) == 'Say how the column "b" is made.'
    assert told(a, b, b) == 'The column "b" is made twice; remove one.'
    assert "no column" in told(a, b, Made("zzz", Constant(1)))
    assert "order" in told(b, a)


def test_circles_and_taken_names_are_refused() -> None:
    x, y = Made("x", Expression("y + 1")), Made("y", Expression("x + 1"))
    assert "made from each other" in refusal((number("c"), Take("x")), derived=(x, y))[1]
    assert "already" in refusal((number("c"), Constant(1)), derived=(Made("age", Constant(1)),))[1]
    assert "already" in refusal((number("c"), Constant(1)), derived=(Made("c", Constant(1)),))[1]


def test_a_long_chain_of_derived_values_is_no_trouble() -> None:
    chain = tuple(Made(f"d{n}", Expression(f"d{n - 1} + 1" if n else "age")) for n in reversed(range(3000)))
    assert CompiledLayer(layered((number("c"), Take("d2999")), derived=chain)).row(VALUES) == (3039.0,)


SPLIT = layered((number("ratio"), Expression("1 / (age - 40)")), (number("tall"), Expression("height * 2")))


def test_a_case_without_a_result_is_a_fault_at_its_field() -> None:
    validator = Validator(SPLIT)
    with pytest.raises(InvalidRows) as raised:
        validator.check_payload([[41, "male", 2, "Bonn", True], [40, "male", 2, "Bonn", True]], max_rows=9)
    (fault,) = raised.value.errors
    assert (fault.row, fault.field, fault.code) == (1, "age", "derived_failed")
    assert fault.message == '"ratio" cannot be worked out: it divides by 0; change Age.'


def test_a_missing_value_the_model_needs_is_asked_for() -> None:
    validator = Validator(SPLIT)
    with pytest.raises(InvalidRows) as raised:
        validator.check_row({"age": 1, "sex": "male", "height": None, "town": "Bonn", "ok": True}, row=7)
    (fault,) = raised.value.errors
    assert (fault.row, fault.field, fault.code) == (7, "height", "derived_failed")
    assert fault.message == '"tall" cannot be worked out: give a value for Height.'


def test_texts_of_a_form_meet_the_same_check() -> None:
    texts = {"age": "40", "sex": "male", "height": "2", "town": "Bonn", "ok": "yes"}
    with pytest.raises(InvalidRows) as raised:
        Validator(SPLIT).check_texts(texts)
    assert raised.value.errors[0].code == "derived_failed"
    assert Validator(SPLIT).check_texts({**texts, "age": "41"}).values == (41.0, "male", 2.0, "Bonn", True)


def test_a_worker_says_the_same_where_no_door_did() -> None:
    with pytest.raises(ModelFailed) as raised:
        CompiledLayer(SPLIT).rows([VALUES])
    assert raised.value.code == "derived_failed"


def test_a_signature_without_a_layer_has_none() -> None:
    plain = replace(SPLIT, layer=None)
    assert layer_of(plain) is None
    assert plain.for_runtime() is plain
    assert plain.to_document()["format"] == 1
    assert "layer" not in plain.to_document()


def test_a_document_holds_the_whole_layer() -> None:
    signature = layered(
        (number("a"), Take("age")),
        (number("b"), ValueMap("sex", (("male", 0), ("female", 1)))),
        (number("c"), OneHot("town", ("Bonn",), rest=True)),
        (number("d"), Expression("age * 2")),
        (number("e"), Bins("age", (None, 1.0, None), (1, 2), right_closed=False)),
        (number("f"), Constant(3)),
        (number("g"), Standardise("age", 1.0, 2.0)),
        (number("h"), MinMax("age", 1.0, 2.0)),
        derived=(Made("z", ValueMap("town", (("Bonn", 1),), others="default", default=0)),),
    )
    document = json.loads(json.dumps(signature.to_document()))
    assert document["format"] == 2
    read = Signature.from_document(document)
    assert read == signature
    assert json.loads(json.dumps(read.to_document())) == document
    assert read.for_runtime().names == tuple("abcdefgh")
    assert read.for_runtime().to_document()["format"] == 1


def test_an_unknown_rule_is_refused() -> None:
    document = SPLIT.to_document()
    document["layer"]["columns"][0]["rule"] = "magic"
    with pytest.raises(ValueError, match="unknown rule"):
        Signature.from_document(document)
