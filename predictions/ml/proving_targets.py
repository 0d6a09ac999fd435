"""Which column of the sample holds the answers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from predictions.ml.inspection_inputs import UNUSED
from predictions.ml.proving_answers import shown_names
from predictions.ml.table import Column, Table
from predictions.portable import Value
from predictions.signature.fields import Output, Signature

HINTS = frozenset(
    {
        "target", "label", "y", "class", "classes", "outcome", "output", "result", "answer", "response",
        "value", "price", "cost", "charges", "amount", "salary", "score", "sales", "rating", "status",
    }
)  # fmt: skip
"""Words in the names of such columns; they decide only among columns whose values fit."""

WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True)
class Target:
    """The column of answers: ``truths`` row by row, places of classes or numbers, None where missing."""

    column: str
    is_class: bool
    truths: Sequence[Any]


def find_target(signature: Signature, table: Table | None) -> Target | str:
    """The column, or one sentence why there is none that is certain."""
    if table is None:
        return "There is no sample: bring a CSV with the right answers in one of its columns."
    if len(signature.outputs) != 1 or signature.task in ("clustering", "other"):
        return "What it answers is not one class or number that a column could hold."
    held = {field.name: table.find(field.name) for field in signature.inputs if field.help != UNUSED}
    if any(column is None for column in held.values()):
        return "The sample does not have a column for each input, so its answers are not compared."
    worded = [
        field.name
        for field in signature.inputs
        if field.kind in ("number", "integer") and _holds_words(held.get(field.name))
    ]
    if worded:
        return f"The sample has words where numbers go in ({shown_names(worded)}): say first which number each stands for."
    taken = {column.name for column in held.values() if column is not None}
    taken |= {field.name for field in signature.inputs}
    extra = [column for column in table.columns if column.name not in taken]
    output = signature.main_output
    if output.classes:
        return _class_target(output, extra)
    return _number_target(output, extra)


def _holds_words(column: Column | None) -> bool:
    return column is not None and column.kind in ("choice", "text")


def _class_target(output: Output, extra: Sequence[Column]) -> Target | str:
    fitting = []
    for column in extra:
        truths = places_of(column, output)
        if truths is not None and (column.name == output.name or len(set(truths) - {None}) > 1):
            fitting.append(Target(column.name, True, truths))
    named = ", ".join(str(item.shown) for item in output.classes[:4])
    return _chosen(
        fitting,
        output.name,
        f"No column of the sample beside the inputs holds its classes ({named}): add one.",
    )


def _number_target(output: Output, extra: Sequence[Column]) -> Target | str:
    fitting = [
        Target(column.name, False, column.values) for column in extra if column.kind in ("number", "integer")
    ]
    certain = [
        target
        for target in fitting
        if target.column == output.name or len(extra) == 1 or HINTS & _words(target.column)
    ]
    return _chosen(
        certain,
        output.name,
        "No column of the sample is certain to hold the right numbers: call one “target”.",
    )


def _chosen(fitting: Sequence[Target], name: str, none: str) -> Target | str:
    if not fitting:
        return none
    for ways in (lambda target: target.column == name, lambda target: bool(HINTS & _words(target.column))):
        found = [target for target in fitting if ways(target)]
        if len(found) == 1:
            return found[0]
    if len(fitting) == 1:
        return fitting[0]
    listed = ", ".join(target.column for target in fitting[:4])
    return f"Several columns of the sample could hold the answers ({listed}): keep one, or call it “target”."


def _words(name: str) -> set[str]:
    return {word.lower() for word in WORDS.findall(name)}


def places_of(column: Column, output: Output) -> list[int | None] | None:
    """Each row's class as its place, by the classes' values or else their texts; None when one value is no class."""
    for known in ({_plain(item.value): place for place, item in enumerate(output.classes)}, _by_text(output)):
        found = [None if value is None else known.get(_plain(value)) for value in column.values]
        holes = [
            place for place, value in enumerate(column.values) if value is not None and found[place] is None
        ]
        if not holes and any(place is not None for place in found):
            return found
    return None


def _by_text(output: Output) -> dict[str, int]:
    return {_plain(item.label): place for place, item in enumerate(output.classes) if item.label}


def _plain(value: Value) -> str:
    """1, 1.0, "1" and "1.0" are the same class; so are "Yes" and "yes "."""
    text = str(value).strip().casefold()
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number == number and abs(number) < 1e15 and number == int(number) else text
