"""What a build has to prove: an estimator beside what it was converted to, or a graph as it was brought."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Callable, Sequence

from predictions.ml.columns import ColumnFacts
from predictions.ml.generated_rows import CheckRow, check_rows
from predictions.ml.inspection import Inspection
from predictions.ml.inspection_inputs import coerced, raw_or_value
from predictions.ml.proving import proof_in_words, prove
from predictions.ml.proving_answers import Subject
from predictions.ml.reporting import Clock, Say
from predictions.ml.table import Table
from predictions.portable import Value
from predictions.signature.fields import Signature

MOST_ROWS = 200


def proven(subject: Subject, say: Say, clock: Clock) -> dict[str, Any]:
    """The proof for the report; says how it came out."""
    proof = prove(subject)
    say("prove", proof_in_words(proof))
    clock.mark("prove")
    return proof


def estimator_subject(
    estimator: Any,
    inspection: Inspection,
    original: Any,
    converted: Any,
    rows: list[CheckRow],
    table: Table | None,
) -> Subject:
    """The runtime that will answer: that of ``converted`` (``data`` and ``plan``) with the original beside it, or, where
    that is None, the original itself.
    """
    signature = inspection.signature
    # As people have them: what an inspection makes up for a column whose values do not fit would hide that they do not.
    sample = _sampled(signature, table, inspection.rows) or list(inspection.rows)
    others = [row for row in rows if row.kind != "sample"]

    def served() -> Any:
        if converted is None:
            return original
        runtimes = import_module("predictions.ml.runtimes")
        return runtimes.OnnxRuntime(converted.data, converted.plan, signature)

    return Subject(
        signature=signature,
        served=served,
        rows=[*_askable(sample, signature), *others],
        original=None if converted is None else original,
        estimator=estimator,
        columns=inspection.columns,
        sample=sample,
        table=table,
    )


def graph_subject(served: Callable[[], Any], signature: Signature, table: Table | None) -> Subject:
    """A graph, of which nothing but its signature is known."""
    sample = _sampled(signature, table)
    return Subject(
        signature=signature, served=served, rows=_graph_rows(signature, sample), sample=sample, table=table
    )


def _sampled(
    signature: Signature, table: Table | None, otherwise: Sequence[tuple[Value, ...]] = ()
) -> list[tuple[Value, ...]]:
    """The first rows of a sample as the fields take them. A column that it lacks comes from ``otherwise``, row by row;
    none where that is not there either.
    """
    if table is None:
        return []
    columns = [table.find(field.name) for field in signature.inputs]
    if any(column is None for column in columns) and not otherwise:
        return []
    count = min(table.rows, MOST_ROWS, len(otherwise) or MOST_ROWS)
    found = []
    for at in range(count):
        row = []
        for place, field in enumerate(signature.inputs):
            column = columns[place]
            row.append(
                otherwise[at][place] if column is None else coerced(raw_or_value(column, at, field), field)
            )
        found.append(tuple(row))
    return found


def _askable(sample: Sequence[tuple[Value, ...]], signature: Signature) -> list[CheckRow]:
    """Rows that the signature accepts as far as missing values go."""
    return [
        CheckRow("sample", row)
        for row in sample
        if all(value is not None or signature.inputs[place].nullable for place, value in enumerate(row))
    ]


def _graph_rows(signature: Signature, sample: list[tuple[Value, ...]]) -> list[CheckRow]:
    """As for an estimator, or the example alone where inputs are tensors, which nobody can make up."""
    if any(field.kind == "tensor" for field in signature.inputs):
        example = tuple(field.example for field in signature.inputs)
        return [] if None in example else [CheckRow("generated", example)]
    return check_rows(signature, [ColumnFacts() for _ in signature.inputs], sample)
