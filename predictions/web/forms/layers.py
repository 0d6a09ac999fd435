"""The part of the fields' page that says how the model's columns are made, and what was posted as one draft."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from predictions.signature.fields import Field, Signature
from predictions.signature.layer import Made, Take
from predictions.signature.layer_lines import line_of, plain_of_line
from predictions.signature.layer_order import used_by
from predictions.signature.layer_plain import plain_of
from predictions.signature.layer_rules_plain import made_from_plain
from predictions.signature.layer_words import rule_in_words
from predictions.web.forms.signatures import edits_from

BLANK_ROWS = 2
MOST_ROWS = 200
KINDS = ("number", "integer", "boolean", "choice", "text")
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?\Z")

Wrong = tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column of the model: ``line`` as it is edited, empty when it is the field of its name."""

    index: int
    name: str
    kind: str
    line: str
    words: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class DerivedRow:
    """One value that several columns may use; the last rows are empty."""

    index: int
    name: str
    line: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class NewRow:
    """A field to add; the rows are empty until somebody writes in them."""

    index: int
    name: str
    kind: str
    choices: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Columns that look like the dummies of one choice: the choice and column of each."""

    index: int
    name: str
    members: tuple[tuple[str, str], ...]
    is_wanted: bool
    base: str


@dataclass(frozen=True, slots=True)
class Question:
    """Words of the sample for which the file has only numbers; ``words``: form key, word, and number suggested or typed."""

    index: int
    field: str
    message: str
    words: tuple[tuple[str, str, str], ...]
    is_confirmed: bool
    error: str = ""


def column_rows(signature: Signature, posted: Mapping[str, str] | None, wrong: Wrong) -> list[ColumnRow]:
    """One row for each column of the model, in its order; what was posted is kept."""
    made = {item.name: item for item in signature.layer.columns} if signature.layer else {}
    rows = []
    for index, field in enumerate(signature.model_inputs):
        item = made.get(field.name, Made(field.name, Take(field.name)))
        line = line_of(item) if posted is None else posted.get(f"col-{index}", line_of(item))
        rows.append(
            ColumnRow(index, field.name, field.kind, line, rule_in_words(item), _error(field.name, wrong))
        )
    return rows


def derived_rows(signature: Signature, posted: Mapping[str, str] | None, wrong: Wrong) -> list[DerivedRow]:
    """The derived values and some empty rows."""
    if posted is not None and "der-0-name" in posted:
        pairs = [(name, posted.get(f"der-{index}-rule", "")) for index, name in _posted(posted, "der")]
    else:
        pairs = [(item.name, line_of(item)) for item in signature.layer.derived] if signature.layer else []
    blank = [("", "")] * max(BLANK_ROWS - sum(not name and not line for name, line in pairs), 0)
    return [
        DerivedRow(index, name, line, _error(name.strip(), wrong))
        for index, (name, line) in enumerate([*pairs, *blank])
    ]


def new_rows(posted: Mapping[str, str] | None, wrong: Wrong) -> list[NewRow]:
    """Rows for fields to add."""
    found = list(_posted(posted or {}, "new"))
    named = [(index, name) for index, name in found if name.strip()]
    rows = [
        NewRow(
            place,
            name,
            (posted or {}).get(f"new-{index}-kind", KINDS[0]),
            (posted or {}).get(f"new-{index}-choices", ""),
            _error(name.strip(), wrong),
        )
        for place, (index, name) in enumerate(named)
    ]
    return rows + [NewRow(len(rows) + place, "", KINDS[0], "") for place in range(BLANK_ROWS)]


def groups_of_dummies(signature: Signature, posted: Mapping[str, str] | None) -> list[Group]:
    """Columns whose names begin alike and that hold 0 or 1, while nobody said how they are made."""
    if signature.layer is not None:
        return []
    by_prefix: dict[str, list[Field]] = {}
    for field in signature.inputs:
        prefix, _, choice = field.name.partition("_")
        if prefix and choice and _is_dummy(field):
            by_prefix.setdefault(prefix, []).append(field)
    groups: list[Group] = []
    for prefix, fields in by_prefix.items():
        if len(fields) < 2 or prefix in signature.names:
            continue
        index = len(groups)
        members = tuple((field.name.partition("_")[2], field.name) for field in fields)
        wanted, base = f"grp-{index}" in (posted or {}), (posted or {}).get(f"grp-{index}-base", "")
        groups.append(Group(index, prefix, members, wanted, base))
    return groups


def _is_dummy(field: Field) -> bool:
    if field.kind == "boolean":
        return True
    return field.kind in ("number", "integer") and (field.soft_minimum, field.soft_maximum) == (0, 1)


def questions_of(
    signature: Signature, report: Mapping[str, Any], posted: Mapping[str, str] | None, wrong: Wrong
) -> list[Question]:
    """What the build asked and nobody answered yet. The suggestion is the alphabet's, as LabelEncoder counts."""
    open_fields = {field.name for field in signature.inputs if field.kind in ("number", "integer")}
    found: list[Question] = []
    listed = report.get("questions")
    for item in listed if isinstance(listed, list) else []:
        name, words = str(item.get("field", "")), [str(word) for word in item.get("words", [])]
        if item.get("code") != "codes_unknown" or name not in open_fields or not words:
            continue
        index = len(found)
        rows = tuple(
            (f"q-{index}-{place}", word, (posted or {}).get(f"q-{index}-{place}", str(place)))
            for place, word in enumerate(sorted(words))
        )
        confirmed = f"q-{index}-confirm" in (posted or {})
        found.append(
            Question(index, name, str(item.get("message", "")), rows, confirmed, _error(name, wrong))
        )
    return found


