"""From what the estimator and the sample say about each column to the signature's fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from predictions.errors import BadModelFile
from predictions.ml.anatomy import takes_texts
from predictions.ml.columns import ColumnFacts, Source
from predictions.ml.encoders import column_facts
from predictions.ml.table import Column, Table
from predictions.signature.fields import Choice, Field, Kind
from predictions.values import Value

ENOUGH_ROWS = 30
"""From this many rows on a sample says more about the range than a scaler's mean and deviation."""

ENOUGH_INTEGERS = 5
SIGNIFICANT = 4
UNUSED = "Has no effect on the answer."
SOURCES: dict[Source, str] = {
    "seen": "the smallest and largest value of the training data",
    "spread": "a scaler's middle and spread (mean and 3 deviations, or median and 2 interquartile ranges)",
    "splits": "where its trees divide, widened by twice as much on each side (an estimate)",
}


@dataclass(slots=True)
class Draft:
    """A field in the making, with what it was made from."""

    field: Field
    facts: ColumnFacts
    column: Column | None = None
    range_from: str = ""


def draft_inputs(estimator: Any, table: Table | None) -> tuple[list[Draft], list[str]]:
    """One draft per column the estimator was fitted on, in its order, and notes about names.

    Raises BadModelFile: ``bad_sample`` when the sample lacks a column, ``no_inputs`` when nothing says what goes in.
    """
    if takes_texts(estimator):
        return [_text_draft(table)], []
    names, notes = _names(estimator, table)
    drafts = []
    for place, (name, facts) in enumerate(zip(names, column_facts(estimator, len(names)), strict=True)):
        column = table.find(name) if table else None
        if table and column is None and facts.used and not notes:
            raise BadModelFile(
                f"The sample has no column {name!r}: add it, or leave the sample out.",
                code="bad_sample",
                field=name,
            )
        drafts.append(draft_of(name, place, facts, column))
    return drafts, notes


def _names(estimator: Any, table: Table | None) -> tuple[list[str], list[str]]:
    known = getattr(estimator, "feature_names_in_", None)
    if known is not None:
        return [str(name) for name in known], []
    width = getattr(estimator, "n_features_in_", None)
    if width is None:
        if table is None:
            raise BadModelFile(
                "The estimator does not say which inputs it takes: bring a sample CSV with its input columns.",
                code="no_inputs",
            )
        return list(table.names), ["The estimator names no inputs; they were taken from the sample."]
    numbered = [f"feature_{place + 1}" for place in range(int(width))]
    note = "The file holds no column names"
    taken = _names_from(table, int(width), getattr(estimator, "classes_", None))
    if taken:
        return taken, [f"{note}; they were taken from the sample in its order."]
    return numbered, [f"{note}; the inputs are numbered in the estimator's order."]


def _names_from(table: Table | None, width: int, classes: Any) -> list[str] | None:
    """The sample's names when their count fits; with one column more, when exactly one looks like the answer."""
    if table is None or len(table.names) not in (width, width + 1):
        return None
    if len(table.names) == width:
        return list(table.names)
    answers = [column.name for column in table.columns if looks_like_classes(column, classes)]
    return [name for name in table.names if name != answers[0]] if len(answers) == 1 else None


def looks_like_classes(column: Column, classes: Any) -> bool:
    """Do all values of a column name classes, with at least two of them there?"""
    if classes is None or isinstance(classes, list):
        return False
    words = {str(value) for value in classes.tolist()}
    seen = {str(value) for value in column.present}
    return len(seen) > 1 and seen <= words


def _text_draft(table: Table | None) -> Draft:
    texts = [column for column in table.columns if column.kind in ("text", "choice")] if table else []
    texts.sort(key=lambda column: -sum(len(str(value)) for value in column.present))
    named = table.find("text") if table else None
    column = named or (texts[0] if texts else None)
    name = column.name if column else "text"
    return Draft(Field(name=name, kind="text", max_length=20_000), ColumnFacts(is_text=True), column)


def draft_of(name: str, place: int, facts: ColumnFacts, column: Column | None) -> Draft:
    """What one column becomes, from the encoder first, then the sample, then the scalers and trees."""
    field = Field(name=name, kind="number", order=place)
    draft = Draft(field, facts, column)
    if not facts.used:
        draft.field = replace(field, kind=_sampled_kind(facts, column), help=UNUSED, order=place + 10_000)
    elif facts.is_text:
        draft.field = replace(field, kind="text", max_length=20_000)
    elif facts.categories:
        draft.field = _encoded(field, facts)
    elif column is not None and column.kind == "choice" and not facts.numeric:
        choices = tuple(Choice(value) for value in column.categories)
        draft.field = replace(field, kind="choice", choices=choices, unseen="warn")
    else:
        draft.field = replace(field, kind=_sampled_kind(facts, column))
    if draft.field.kind in ("number", "integer") and facts.used:
        _set_range(draft)
    return draft


