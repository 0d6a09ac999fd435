"""A signature's edits and layer as one plain document: what ``layer.yaml`` holds and the API takes.

``applied`` makes a signature from it, ``plain_of`` writes it; for one and the same file the two are inverse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from predictions.errors import InvalidSignature
from predictions.signature.editing import apply_edits
from predictions.signature.field_making import made_field
from predictions.signature.fields import Field, Signature
from predictions.signature.layer import Layer, Made, Take, ValueMap
from predictions.signature.layer_order import used_by
from predictions.signature.layer_plain_fields import Plain, plain_field, plain_output
from predictions.signature.layer_rules_plain import made_from_plain, plain_rule
from predictions.signature.layer_sugar import expanded
from predictions.signature.layering import CompiledLayer
from predictions.signature.wording import clean, either

FORMAT = 1
LAYERED = ("columns", "derived")
KEYS = ("format", "fields", "derived", "columns", "one_hot", "value_maps", "outputs", "drawing")


def applied(signature: Signature, plain: Mapping[str, Any], built: Signature | None = None) -> Signature:
    """``signature`` with what the document says; what it does not mention stays, also a layer.

    ``built``: the same as its build found it, for what the estimator takes. With columns or derived values the document
    is the whole layer: a column that it does not mention is taken from the field of its name. Raises InvalidSignature,
    whose ``field`` names the field, column or output.
    """
    _check_keys(plain)
    plain = expanded(plain, signature.model_inputs)
    fields = _objects(plain.get("fields"), "fields")
    edits: Plain = {key: plain[key] for key in ("outputs", "drawing") if key in plain}
    if not any(key in plain for key in LAYERED):
        return apply_edits(signature, {"inputs": _with_choices(fields), **edits})
    columns, derived = _all_made(plain.get("columns"), "columns"), _all_made(plain.get("derived"), "derived")
    model_inputs = signature.model_inputs if built is None else built.model_inputs
    layered = _layered(signature, model_inputs, _with_choices(fields), (columns, derived))
    return _simplest(apply_edits(layered, edits))


def plain_of(signature: Signature, built: Signature | None = None) -> Plain:
    """Everything that a person decided: all of the layer, and what differs from ``built``.

    Without ``built`` every word is taken for a person's, and every type, range and choice for the build's.
    """
    model_inputs = (built or signature).model_inputs
    if built is None:
        model_inputs = tuple(
            replace(field, label="", unit="", help="", group="", order=0) for field in model_inputs
        )
    starts = {field.name: field for field in model_inputs}
    layer = signature.layer
    plain: Plain = {"format": FORMAT}
    fields = {
        field.name: plain_field(field, starts.get(field.name), is_free=layer is not None)
        for field in signature.inputs
    }
    if layer is None:
        fields = {name: properties for name, properties in fields.items() if properties}
    if fields:
        plain["fields"] = fields
    if layer is not None:
        if layer.derived:
            plain["derived"] = {made.name: plain_rule(made.rule) for made in layer.derived}
        plain["columns"] = {made.name: plain_rule(made.rule) for made in layer.columns}
    was = {output.name: output for output in built.outputs} if built else {}
    outputs = {output.name: plain_output(output, was.get(output.name)) for output in signature.outputs}
    outputs = {name: properties for name, properties in outputs.items() if properties}
    if outputs:
        plain["outputs"] = outputs
    if built is not None and signature.drawing != built.drawing:
        drawing = signature.drawing
        plain["drawing"] = (
            None
            if drawing is None
            else {"rows": drawing.rows, "columns": drawing.columns, "maximum": drawing.maximum}
        )
    return plain


def _check_keys(plain: Mapping[str, Any]) -> None:
    if not isinstance(plain, Mapping):
        raise InvalidSignature("Write fields, columns and outputs by name, as docs/layer.md shows.")
    for key in plain:
        if key not in KEYS:
            raise InvalidSignature(f'"{clean(str(key))}" means nothing here; there may be {either(KEYS)}.')
    if plain.get("format", FORMAT) != FORMAT:
        raise InvalidSignature(f"This is a layer of another format; write format: {FORMAT}.")


def _objects(value: Any, what: str) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for name, properties in _mapping(value, what).items():
        if properties is not None and not isinstance(properties, Mapping):
            raise InvalidSignature(f"Write what {clean(name)} is like, as in label: Age.", field=name)
        found[name] = properties or {}
    return found


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidSignature(f"Write the {what} by name.")
    return {_name(name): item for name, item in value.items()}


def _name(name: Any) -> str:
    """A number or true as a name is the text that stands there."""
    return name if isinstance(name, str) else {True: "true", False: "false"}.get(name, str(name))


def _all_made(value: Any, what: str) -> list[Made]:
    return [made_from_plain(name, item) for name, item in _mapping(value, what).items()]


def _with_choices(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Choices may be written as value: label, too."""
    found = {}
    for name, properties in fields.items():
        found[name] = dict(properties)
        choices = properties.get("choices")
        if isinstance(choices, Mapping):
            found[name]["choices"] = [{"value": value, "label": label} for value, label in choices.items()]
    return found


def _layered(
    signature: Signature,
    model_inputs: Sequence[Field],
    fields: Mapping[str, Mapping[str, Any]],
    made: tuple[list[Made], list[Made]],
) -> Signature:
    columns, derived = made
    starts = {field.name: replace(field, base_kind=None, may_be_missing=False) for field in model_inputs}
    people = {name: made_field(name, properties, starts.get(name)) for name, properties in fields.items()}
    rules = {item.name: item for item in columns}
    taken = {item.name for item in derived}
    for name, start in starts.items():
        if name not in rules:
            rules[name] = Made(name, Take(name))
        if name not in people and name not in taken and name in used_by(rules[name]):
            people[name] = _implied(start, rules[name])
    ordered = [rules.pop(name) for name in starts]
    layered = replace(
        signature,
        inputs=tuple(people.values()),
        drawing=signature.drawing if signature.drawing and tuple(people) == signature.names else None,
        layer=Layer(tuple(model_inputs), (*ordered, *rules.values()), tuple(derived)),
    )
    CompiledLayer(layered)
    return layered


def _implied(start: Field, made: Made) -> Field:
    """A field that nobody described: the model's own, or for a value map the values that it lists."""
    rule = made.rule
    if not isinstance(rule, ValueMap) or start.kind in ("choice", "text"):
        return start
    given = [value for value, _ in rule.pairs]
    return made_field(start.name, {"kind": "choice", "choices": given, "example": None}, start)


def _simplest(signature: Signature) -> Signature:
    """Without the layer where it changes nothing that plain edits could not say."""
    layer = signature.layer
    names = tuple(field.name for field in layer.model_inputs) if layer else ()
    is_plain = layer is not None and not layer.derived and sorted(signature.names) == sorted(names)
    if layer is None or not is_plain or any(made.rule != Take(made.name) for made in layer.columns):
        return signature
    bare = replace(signature, inputs=layer.model_inputs, layer=None)
    starts = {field.name: field for field in layer.model_inputs}
    edits = {field.name: plain_field(field, starts[field.name], is_free=False) for field in signature.inputs}
    try:
        return apply_edits(bare, {"inputs": edits})
    except InvalidSignature:
        return signature