def changes_layer(signature: Signature, posted: Mapping[str, str]) -> bool:
    """Whether what was posted says more than words and limits of the fields there are."""
    if signature.layer is not None:
        return True
    keys = ("col-", "der-", "new-", "grp-", "q-")
    said = {key for key, text in posted.items() if key.startswith(keys) and text.strip()}
    marks = re.compile(r"col-\d+|der-\d+-(name|rule)|new-\d+-name|grp-\d+|q-\d+-confirm")
    return any(marks.fullmatch(key) for key in said)


def draft_of(
    signature: Signature, built: Signature, report: Mapping[str, Any], posted: Mapping[str, str]
) -> dict[str, Any]:
    """The whole document that was posted, as ``layer_plain.applied`` takes it. Raises InvalidSignature."""
    plain = plain_of(signature, built)
    fields: dict[str, Any] = plain.pop("fields", {})
    edits = edits_from(signature, posted)
    for side, target in (("inputs", fields), ("outputs", plain.setdefault("outputs", {}))):
        for name, changes in edits.get(side, {}).items():
            target[name] = {**target.get(name, {}), **changes}
    for index, field in enumerate(signature.inputs):
        if f"in-{index}-gone" in posted:
            fields.pop(field.name, None)
    fields |= _added(posted)
    columns, derived = _columns(signature, posted), _derived(signature, posted)
    groups = {group.name: _group(group) for group in groups_of_dummies(signature, posted) if group.is_wanted}
    maps = {
        question.field: {word: _typed(text) for _, word, text in question.words}
        for question in questions_of(signature, report, posted, None)
        if question.is_confirmed
    }
    is_layered = bool(columns or derived or groups or _added(posted)) or signature.layer is not None
    if is_layered:
        plain |= {"columns": columns, "derived": derived}
        _drop_unused(signature, fields, columns, derived)
    grouped = {column for group in groups.values() for column in group.values()}
    plain["fields"] = {name: found for name, found in fields.items() if name not in grouped}
    return {**plain, "one_hot": groups, "value_maps": maps}


def _group(group: Group) -> dict[str, str | None]:
    base: dict[str, str | None] = {group.base.strip(): None} if group.base.strip() else {}
    return {**base, **dict(group.members)}


def _typed(text: str) -> Any:
    plain = text.strip()
    if not _NUMBER.match(plain):
        return plain
    number = float(plain)
    return int(number) if number.is_integer() else number


def _columns(signature: Signature, posted: Mapping[str, str]) -> dict[str, Any]:
    rows = column_rows(signature, posted, None)
    return {row.name: plain_of_line(row.line) for row in rows if row.line.strip()}


def _derived(signature: Signature, posted: Mapping[str, str]) -> dict[str, Any]:
    rows = derived_rows(signature, posted, None)
    return {row.name.strip(): plain_of_line(row.line) for row in rows if row.name.strip() or row.line.strip()}


def _added(posted: Mapping[str, str]) -> dict[str, Any]:
    added: dict[str, Any] = {}
    for row in new_rows(posted, None):
        if not row.name.strip():
            continue
        found: dict[str, Any] = {"kind": row.kind}
        choices = [line.strip() for line in row.choices.splitlines() if line.strip()]
        if row.kind == "choice":
            pairs = [line.partition(" = ") for line in choices]
            found["choices"] = [{"value": value.strip(), "label": label.strip()} for value, _, label in pairs]
        added[row.name.strip()] = found
    return added


def _drop_unused(
    signature: Signature, fields: dict[str, Any], columns: Mapping[str, Any], derived: Mapping[str, Any]
) -> None:
    """A column that is made in another way now needs its own field no more."""
    made = [made_from_plain(name, plain) for name, plain in (*columns.items(), *derived.items())]
    used = {name for item in made for name in used_by(item)}
    for name in [field.name for field in signature.model_inputs if field.name in columns]:
        if name not in used:
            fields.pop(name, None)


def _posted(posted: Mapping[str, str], side: str) -> Iterable[tuple[int, str]]:
    """Number and name of each row of that side that was posted."""
    for index in range(MOST_ROWS):
        name = posted.get(f"{side}-{index}-name")
        if name is None:
            return
        yield index, name


def _error(name: str, wrong: Wrong) -> str:
    return wrong[1] if wrong and wrong[0] == name and name else ""