def _encoded(field: Field, facts: ColumnFacts) -> Field:
    if set(map(type, facts.categories)) == {bool}:
        return replace(field, kind="boolean")
    values = facts.categories
    if all(isinstance(value, float) and value.is_integer() for value in values):
        values = tuple(int(value) for value in values)
    choices = tuple(Choice(value) for value in values)
    return replace(field, kind="choice", choices=choices, unseen="warn" if facts.handles_unseen else "refuse")


def _sampled_kind(facts: ColumnFacts, column: Column | None) -> Kind:
    if column is None or column.kind == "empty":
        return "text" if isinstance(facts.typical, str) else "number"
    if facts.numeric and column.kind in ("choice", "text"):
        return "number"
    if column.kind == "integer":
        return "integer" if _whole(facts, column) else "number"
    return "text" if column.kind == "choice" else column.kind


def _whole(facts: ColumnFacts, column: Column) -> bool:
    if len(column.present) < ENOUGH_INTEGERS:
        return False
    exact = (facts.low, facts.high) if facts.source == "seen" else ()
    return all(value is None or float(value).is_integer() for value in exact)


def _set_range(draft: Draft) -> None:
    low, high, source = _range(draft)
    if low is None or high is None:
        return
    draft.range_from = source
    draft.field = replace(draft.field, soft_minimum=low, soft_maximum=high)


def _range(draft: Draft) -> tuple[float | None, float | None, str]:
    facts, column = draft.facts, draft.column
    low, high = facts.low, facts.high
    sampled = column is not None and column.kind in ("number", "integer")
    if facts.source == "seen" or not sampled or column is None:
        if low is None or high is None or facts.source is None:
            return None, None, ""
        if facts.source != "seen":
            low, high = outward(low, high)
        return low, high, SOURCES[facts.source]
    if len(column.present) >= ENOUGH_ROWS or low is None or high is None or facts.source is None:
        return column.minimum, column.maximum, f"the {len(column.present)} values in the sample"
    low, high = outward(low, high)
    smallest, largest = column.minimum, column.maximum
    if smallest is None or largest is None:
        return low, high, SOURCES[facts.source]
    return min(low, smallest), max(high, largest), f"{SOURCES[facts.source]}, and the sample"


def outward(low: float, high: float) -> tuple[float, float]:
    """An estimated range with readable ends: four significant digits."""
    return float(f"{low:.{SIGNIFICANT}g}"), float(f"{high:.{SIGNIFICANT}g}")


def coerced(value: Value, field: Field) -> Value:
    """A sample's value as the field takes it; None when it cannot be one."""
    if value is None:
        return None
    if field.kind == "choice":
        words = {str(choice.value).strip(): choice.value for choice in field.choices}
        numbers = {choice.value: choice.value for choice in field.choices}
        return numbers.get(value, words.get(str(value).strip(), value if field.unseen == "warn" else None))
    if field.kind == "text":
        return str(value)
    if field.kind == "boolean":
        return bool(value) if value in (0, 1, True, False) else None
    if isinstance(value, str):
        return None
    return float(value) if field.kind == "number" else int(value)


def sample_rows(drafts: Sequence[Draft], most: int) -> list[tuple[Value, ...]]:
    """Up to ``most`` rows of the sample as the fields take them; columns without a sample hold their typical value."""
    counts = [len(draft.column.values) for draft in drafts if draft.column]
    rows = []
    for at in range(min(counts, default=0)):
        row = [
            coerced(_raw_or_value(draft.column, at, draft.field), draft.field)
            if draft.column
            else typical(draft)
            for draft in drafts
        ]
        rows.append(tuple(row))
        if len(rows) == most:
            break
    return rows


def _raw_or_value(column: Column, at: int, field: Field) -> Value:
    if field.kind == "text" or (
        field.kind == "choice" and any(isinstance(item.value, str) for item in field.choices)
    ):
        return column.raw[at]
    return column.values[at]


def typical(draft: Draft) -> Value:
    """A value in the middle: what an imputer fills in, a scaler's mean, the first category, the range's middle, 0."""
    field, facts = draft.field, draft.facts
    if field.kind == "choice":
        values = [choice.value for choice in field.choices]
        return facts.typical if facts.typical in values else values[0]
    if field.kind == "boolean":
        return False
    if field.kind == "text":
        return facts.typical if isinstance(facts.typical, str) else "example"
    number = facts.typical
    if not isinstance(number, int | float) or number != number:
        low, high = field.soft_minimum, field.soft_maximum
        number = 0.0 if low is None or high is None else (low + high) / 2
    return round(number) if field.kind == "integer" else float(f"{number:.{SIGNIFICANT}g}")
