"""What of a layer is made from what, and in which order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from predictions.errors import InvalidSignature
from predictions.signature.choices import key_of
from predictions.signature.expression_functions import CONSTANTS, Sort
from predictions.signature.expression_texts import parsed
from predictions.signature.expressions import Name, merged
from predictions.signature.fields import Field, Signature
from predictions.signature.layer import Constant, Expression, Layer, Made
from predictions.signature.suggestions import suggestion
from predictions.signature.wording import clean

MOST_MADE = 20_000

Step = tuple[Made, bool]
"""Something to make, and whether it is a column of the model."""
Key = tuple[bool, str]


def sources_of(signature: Signature) -> dict[str, Name]:
    """The fields by name: where their values stand and what they are."""
    return {field.name: Name(place, sort_of_field(field)) for place, field in enumerate(signature.inputs)}


def sort_of_field(field: Field) -> Sort:
    """What an expression may take a field's values for."""
    if field.kind == "choice":
        sorts: list[Sort] = [sort_of(choice.value) for choice in field.choices] or ["text"]
        return merged(sorts)
    sorts_of_kinds: dict[str, Sort] = {
        "number": "number",
        "integer": "number",
        "boolean": "truth",
        "text": "text",
    }
    return sorts_of_kinds.get(field.kind, "any")


def sort_of(value: object) -> Sort:
    """The same of one value."""
    found: dict[str, Sort] = {"boolean": "truth", "number": "number", "text": "text"}
    key = key_of(value)
    return found[key[0]] if key else "any"


def used_by(made: Made) -> tuple[str, ...]:
    """The names a rule refers to. Raises InvalidSignature for an expression that cannot be read."""
    rule = made.rule
    if isinstance(rule, Constant):
        return ()
    if not isinstance(rule, Expression):
        return (rule.of,)
    try:
        return parsed(rule.text).uses
    except InvalidSignature as error:
        raise InvalidSignature(f"{clean(made.name)}: {error.message}", field=made.name) from None


def in_order(signature: Signature) -> tuple[list[Step], dict[str, list[int]]]:
    """Everything the layer makes, each after what it is made from, and by name the places of the fields behind it.

    A name means a field before a derived value, and that before a column. Raises InvalidSignature for names that are
    not there or stand twice, columns that are missing or not the model's, and circles.
    """
    layer = signature.layer
    if layer is None:
        return [], {}
    _check_names(signature, layer)
    nodes: dict[Key, Made] = {(False, item.name): item for item in layer.derived}
    nodes.update({(True, item.name): item for item in layer.columns})
    walk = _Walk(nodes, {field.name: place for place, field in enumerate(signature.inputs)})
    for key in nodes:
        walk.visit(key)
    uses = {key[1]: sorted(places) for key, places in walk.fields.items()}
    return [(nodes[key], key[0]) for key in walk.done], uses


def _check_names(signature: Signature, layer: Layer) -> None:
    wanted = [field.name for field in layer.model_inputs]
    given = [item.name for item in layer.columns]
    if wanted != given:
        _tell_columns(wanted, given)
    if len(given) + len(layer.derived) > MOST_MADE:
        raise InvalidSignature(f"A layer makes {MOST_MADE:,} columns and derived values at most.")
    taken = {*signature.names, *given}
    for item in layer.derived:
        if item.name in taken:
            message = (
                f'"{clean(item.name)}" is already a field, column or derived value; give it another name.'
            )
            raise InvalidSignature(message, field=item.name)
        taken.add(item.name)


def _tell_columns(wanted: list[str], given: list[str]) -> None:
    for name, count in Counter(given).items():
        if count > 1:
            raise InvalidSignature(f'The column "{clean(name)}" is made twice; remove one.', field=name)
        if name not in wanted:
            meant = suggestion(name, wanted)
            hint = f'did you mean "{clean(meant)}"?' if meant else "make it a derived value or remove it."
            raise InvalidSignature(f'The model has no column "{clean(name)}"; {hint}', field=name)
    for name in wanted:
        if name not in given:
            raise InvalidSignature(f'Say how the column "{clean(name)}" is made.', field=name)
    raise InvalidSignature("The columns must stand in the model's order.")


class _Walk:
    """Depth first without recursion: a chain of derived values may be long."""

    def __init__(self, nodes: Mapping[Key, Made], places: Mapping[str, int]) -> None:
        self._nodes = nodes
        self._places = places
        self.done: list[Key] = []
        self.fields: dict[Key, set[int]] = {}
        self._open: set[Key] = set()
        self._used: dict[Key, tuple[str, ...]] = {}

    def visit(self, key: Key) -> None:
        """Put ``key`` and all it needs into ``done``."""
        stack = [key]
        while stack:
            top = stack[-1]
            if top in self.fields:
                stack.pop()
                continue
            self._open.add(top)
            needed = [found for name in self._uses(top) if (found := self._found(name, top)) is not None]
            waiting = [other for other in needed if isinstance(other, tuple) and other not in self.fields]
            if waiting:
                self._check_circle(waiting, top)
                stack += waiting
                continue
            fields = [self.fields[other] if isinstance(other, tuple) else {other} for other in needed]
            self.fields[top] = set().union(*fields)
            self.done.append(top)
            self._open.discard(top)
            stack.pop()

    def _uses(self, key: Key) -> tuple[str, ...]:
        if key not in self._used:
            self._used[key] = used_by(self._nodes[key])
        return self._used[key]

    def _check_circle(self, waiting: list[Key], top: Key) -> None:
        for other in waiting:
            if other in self._open:
                name, back = clean(top[1]), clean(other[1])
                message = f'"{name}" and "{back}" are made from each other; make one of them from fields.'
                if other == top:
                    message = f'"{name}" is made from itself; make it from fields.'
                raise InvalidSignature(message, field=top[1])

    def _found(self, name: str, user: Key) -> Key | int | None:
        """The place of a field, or what is made; None for a constant such as pi."""
        if name in self._places:
            return self._places[name]
        for key in ((False, name), (True, name)):
            if key in self._nodes:
                return key
        if name in CONSTANTS and isinstance(self._nodes[user].rule, Expression):
            return None
        raise self._unknown(name, user)

    def _unknown(self, name: str, user: Key) -> InvalidSignature:
        known = [*self._places, *(key[1] for key in self._nodes)]
        meant = suggestion(name, known)
        hint = f'did you mean "{clean(meant)}"?' if meant else "add the field, or correct the name."
        message = f'{clean(user[1])}: there is no field or column "{clean(name)}"; {hint}'
        return InvalidSignature(message, field=user[1])
