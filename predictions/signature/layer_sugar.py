"""Two short ways to write what is common: tables of codes, and groups of dummy columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from predictions.errors import InvalidSignature
from predictions.signature.choices import key_of
from predictions.signature.fields import Field
from predictions.signature.layer_rules_plain import pairs_of
from predictions.signature.wording import clean

OTHERS = "*"
"""In a group of dummy columns: the column that is 1 for whatever is not listed."""


def expanded(plain: Mapping[str, Any], model_inputs: Sequence[Field]) -> dict[str, Any]:
    """The document with ``value_maps`` and ``one_hot`` written out. Raises InvalidSignature.

    ``value_maps``: by column what is sent for each word. Where each word has a number of its own they become choices,
    so that people may give either. ``one_hot``: by field the column that is 1 for each choice, null for none.
    """
    maps, groups = plain.get("value_maps") or {}, plain.get("one_hot") or {}
    if not isinstance(maps, Mapping) or not isinstance(groups, Mapping):
        raise InvalidSignature("Write value_maps by column and one_hot by field.")
    if not maps and not groups:
        return dict(plain)
    found = {key: value for key, value in plain.items() if key not in ("value_maps", "one_hot")}
    fields, columns = dict(found.get("fields") or {}), dict(found.get("columns") or {})
    numbers = {field.name for field in model_inputs if field.kind in ("number", "integer")}
    for name, values in maps.items():
        _add_map(str(name), pairs_of(str(name), values), fields, columns, numbers)
    for name, group in groups.items():
        _add_group(str(name), group, fields, columns)
    if fields:
        found["fields"] = fields
    if columns or "columns" in found:
        found["columns"] = columns
    return found


def _add_map(
    name: str,
    pairs: tuple[tuple[Any, Any], ...],
    fields: dict[str, Any],
    columns: dict[str, Any],
    numbers: set[str],
) -> None:
    if name in columns:
        raise InvalidSignature(f"{clean(name)} stands in value_maps and in columns; remove one.", field=name)
    words = [given for given, _ in pairs]
    sent = {key_of(number) for _, number in pairs if not isinstance(number, bool | str)}
    if name in numbers and len(sent) == len(pairs) and all(isinstance(word, str) for word in words):
        choices = [{"value": number, "label": word} for word, number in pairs]
        fields[name] = {"kind": "choice", "choices": choices, **(fields.get(name) or {})}
        return
    columns[name] = {"map": name, "values": [list(pair) for pair in pairs]}
    if name in numbers:
        fields[name] = {"kind": "choice", "choices": words, **(fields.get(name) or {})}


def _add_group(name: str, group: Any, fields: dict[str, Any], columns: dict[str, Any]) -> None:
    if not isinstance(group, Mapping) or not group:
        raise InvalidSignature(
            f"Write the column of each choice of {clean(name)}, null for none.", field=name
        )
    choices = [choice for choice in group if choice != OTHERS]
    for choice, column in group.items():
        if column is None:
            continue
        if str(column) in columns:
            raise InvalidSignature(f"The column {clean(str(column))} is made twice; remove one.", field=name)
        rule: dict[str, Any] = {"one_hot": name, "equals": [choice]}
        columns[str(column)] = (
            {"one_hot": name, "equals": choices, "rest": True} if choice == OTHERS else rule
        )
    if OTHERS in group:
        fields.setdefault(name, {"kind": "text"})
    else:
        fields[name] = {"kind": "choice", "choices": choices, **(fields.get(name) or {})}
