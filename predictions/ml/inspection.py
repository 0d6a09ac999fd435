"""Read an estimator's signature from the estimator itself, and from a sample where there is one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from predictions.ml.anatomy import in_words, require_estimator, takes_texts, task_of
from predictions.ml.columns import ColumnFacts
from predictions.ml.declared import DeclaredColumn
from predictions.ml.inspection_inputs import UNUSED, Draft, draft_inputs, knows_numbers_only, sample_rows
from predictions.ml.inspection_outputs import draft_outputs, number_outputs
from predictions.ml.inspection_trials import (
    answers,
    nullable_places,
    require_sound_probabilities,
    settle_example,
    with_probabilities,
    without_probabilities,
)
from predictions.ml.native import EstimatorRuntime
from predictions.ml.questions import Question, codes_unknown
from predictions.ml.table import Table
from predictions.portable import Value, pairs
from predictions.signature.fields import Signature

MOST_SAMPLE_ROWS = 200


@dataclass(frozen=True)
class Inspection:
    """What was read. ``words`` names the estimator, ``facts`` are sentences for the build report.

    ``questions``: what only a person can say, see ``questions``. ``columns`` and ``rows`` (the sample's, as the fields
    take them) serve the parity check and hold case data.
    """

    signature: Signature
    words: str
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    columns: tuple[ColumnFacts, ...]
    rows: tuple[tuple[Value, ...], ...]
    questions: tuple[Question, ...] = ()

    @property
    def summary(self) -> str:
        """One line: "Pipeline of StandardScaler and LogisticRegression, 30 inputs, 2 classes"."""
        inputs = len(self.signature.inputs)
        parts = [self.words, f"{inputs} input{'' if inputs == 1 else 's'}"]
        classes = len(self.signature.main_output.classes)
        if classes and self.signature.task == "classification":
            parts.append(f"{classes} classes")
        elif self.signature.task == "clustering":
            parts.append(f"{classes} groups")
        elif len(self.signature.outputs) > 1:
            parts.append(f"{len(self.signature.outputs)} outputs")
        return ", ".join(parts)


def inspect_estimator(estimator: Any, table: Table | None = None) -> Signature:
    """The signature of a fitted estimator. Raises BadModelFile, see ``inspect_closely``."""
    return inspect_closely(estimator, table).signature


def inspect_closely(
    estimator: Any,
    table: Table | None = None,
    *,
    told: Sequence[str] | None = None,
    class_texts: Sequence[str] | None = None,
    columns: Sequence[DeclaredColumn] = (),
) -> Inspection:
    """The signature and how it was found.

    told: names of the inputs that a file beside the estimator gives. class_texts: what its classes are called.
    columns: what is declared about the inputs beside the file.

    Raises BadModelFile: ``not_an_estimator``, ``no_predict``, ``no_inputs``, ``cannot_answer``.
    """
    require_estimator(estimator)
    task = task_of(estimator)
    drafts, notes, questions = draft_inputs(estimator, table, told, columns)
    names = tuple(draft.field.name for draft in drafts)
    signature = Signature(
        task=task,
        inputs=tuple(draft.field for draft in drafts),
        outputs=draft_outputs(estimator, task, names, table),
    )
    promised = signature.main_output.probabilities
    signature, example, more = settle_example(estimator, without_probabilities(signature), drafts)
    questions += _codes_unknown(drafts, table)
    if {item["code"] for item in questions} & {"codes_unknown", "range_mismatch"}:
        signature, example = _without_whole(signature, example, drafts)
    if promised and answers(estimator, with_probabilities(signature), [example]):
        signature = with_probabilities(signature)
        require_sound_probabilities(estimator, signature, example)
    signature = _with_targets(estimator, signature, example)
    optional = set() if takes_texts(estimator) else nullable_places(estimator, signature, example)
    spared = {column.name for column in columns if not column.required}
    expected = {
        place
        for place, draft in enumerate(drafts)
        if not (_often_missing(draft) or draft.field.name in spared)
    }
    signature = _finished(_with_texts(signature, class_texts), example, optional, expected)
    return Inspection(
        signature=signature,
        words=in_words(estimator),
        facts=tuple(_facts(signature, drafts)),
        notes=(*notes, *more),
        columns=tuple(draft.facts for draft in drafts),
        rows=tuple(sample_rows(drafts, MOST_SAMPLE_ROWS)),
        questions=tuple(questions),
    )


def _with_texts(signature: Signature, texts: Sequence[str] | None) -> Signature:
    output = signature.main_output
    if texts is None or len(texts) != len(output.classes):
        return signature
    classes = tuple(
        known if str(known.value) == text else replace(known, label=text)
        for known, text in pairs(output.classes, list(texts))
    )
    return replace(signature, outputs=(replace(output, classes=classes), *signature.outputs[1:]))


def _codes_unknown(drafts: list[Draft], table: Table | None) -> list[Question]:
    """Inputs that take numbers where the sample has words."""
    found = []
    for draft in drafts if table else ():
        column = table.find(draft.field.name) if table else None
        coded = draft.field.kind in ("number", "integer") or knows_numbers_only(draft.facts)
        if column is not None and column.kind in ("choice", "text") and coded and draft.facts.used:
            found.append(codes_unknown(draft.field.name, column))
    return found


def _without_whole(
    signature: Signature, example: tuple[Value, ...], drafts: list[Draft]
) -> tuple[Signature, tuple[Value, ...]]:
    """Numbers instead of whole numbers: the estimator was fitted on something else than the sample's values."""
    for draft in drafts:
        if draft.field.kind == "integer":
            draft.field = replace(draft.field, kind="number")
    values = (
        float(value) if draft.field.kind == "number" and isinstance(value, int) else value
        for value, draft in pairs(example, drafts)
    )
    return signature.with_inputs(tuple(draft.field for draft in drafts)), tuple(values)


