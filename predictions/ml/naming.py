"""What the inputs are called: by the estimator, else by a sample whose columns fit, else by number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from predictions.errors import BadModelFile
from predictions.ml.declared import DeclaredColumn, declared_names
from predictions.ml.known_inputs import input_count, input_names
from predictions.ml.questions import Question, names_from_sample, names_unknown
from predictions.ml.table import Column, Table

ENOUGH_ROWS = 20
IDENTIFIER = 0.5
"""A column of words more than half of which occur once names its rows; nobody fits an estimator on that."""


@dataclass(frozen=True)
class Naming:
    """Names in the estimator's order, notes for the owner, questions, and whether the estimator itself names them."""

    names: list[str]
    notes: list[str]
    questions: list[Question]
    own: bool


def names_of(
    estimator: Any,
    table: Table | None,
    told: Sequence[str] | None = None,
    declared: Sequence[DeclaredColumn] = (),
) -> Naming:
    """``told``: names that a file beside the estimator gives, used where it has none itself. ``declared``: columns that
    somebody wrote down beside it, used where their number fits.

    Raises BadModelFile ``no_inputs`` when nothing says what goes in."""
    known = input_names(estimator)
    if known is not None:
        return Naming(known, [], [], own=True)
    if told is not None:
        return Naming(
            list(told), ["The inputs are called as the list beside the estimator says."], [], own=True
        )
    width = input_count(estimator)
    stated = declared_names(declared, width)
    if stated and (table is None or set(stated) <= set(table.names)):
        note = "The file holds no column names; they were taken from the signature beside it."
        return Naming(stated, [note], [], own=False)
    if width is None:
        if table is None:
            raise BadModelFile(
                "The estimator does not say which inputs it takes: bring a sample CSV with its input columns.",
                code="no_inputs",
            )
        note = "The estimator names no inputs; they were taken from the sample."
        return Naming(list(table.names), [note], [names_from_sample(table.names)], own=False)
    note = "The file holds no column names"
    taken = _from_sample(table, width, getattr(estimator, "classes_", None))
    if taken:
        notes = [f"{note}; they were taken from the sample in its order."]
        return Naming(taken, notes, [names_from_sample(taken)], own=False)
    numbered = [f"feature_{place + 1}" for place in range(width)]
    notes = [f"{note}; the inputs are numbered in the estimator's order."]
    return Naming(numbered, notes, [names_unknown(width)], own=False)


def _from_sample(table: Table | None, width: int, classes: Any) -> list[str] | None:
    """The sample's names when their number fits: of all columns, or of those left without the answer.

    Columns that name rows are no inputs. None where a column that looks like the answer would have to be an input.
    """
    if table is None:
        return None
    inputs = [column for column in table.columns if not _names_rows(column)]
    answers = _answers(inputs, classes)
    if len(inputs) == width + 1 and len(answers) == 1:
        return [column.name for column in inputs if column is not answers[0]]
    if len(inputs) == width and (classes is None or not answers):
        return [column.name for column in inputs]
    return None


def _answers(inputs: list[Column], classes: Any) -> list[Column]:
    """What may be the answer: columns that hold classes, or as many words as there are classes; else the last number."""
    if isinstance(classes, list):
        return []
    if classes is None:
        return [column for column in inputs[-1:] if column.kind in ("number", "integer")]
    holding = [column for column in inputs if looks_like_classes(column, classes)]
    return holding or [column for column in inputs if len(column.categories) == len(classes)]


def _names_rows(column: Column) -> bool:
    """Words that nearly never come twice, in a sample that is long enough to tell."""
    several = len(column.present) >= ENOUGH_ROWS
    return several and column.kind == "text" and len(set(column.present)) > IDENTIFIER * len(column.present)


def looks_like_classes(column: Column, classes: Any) -> bool:
    """Do all values of a column name classes, with at least two of them there?"""
    if classes is None or isinstance(classes, list):
        return False
    words = {_word(value) for value in classes.tolist()}
    seen = {_word(value) for value in column.present}
    return len(seen) > 1 and seen <= words


def _word(value: Any) -> str:
    """1, 1.0 and "1" are one class; True is none of them."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
