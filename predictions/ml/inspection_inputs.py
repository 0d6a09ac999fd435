"""From what the estimator and the sample say about each column to the signature's fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from predictions.ml.anatomy import takes_texts
from predictions.ml.columns import ColumnFacts, Source
from predictions.ml.declared import DeclaredColumn, with_declared
from predictions.ml.encoders import column_facts
from predictions.ml.naming import names_of
from predictions.ml.questions import Question, is_of_another_scale, not_in_sample, range_mismatch
from predictions.ml.table import Column, Table
from predictions.portable import Value, pairs
from predictions.signature.fields import Choice, Field, Kind

ENOUGH_ROWS = 30
"""From this many rows on a sample says more about the range than a scaler's mean and deviation."""

ENOUGH_INTEGERS = 5
SIGNIFICANT = 4
SLACK = 1e-6
"""For split points that went through a float32 or back through a scaler."""

UNUSED = "Has no effect on the answer."
SOURCES: dict[Source, str] = {
    "seen": "the smallest and largest value of the training data",
    "spread": "a scaler's middle and spread (mean and 3 deviations, or median and 2 interquartile ranges)",
    "splits": "where its trees divide, widened by twice as much on each side (an estimate)",
}


@dataclass
class Draft:
    """A field in the making, with what it was made from."""

    field: Field
    facts: ColumnFacts
    column: Column | None = None
    range_from: str = ""


def draft_inputs(
    estimator: Any,
    table: Table | None,
    told: Sequence[str] | None = None,
    declared: Sequence[DeclaredColumn] = (),
) -> tuple[list[Draft], list[str], list[Question]]:
    """One draft per column the estimator was fitted on, in its order; notes; and what only a person can say.

    ``declared`` columns give names where nothing else does, and types where nothing else says them.
    Raises BadModelFile ``no_inputs`` when nothing says what goes in.
    """
    if takes_texts(estimator):
        return [_text_draft(table)], [], []
    naming = names_of(estimator, table, told, declared)
    drafts = []
    for place, (name, facts) in enumerate(pairs(naming.names, column_facts(estimator, len(naming.names)))):
        drafts.append(draft_of(name, place, facts, table.find(name) if table else None))
        if declared:
            _declare(drafts[-1], declared)
    notes, questions = list(naming.notes), list(naming.questions)
    if table and naming.own:
        lacking = [draft.field.name for draft in drafts if draft.column is None and draft.facts.used]
        if lacking:
            questions.append(not_in_sample(lacking))
            notes.append(f"The sample has no column for {len(lacking)} of {len(drafts)} inputs.")
    questions += _settle_scales(drafts)
    return drafts, notes, questions


def _declare(draft: Draft, declared: Sequence[DeclaredColumn]) -> None:
    """The declared type where nothing else says it; and no range from the one or two rows of an input example."""
    column = draft.column
    if column is not None and draft.range_from == _from_sample(column) and len(column.present) < ENOUGH_ROWS:
        draft.field = replace(draft.field, soft_minimum=None, soft_maximum=None)
        draft.range_from = ""
    if draft.facts.used and (column is None or column.kind == "integer"):
        draft.field = with_declared(draft.field, declared)


def _settle_scales(drafts: list[Draft]) -> list[Question]:
    """Where the sample is of another scale than the training data, ranges and examples come from the estimator."""
    apart = [
        place
        for place, draft in enumerate(drafts)
        if draft.field.kind in ("number", "integer")
        and draft.facts.used
        and is_of_another_scale(draft.facts, draft.column)
    ]
    for place in apart:
        draft = drafts[place]
        drafts[place] = draft_of(draft.field.name, place, draft.facts, None)
    return [range_mismatch([drafts[place].field.name for place in apart])] if apart else []


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
    if column is not None and column.kind in ("choice", "text") and knows_numbers_only(facts):
        # Nothing in the sample's words says anything about the codes that the encoder was fitted on.
        column = None
    draft = Draft(field, facts, column)
    if not facts.used:
        draft.field = replace(
            field, kind=_sampled_kind(facts, column), help=UNUSED, order=place + 10_000, used=False
        )
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


def knows_numbers_only(facts: ColumnFacts) -> bool:
    """Was an encoder fitted on numbers in this column?"""
    return bool(facts.categories) and not any(isinstance(value, (str, bool)) for value in facts.categories)


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
    if not all(value is None or float(value).is_integer() for value in exact):
        return False
    # Trees divide halfway between two values, so whole numbers have split points at whole and half ones.
    return all(abs(2 * value - round(2 * value)) < SLACK * max(1.0, abs(value)) for value in facts.thresholds)


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
        return column.minimum, column.maximum, _from_sample(column)
    low, high = outward(low, high)
    smallest, largest = column.minimum, column.maximum
    if smallest is None or largest is None:
        return low, high, SOURCES[facts.source]
    return min(low, smallest), max(high, largest), f"{SOURCES[facts.source]}, and the sample"


def _from_sample(column: Column) -> str:
    return f"the {len(column.present)} values in the sample"


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
            coerced(raw_or_value(draft.column, at, draft.field), draft.field)
            if draft.column
            else typical(draft)
            for draft in drafts
        ]
        rows.append(tuple(row))
        if len(rows) == most:
            break
    return rows


def raw_or_value(column: Column, at: int, field: Field) -> Value:
    """A sample's value, or its text as it stands in the file where the field takes texts."""
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
    if not isinstance(number, (int, float)) or number != number:
        low, high = field.soft_minimum, field.soft_maximum
        number = 0.0 if low is None or high is None else (low + high) / 2
    return round(number) if field.kind == "integer" else float(f"{number:.{SIGNIFICANT}g}")
