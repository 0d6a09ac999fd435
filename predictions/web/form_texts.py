"""Cases as texts: out of a submitted form, out of one pasted box, and back from what was stored."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from predictions.errors import InvalidRequest
from predictions.signature.choices import text_of_choice
from predictions.signature.fields import Field, Signature
from predictions.values import Value

NOT_GIVEN = ""
BOX = "case"
"""Name of the box that takes a whole case."""


def text_of(value: Value) -> str:
    """A stored value as one would type it; reading it again gives the same value."""
    if value is None:
        return NOT_GIVEN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def field_text(field: Field, value: Value) -> str:
    """A stored value of this field as its control holds it."""
    if field.kind == "choice" and value is not None and not isinstance(value, list | dict):
        return text_of_choice(value)
    return text_of(value)


def texts_of(signature: Signature, values: Mapping[str, Value]) -> dict[str, str]:
    """Stored values by name as texts for the fields that this signature (still) has."""
    return {
        field.name: field_text(field, values[field.name])
        for field in signature.inputs
        if values.get(field.name) is not None
    }


def read_box(signature: Signature, pasted: str) -> dict[str, str]:
    """One case out of a JSON object, a JSON list, or a CSV line with or without its header line.

    Raises InvalidRequest saying what was expected.
    """
    text = pasted.strip()
    if not text:
        raise InvalidRequest(_("Paste one case first: a JSON object, a JSON list, or a line of a CSV file."))
    values = _from_json(text) if text[0] in "{[" else _from_csv(text, signature)
    if isinstance(values, Mapping):
        _refuse_unknown(signature, values)
        return {name: text_of(value) for name, value in values.items()}
    if len(values) != len(signature.inputs):
        raise InvalidRequest(
            _("%(given)s values were pasted where this ML model takes %(wanted)s.")
            % {"given": len(values), "wanted": len(signature.inputs)}
        )
    return {name: text_of(value) for name, value in zip(signature.names, values, strict=True)}


def box_of(signature: Signature, texts: Mapping[str, str]) -> str:
    """A case as the JSON object one would paste."""
    lines = [
        f"  {json.dumps(field.name, ensure_ascii=False)}: {_literal(field.kind, texts[field.name])}"
        for field in signature.inputs
        if texts.get(field.name, NOT_GIVEN) != NOT_GIVEN
    ]
    return "{\n" + ",\n".join(lines) + "\n}" if lines else ""


def _literal(kind: str, text: str) -> str:
    if kind in ("number", "integer", "boolean", "tensor"):
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return json.dumps(text, ensure_ascii=False)
        return text
    return json.dumps(text, ensure_ascii=False)


def _from_json(text: str) -> Mapping[str, Value] | Sequence[Value]:
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(
            _("The pasted case is not readable JSON; check its brackets and quotes.")
        ) from error
    if isinstance(document, list) and len(document) == 1 and isinstance(document[0], dict):
        document = document[0]
    return document if isinstance(document, dict) else list(document)


def _from_csv(text: str, signature: Signature) -> Mapping[str, Value] | Sequence[Value]:
    try:
        lines = [line for line in csv.reader(text.splitlines()) if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise InvalidRequest(_("The pasted line is not readable CSV; check its quotes.")) from error
    if len(lines) == 1:
        return lines[0]
    if len(lines) == 2 and _is_header(lines[0], signature.names):
        if len(lines[0]) != len(lines[1]):
            raise InvalidRequest(_("The header line and the line of values differ in length."))
        return dict(zip((name.strip() for name in lines[0]), lines[1], strict=True))
    raise InvalidRequest(_("Paste one case at a time: one line of values, with or without its header line."))


def _is_header(line: Sequence[str], names: Iterable[str]) -> bool:
    return {cell.strip() for cell in line} <= set(names)


def _refuse_unknown(signature: Signature, values: Mapping[str, Value]) -> None:
    known = set(signature.names)
    unknown = [name for name in values if name not in known]
    if unknown:
        raise InvalidRequest(
            _("“%(name)s” is not an input of this ML model; the API page lists all of them.")
            % {"name": unknown[0]}
        )
