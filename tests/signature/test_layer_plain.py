"""Signatures from plain documents and back: what ``layer.yaml`` and the API take."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from predictions.errors import InvalidSignature
from predictions.signature.editing import apply_edits
from predictions.signature.expression_functions import FUNCTIONS
from predictions.signature.fields import Choice, ClassName, Field, Output, Signature
from predictions.signature.layer import RULES, Bins, Constant, Expression, Made, OneHot, Take, ValueMap
from predictions.signature.layer_plain import applied, plain_of
from predictions.signature.layer_rules_plain import made_from_plain, plain_rule
from predictions.signature.layer_yaml import read
from predictions.signature.layering import CompiledLayer
from predictions.signature.validation import Validator
from tests.signature.builders import classes_of, signature_of
from tests.support import insurance

BUILT = signature_of(
    Field(name="age", kind="number", soft_minimum=18, soft_maximum=70, example=40.0),
    Field(name="sex", kind="integer"),
    Field(name="age_chol", kind="number"),
    Field(name="Gender_Male", kind="number"),
)


def refused(plain: Any, signature: Signature = BUILT) -> tuple[str | None, str]:
    with pytest.raises(InvalidSignature) as raised:
        applied(signature, plain)
    return raised.value.field, raised.value.message


def test_what_is_not_mentioned_is_taken_as_it_is() -> None:
    made = applied(BUILT, {"fields": {"chol": {"kind": "number"}}, "columns": {"age_chol": "age * chol"}})
    assert made.names == ("chol", "age", "sex", "Gender_Male")
    assert made.layer.model_inputs == BUILT.inputs
    assert [item.rule for item in made.layer.columns] == [
        Take("age"),
        Take("sex"),
        Expression("age * chol"),
        Take("Gender_Male"),
    ]
    assert CompiledLayer(made).row((200.0, 50.0, 1, 0.0)) == (50.0, 1, 10_000.0, 0.0)


def test_a_value_map_of_an_undescribed_field_makes_its_choices() -> None:
    made = applied(BUILT, {"columns": {"sex": {"map": "sex", "values": {"male": 0, "female": 1}}}})
    assert made.input("sex").choices == (Choice("male"), Choice("female"))
    assert made.layer.columns[1].rule == ValueMap("sex", (("male", 0), ("female", 1)))


def test_words_alone_make_no_layer() -> None:
    made = applied(BUILT, {"fields": {"age": {"label": "Age"}}, "outputs": {"answer": {"factor": 0.8}}})
    assert made.layer is None
    assert made.input("age").label == "Age"
    assert made.main_output.factor == 0.8


def test_codes_become_choices_that_take_the_word_or_the_code() -> None:
    made = applied(BUILT, {"value_maps": {"sex": {"male": 0, "female": 1}}})
    assert made.layer is None
    assert made.input("sex").choices == (Choice(0, "male"), Choice(1, "female"))
    for given in (1, "female"):
        assert Validator(made).check_row([40, given, 1, 1]).values == (40.0, 1, 1.0, 1.0)
    assert Validator(made).check_texts(
        {"age": "40", "sex": "female", "age_chol": "1", "Gender_Male": "1"}
    ).values == (40.0, 1, 1.0, 1.0)


def test_codes_that_are_not_their_own_become_a_map() -> None:
    made = applied(BUILT, {"value_maps": {"sex": {"m": 0, "male": 0, "f": 1}}})
    assert made.layer.columns[1].rule == ValueMap("sex", (("m", 0), ("male", 0), ("f", 1)))
    assert [choice.value for choice in made.input("sex").choices] == ["m", "male", "f"]


def test_a_group_of_dummies_is_one_choice() -> None:
    made = applied(BUILT, {"one_hot": {"Gender": {"Female": None, "Male": "Gender_Male"}}})
    assert made.input("Gender").choices == (Choice("Female"), Choice("Male"))
    assert made.layer.columns[3].rule == OneHot("Gender", ("Male",))
    rest = applied(BUILT, {"one_hot": {"Gender": {"Female": None, "*": "Gender_Male"}}})
    assert rest.input("Gender").kind == "text"
    assert rest.layer.columns[3].rule == OneHot("Gender", ("Female",), rest=True)


def test_a_layer_that_changes_nothing_is_none() -> None:
    layered = applied(BUILT, {"columns": {"age_chol": {"constant": 1}}})
    assert layered.layer is not None
    assert applied(layered, {"columns": {}}) == BUILT
    kept = applied(BUILT, {"columns": {}, "fields": {"age": {"label": "Age", "kind": "integer"}}})
    assert (kept.layer, kept.input("age").kind, kept.names[0]) == (None, "integer", "age")


def test_a_layered_signature_keeps_its_layer_when_words_are_edited() -> None:
    layered = insurance.signature()
    made = applied(layered, {"fields": {"smoker": {"label": "Raucher"}}})
    assert made.layer == layered.layer
    assert made.input("smoker").label == "Raucher"
    edited = apply_edits(layered, {"inputs": {"smoker": {"choices": ["yes"]}}})
    assert [choice.value for choice in edited.input("smoker").choices] == ["yes"]


def test_an_edit_that_breaks_the_layer_is_refused() -> None:
    with pytest.raises(InvalidSignature) as raised:
        apply_edits(insurance.signature(), {"inputs": {"smoker": {"choices": ["yes", "no", "sometimes"]}}})
    assert (raised.value.field, '"sometimes"' in raised.value.message) == ("smoker", True)
    with pytest.raises(InvalidSignature) as raised:
        apply_edits(insurance.signature(), {"inputs": {"age": {"nullable": True}}})
    assert "coalesce(age, …)" in raised.value.message


@pytest.mark.parametrize(
    ("plain", "field", "part"),
    [
        ({"colums": {}}, None, '"colums" means nothing here'),
        ({"format": 2}, None, "write format: 1"),
        ([], None, "by name"),
        ({"fields": []}, None, "Write the fields by name"),
        ({"fields": {"age": "Age"}}, "age", "label: Age"),
        ({"fields": {"nobody": {"label": "x"}}}, "nobody", "There is no input"),
        ({"fields": {"nobody": {"label": "x"}}, "columns": {}}, "nobody", "of which kind"),
        ({"fields": {"": {"kind": "number"}}, "columns": {}}, "", "needs a name"),
        ({"fields": {"x": {"kind": "picture"}}, "columns": {}}, "x", "must be number"),
        ({"fields": {"x": {"kind": "choice"}}, "columns": {}}, "x", "at least one choice"),
        ({"fields": {"x": {"kind": "tensor", "shape": [0]}}, "columns": {}}, "x", "list of sizes"),
        ({"columns": {"zzz": "age"}}, "zzz", "no column"),
        ({"columns": {"age_chol": "age * cholest"}}, "age_chol", "no field or column"),
        ({"columns": {"age_chol": "age.x"}}, "age_chol", "age_chol: Only numbers"),
        ({"columns": {"age_chol": 3}}, "age_chol", "Say how"),
        ({"columns": {"age_chol": {}}}, "age_chol", "exactly one of"),
        ({"columns": {"age_chol": {"take": "age", "constant": 2}}}, "age_chol", "exactly one of"),
        ({"columns": {"age_chol": {"take": "age", "mean": 2}}}, "age_chol", "nothing else"),
        ({"columns": {"age_chol": {"standardise": "age", "men": 2}}}, "age_chol", "mean or deviation"),
        ({"columns": {"age_chol": {"map": "age"}}}, "age_chol", "values:"),
        ({"columns": {"age_chol": {"map": "age", "values": 3}}}, "age_chol", "given: sent"),
        (
            {"columns": {"age_chol": {"map": "age", "values": {1: 2}, "others": "default"}}},
            "age_chol",
            "default",
        ),
        ({"columns": {"age_chol": {"one_hot": "sex", "equals": {}}}}, "age_chol", "equals"),
        ({"columns": {"age_chol": {"bins": "age", "edges": 3}}}, "age_chol", "as lists"),
        ({"columns": {"age_chol": {"take": 3}}}, "age_chol", "by name"),
        ({"value_maps": {"sex": {"a": 1}}, "columns": {"sex": "1"}}, "sex", "remove one"),
        ({"one_hot": {"G": ["x"]}}, "G", "column of each choice"),
        ({"one_hot": {"G": {"a": "age", "b": "age"}}}, "G", "made twice"),
        ({"outputs": {"answer": {"threshold": 0.5}}}, "answer", "two classes"),
        ({"outputs": {"answer": {"transform": "cube"}}}, "answer", "must be exp"),
        ({"outputs": {"answer": {"factor": 0}}}, "answer", "cannot be 0"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(plain: Any, field: str | None, part: str) -> None:
    name, message = refused(plain)
    assert name == field
    assert part in message


def test_a_threshold_is_for_two_classes_with_probabilities() -> None:
    loan = classes_of(ClassName(0), ClassName(1))
    assert applied(loan, {"outputs": {"label": {"threshold": 0.3}}}).main_output.threshold == 0.3
    assert "between 0 and 1" in refused({"outputs": {"label": {"threshold": 1.5}}}, loan)[1]
    assert "no number" in refused({"outputs": {"label": {"transform": "exp"}}}, loan)[1]
    bare = classes_of(ClassName(0), ClassName(1), probabilities=False)
    assert "two classes" in refused({"outputs": {"label": {"threshold": 0.3}}}, bare)[1]


def test_a_whole_layer_goes_out_and_comes_back() -> None:
    signature = insurance.signature()
    built = replace(signature.for_runtime(), outputs=(Output(name="charge", kind="number"),))
    plain = plain_of(signature, built)
    assert applied(built, plain) == signature
    assert plain["columns"]["region_west"] == {"one_hot": "region", "equals": "west"}
    assert plain["columns"]["smoker"] == {"map": "smoker", "values": {"yes": 1, "no": 0}}
    assert plain["derived"] == {"raw_bmi": {"expression": "weight / height ** 2"}}
    assert plain["outputs"] == {"charge": {"unit": "$", "transform": "expm1", "factor": 0.8}}


def test_every_rule_goes_out_and_comes_back() -> None:
    rules: list[Any] = [
        Take("age"),
        ValueMap("sex", ((1, 5), (0, 6)), others="default", default=0),
        ValueMap("sex", ((1, 5),), others="missing"),
        OneHot("sex", (1, 0), rest=True),
        Bins("age", (None, 3.0, 5.0), (1, 2), right_closed=False, include_lowest=True, outside="refuse"),
        Constant(7),
        Expression("age + 1"),
    ]
    for rule in rules:
        built = signature_of(
            Field(name="age", kind="number", nullable=True),
            Field(name="sex", kind="integer"),
            Field(name="c", kind="number", nullable=True),
        )
        assert made_from_plain("c", plain_rule(rule)) == Made("c", rule)
        made = applied(built, {"columns": {"c": plain_rule(rule)}})
        assert applied(built, plain_of(made, built)) == made


DOCUMENTED = Path(__file__).parents[2] / "docs" / "layer.md"


def test_what_the_page_about_layers_shows_works() -> None:
    first, second = re.findall(r"```yaml\n(.*?)```", DOCUMENTED.read_text(encoding="utf-8"), re.DOTALL)
    names = [
        "age",
        "smoker",
        "age_smoker",
        "bmi_class",
        "region_south",
        "region_west",
        "scaled_bmi",
        "tenure",
        "source",
    ]
    built = replace(
        signature_of(*(Field(name=name, kind="number") for name in names)),
        outputs=(Output(name="charge", kind="number"),),
    )
    made = applied(built, read(first))
    row = Validator(made).check_texts(
        {
            "age": "49",
            "smoker": "Smokes",
            "height": "2",
            "weight": "100",
            "region": "west",
            "since": "2026-01-02",
        }
    )
    assert row.values == (49, "yes", 2.0, 100.0, "west", "2026-01-02")
    assert CompiledLayer(made).row(row.values) == (49.0, 1.0, 49.0, 2.0, 0.0, 1.0, -1 / 5.5, 0.5, 1.0)
    short = signature_of(Field(name="sex", kind="number"), Field(name="Gender_Male", kind="number"))
    assert CompiledLayer(applied(short, read(second))).row((1, "Female")) == (1.0, 0.0)


def test_the_page_about_layers_names_every_function_and_rule() -> None:
    text = DOCUMENTED.read_text(encoding="utf-8")
    assert [name for name in (*FUNCTIONS, *RULES) if not re.search(rf"\b{name}\b", text)] == []