def _with_targets(estimator: Any, signature: Signature, example: Sequence[Value]) -> Signature:
    if signature.task != "regression":
        return signature
    value = EstimatorRuntime(estimator, signature).predict([example])[0].value
    count = len(value) if isinstance(value, list) else 1
    return replace(signature, outputs=number_outputs(signature.main_output, count))


def _often_missing(draft: Draft) -> bool:
    """Was the estimator made for missing values in this column, or does it not look at it at all?"""
    in_sample = draft.column is not None and draft.column.missing > 0
    return in_sample or draft.facts.made_for_missing or not draft.facts.used


def _finished(
    signature: Signature, example: Sequence[Value], nullable: set[int], expected: set[int]
) -> Signature:
    inputs = [
        replace(
            field,
            example=example[place],
            nullable=place in nullable,
            required=place not in nullable or place in expected,
        )
        for place, field in enumerate(signature.inputs)
    ]
    order = sorted(range(len(inputs)), key=lambda place: inputs[place].order)
    for rank, place in enumerate(order):
        inputs[place] = replace(inputs[place], order=rank)
    return signature.with_inputs(tuple(inputs))


def _facts(signature: Signature, drafts: list[Draft]) -> list[str]:
    facts = [_kinds(signature)]
    for source, count in Counter(draft.range_from for draft in drafts if draft.range_from).items():
        facts.append(f"Usual range of {count} of {len(drafts)} inputs from {source}.")
    nullable = sum(field.nullable for field in signature.inputs)
    if nullable:
        facts.append(
            f"{nullable} of {len(drafts)} inputs may be missing: the estimator answers without them. Where nothing says that "
            "this happened in training, a missing value gets a warning."
        )
    unused = [field.name for field in signature.inputs if field.help == UNUSED]
    if unused:
        facts.append(
            f"Not used by the estimator: {', '.join(unused[:10])}{' …' if len(unused) > 10 else ''}."
        )
    if signature.task == "classification" and not signature.main_output.probabilities:
        facts.append("The estimator gives classes without probabilities.")
    return facts


def _kinds(signature: Signature) -> str:
    words = {
        "number": "numbers",
        "integer": "whole numbers",
        "boolean": "yes/no",
        "choice": "choices",
        "text": "texts",
        "tensor": "tensors",
    }
    counts = Counter(field.kind for field in signature.inputs)
    return "Inputs: " + ", ".join(f"{count} {words[kind]}" for kind, count in counts.items()) + "."
