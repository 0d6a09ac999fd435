"""A new version keeps the words its owner gave the fields of the version before."""

from __future__ import annotations

from dataclasses import replace

from predictions.signature.fields import Choice, ClassName, Field, Output, Signature


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
            _output(outputs[item.name], item) if item.name in outputs else item for item in new.outputs
        ),
        drawing=new.drawing or (old.drawing if old.names == new.names else None),
    )


def _field(old: Field, new: Field) -> Field:
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
