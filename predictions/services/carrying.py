"""A new version keeps the words its owner gave the fields of the version before."""

from __future__ import annotations

from dataclasses import replace

from predictions.errors import InvalidSignature
from predictions.signature.fields import Choice, ClassName, Field, Output, Signature
from predictions.signature.layer import Layer, Take
from predictions.signature.layering import layer_of
from predictions.signature.wording import clean, either

MOST_NAMED = 5


def carried(old: Signature, new: Signature) -> tuple[Signature, list[str]]:
    """``new`` with what its owner said of ``old``, and in sentences what could not be kept."""
    names, found = {field.name for field in old.model_inputs}, {field.name for field in new.model_inputs}
    if names != found and (old.layer is not None or old.changes_answers):
        differing = either([clean(name) for name in sorted(names ^ found)[:MOST_NAMED]])
        return new, [f"The layer of the version before was not kept: the columns differ in {differing}."]
    if old.layer is None:
        return carried_over(old, new), []
    try:
        return _layered(old, old.layer, new), []
    except InvalidSignature as error:
        return new, [f"The layer of the version before was not kept: {error.message}"]


def _layered(old: Signature, layer: Layer, new: Signature) -> Signature:
    """The old fields and layer over the new file's columns, in its order. Raises InvalidSignature."""
    by_name = {made.name: made for made in layer.columns}
    was = {field.name: field for field in layer.model_inputs}
    taken = {
        made.rule.of for made in layer.columns if isinstance(made.rule, Take) and made.rule.of == made.name
    }
    found = {field.name: field for field in new.inputs if field.name in taken}
    outputs = {item.name: item for item in old.outputs}
    made = replace(
        new,
        inputs=tuple(_seen_again(item, was.get(item.name), found.get(item.name)) for item in old.inputs),
        outputs=tuple(
            _changed(outputs[item.name], item) if item.name in outputs else item for item in new.outputs
        ),
        layer=Layer(new.inputs, tuple(by_name[field.name] for field in new.inputs), layer.derived),
    )
    layer_of(made)
    return made


def _seen_again(field: Field, was: Field | None, now: Field | None) -> Field:
    """A field that goes to the model as it is: what the old build found in its data is what the new one found."""
    if was is None or now is None or was.kind != now.kind or field.kind != now.kind:
        return field
    keys = ("soft_minimum", "soft_maximum", "choices", "example")
    changes = {key: getattr(now, key) for key in keys if getattr(field, key) == getattr(was, key)}
    return replace(field, **changes)


def _changed(old: Output, new: Output) -> Output:
    """The words, and what is done to answers where the new output is of the same kind."""
    worded = _output(old, new)
    if old.kind != new.kind or len(old.classes) != len(new.classes):
        return worded
    threshold = old.threshold if new.probabilities else None
    return replace(worded, threshold=threshold, transform=old.transform, factor=old.factor, offset=old.offset)


def carried_over(old: Signature, new: Signature) -> Signature:
    """``new`` with the old labels, units, help, groups, order, choice labels and class names.

    Only when both take inputs of the same names; types, ranges and choices are always those of the new file.
    """
    if set(old.names) != set(new.names):
        return new
    inputs = tuple(_field(old.input(item.name), item) for item in new.inputs)
    outputs = {item.name: item for item in old.outputs}
    return replace(
        new,
        inputs=inputs,
        outputs=tuple(
            _changed(outputs[item.name], item) if item.name in outputs else item for item in new.outputs
        ),
        drawing=new.drawing or (old.drawing if old.names == new.names else None),
    )


def _field(old: Field, new: Field) -> Field:
    if old.kind == "choice" and old.base_kind is not None and old.base_kind == (new.base_kind or new.kind):
        # Words that the owner gave to the codes which the file takes for numbers.
        new = replace(
            old,
            order=new.order,
            nullable=new.nullable,
            max_length=new.max_length,
            may_be_missing=new.may_be_missing,
        )
    labels = {(type(item.value), item.value): item.label for item in old.choices}
    return replace(
        new,
        label=old.label or new.label,
        unit=old.unit or new.unit,
        help=old.help or new.help,
        group=old.group or new.group,
        order=old.order,
        choices=tuple(
            Choice(item.value, labels.get((type(item.value), item.value)) or item.label)
            for item in new.choices
        ),
    )


def _output(old: Output, new: Output) -> Output:
    labels = {(type(item.value), item.value): item.label for item in old.classes}
    return replace(
        new,
        label=old.label or new.label,
        unit=old.unit or new.unit,
        help=old.help or new.help,
        decimals=old.decimals if new.decimals is None else new.decimals,
        classes=tuple(
            ClassName(item.value, labels.get((type(item.value), item.value)) or item.label)
            for item in new.classes
        ),
    )
