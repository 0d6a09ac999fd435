"""``layer.yaml``: no surprises when it is read, and the same document when it is written and read again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.errors import InvalidSignature
from predictions.signature.fields import Output, Signature
from predictions.signature.layer_plain import applied, plain_of
from predictions.signature.layer_yaml import read, written
from tests.signature.strategies import signatures
from tests.support import insurance


def read_one(text: str) -> Any:
    return read(f"x: {text}\n")["x"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("On", "On"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("1e5", 1e5),
        ("-.5", -0.5),
        ("12", 12),
        ("012", 12.0),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2024-01-05", "2024-01-05"),
        ("null", None),
        ("", None),
        ("~", None),
        ("'null'", "null"),
        ('"1"', "1"),
        ("nan", "nan"),
        (".inf", float("inf")),
        ("=", "="),
        ("<30", "<30"),
        ("{yes: 1, no: 0}", {"yes": 1, "no": 0}),
        ("[1, '1', true]", [1, "1", True]),
        ("{1: a, '1': b}", {1: "a", "1": "b"}),
    ],
)
def test_values_are_what_they_look_like(text: str, value: Any) -> None:
    found = read_one(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: 1\na: 2\n", 'line 2, "a" stands here twice'),
        ("a: {1: x, true: y}\n", "true stands here twice"),
        ("a: &x [1]\nb: *x\n", "line 2, write it out"),
        ("a: [1\n", "line"),
        ("a: b: c\n", "line 1"),
        ("- 1\n", "by name"),
        ("a: !!python/object/apply:os.system ['true']\n", "line 1"),
        ("? [1]\n: 2\n", "must be a text"),
        ("[" * 5000, "no YAML"),
        (b"\xff\xfe", "UTF-8"),
        ("x" * 2_000_001, "MB at most"),
        ("a: \x00", "no YAML"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(text: Any, part: str) -> None:
    with pytest.raises(InvalidSignature) as raised:
        read(text)
    assert part in raised.value.message
    assert "yaml." not in raised.value.message


def test_an_empty_file_says_nothing() -> None:
    assert read("") == {} == read("# only words\n")


texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        ["yes", "no", "1e5", "0x1", "12:30", "2024-01-05", "null", "~", "", " a ", "1_0", "- a", "#", "true"]
    ),
)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63),
        st.floats(allow_nan=False, allow_infinity=False),
        texts,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


@given(plain=st.dictionaries(texts, values, max_size=4))
@settings(max_examples=300, deadline=None)
def test_any_document_comes_back_the_same(plain: dict[str, Any]) -> None:
    assert repr(read(written(plain))) == repr(plain)


@given(text=st.text(max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read(text)
    except InvalidSignature:
        return
    assert isinstance(found, dict)


def through_yaml(signature: Signature, built: Signature) -> Signature:
    return applied(built, read(written(plain_of(signature, built))), built)


def test_a_whole_layer_comes_back_the_same() -> None:
    signature = insurance.signature()
    built = replace(signature.for_runtime(), outputs=(Output(name="charge", kind="number"),))
    assert through_yaml(signature, built) == signature


words = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_characters="\x7f"), max_size=10)


@st.composite
def edits_of(draw: st.DrawFn, signature: Signature) -> dict[str, Any]:
    """Edits of words, limits and what must be given, as an owner may make them."""
    fields: dict[str, Any] = {}
    for field in signature.inputs:
        edits: dict[str, Any] = {}
        for key in ("label", "unit", "group", "help"):
            if draw(st.booleans()):
                edits[key] = draw(words)
        if draw(st.booleans()):
            edits["order"] = draw(st.integers(0, 9))
        if field.kind in ("number", "integer") and draw(st.booleans()):
            edits |= {
                "soft_minimum": None,
                "soft_maximum": None,
                "minimum": -7.5,
                "maximum": draw(st.integers(1, 9)),
            }
        if field.kind in ("number", "integer") and draw(st.booleans()):
            choices = [{"value": 1, "label": draw(words)}, 0]
            edits = {"kind": "choice", "choices": choices, "required": True, "default": None}
        fields[field.name] = edits
    output = {
        "unit": draw(words),
        "transform": draw(st.sampled_from(["", "exp", "expm1"])),
        "factor": draw(st.floats(0.1, 9)),
    }
    return {"fields": fields, "outputs": {"answer": output}}


@given(data=st.data(), built=signatures())
@settings(max_examples=150, deadline=None)
def test_edits_go_out_and_come_back_exactly(data: st.DataObject, built: Signature) -> None:
    try:
        edited = applied(built, data.draw(edits_of(built)), built)
    except InvalidSignature:
        return
    assert through_yaml(edited, built) == edited


@given(data=st.data(), built=signatures())
@settings(max_examples=150, deadline=None)
def test_a_layer_over_any_signature_goes_out_and_comes_back_exactly(
    data: st.DataObject, built: Signature
) -> None:
    plain = data.draw(edits_of(built))
    numbers = [field.name for field in built.inputs if field.kind in ("number", "integer")]
    plain["columns"] = {name: {"expression": "new_one * 2"} for name in numbers[:1]}
    plain["derived"] = {"half": {"standardise": "new_one", "mean": 0, "deviation": 2}}
    plain["fields"]["new_one"] = {"kind": "number", "label": data.draw(words), "example": 2}
    try:
        edited = applied(built, plain, built)
    except InvalidSignature:
        return
    assert edited.layer is not None
    assert through_yaml(edited, built) == edited
