"""Signatures and values for hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from predictions.signature.fields import Choice, Field, Output, Signature
from predictions.signature.texts import ABSENT, reader_of

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12)
limits = st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(-1000, 1000).map(float))
plain_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)

_texts_of_choices = st.lists(plain_texts, min_size=1, max_size=5, unique=True)
_numbers_of_choices = st.lists(
    st.one_of(st.integers(-5, 5), st.floats(-5, 5, allow_subnormal=False).map(lambda x: round(x, 2))),
    min_size=1,
    max_size=5,
    unique=True,
)


@st.composite
def fields(draw: st.DrawFn, name: str = "x", kinds: tuple[str, ...] = ()) -> Field:
    """Any field that a build or an owner can make."""
    kind = draw(st.sampled_from(kinds or ("number", "integer", "boolean", "choice", "text", "tensor")))
    properties: dict[str, Any] = {"required": draw(st.booleans()), "nullable": draw(st.booleans())}
    properties["unit"] = draw(st.sampled_from(["", "mm", "%"]))
    if kind in ("number", "integer", "tensor"):
        properties["minimum"], properties["maximum"] = _ordered(draw(limits), draw(limits))
        properties["soft_minimum"], properties["soft_maximum"] = _ordered(draw(limits), draw(limits))
    if kind == "choice":
        values = draw(st.one_of(_texts_of_choices, _numbers_of_choices, st.just([True, False])))
        properties["choices"] = tuple(Choice(value) for value in values)
        properties["unseen"] = draw(st.sampled_from(["refuse", "warn"]))
    if kind in ("text", "choice", "tensor"):
        properties["max_length"] = draw(st.integers(1, 10))
    if kind == "tensor":
        properties["shape"] = tuple(draw(st.lists(st.sampled_from([None, 1, 2, 3]), max_size=3)))
        properties["element"] = draw(st.sampled_from(["float", "integer", "boolean", "text"]))
    return Field(name=name, kind=kind, **properties)  # type: ignore[arg-type]


def _ordered(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    return (high, low) if low is not None and high is not None and low > high else (low, high)


@st.composite
def signatures(draw: st.DrawFn, max_fields: int = 4) -> Signature:
    """A signature with one to ``max_fields`` inputs."""
    chosen = draw(st.lists(names, min_size=1, max_size=max_fields, unique=True))
    inputs = tuple(draw(fields(name=name)) for name in chosen)
    return Signature(task="regression", inputs=inputs, outputs=(Output(name="answer", kind="number"),))


finite = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-5, 5).map(float),
)
numbers = st.one_of(finite, st.sampled_from([float("nan"), float("inf"), float("-inf"), 10**400]))
scalars = st.one_of(st.none(), st.booleans(), finite, plain_texts)
json_values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
wild_values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=12)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)
"""What a lenient parser may hand over: NaN, infinity, huge numbers and broken texts too."""


@st.composite
def likely_values(draw: st.DrawFn, field: Field) -> Any:
    """A value of about the right kind; often accepted."""
    if field.kind == "number":
        return draw(st.one_of(finite, st.floats(-1e6, 1e6)))
    if field.kind == "integer":
        return draw(st.one_of(finite, st.integers(-1000, 1000)))
    if field.kind == "boolean":
        return draw(st.sampled_from([True, False, 0, 1, 0.0, 1.0, 2]))
    if field.kind == "choice":
        known = st.sampled_from([choice.value for choice in field.choices])
        return draw(st.one_of(known, known, scalars))
    return draw(plain_texts) if field.kind == "text" else draw(tensors(field))


@st.composite
def tensors(draw: st.DrawFn, field: Field) -> Any:
    """Nested lists of the field's shape, all of one length where the shape leaves it open."""
    elements = {
        "float": st.one_of(st.floats(-1e6, 1e6), st.integers(-9, 9)),
        "integer": st.one_of(st.integers(-(10**6), 10**6), st.integers(-9, 9).map(float)),
        "boolean": st.sampled_from([True, False, 0, 1]),
        "text": plain_texts,
    }[field.element]
    sizes = [draw(st.integers(1, 3)) if size is None else size for size in field.shape]

    def made(rest: list[int]) -> Any:
        return [made(rest[1:]) for _ in range(rest[0])] if rest else draw(elements)

    return made(sizes)


def survives_as_text(field: Field, value: Any) -> bool:
    """False for values that only JSON can tell apart: "1" and 1 are the same in a form, and so are "" and nothing."""
    if value is None:
        return field.nullable and all(choice.value != "" for choice in field.choices)
    if field.kind == "text":
        return isinstance(value, str) and value != ""
    if field.kind == "choice" and isinstance(field.choices[0].value, str):
        return isinstance(value, str) and (value.strip() != "" or value in [c.value for c in field.choices])
    if isinstance(value, str):
        read = reader_of(field)(value)
        return read is not ABSENT and isinstance(read, str)
    if field.kind == "tensor" and not field.shape and field.element == "text":
        return False
    return field.kind != "boolean" or not isinstance(value, list | dict)
