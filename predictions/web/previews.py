"""What a draft of a signature would look like: its form, its answer to the example, and the columns behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from predictions import gateway
from predictions.errors import DeskError, InvalidRows
from predictions.models import ModelVersion, SignatureRevision
from predictions.signature.fields import Signature
from predictions.signature.layering import layer_of
from predictions.signature.schema import example_row
from predictions.signature.validation import Validator
from predictions.values import CheckedRow
from predictions.web.answer_view import AnswerView, answer_view
from predictions.web.form_fields import FieldGroup, groups_of, is_compact
from predictions.web.form_texts import texts_of
from predictions.web.numbers import shown_number

MOST_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class Preview:
    """``groups`` as the form's template takes them; ``columns``: name and value of each column the model gets.

    ``trouble`` is why there is no answer, in a sentence.
    """

    groups: tuple[FieldGroup, ...]
    is_compact: bool
    columns: tuple[tuple[str, str], ...]
    answer: AnswerView | None
    trouble: str = ""


def preview_of(version: ModelVersion, revision: SignatureRevision, draft: Signature) -> Preview:
    """The draft's form filled with its example, and a worker's answer to it, which is stored nowhere."""
    example = example_row(draft)
    compact = is_compact(draft)
    groups = () if compact else groups_of(draft, texts_of(draft, example))
    try:
        row = Validator(draft).check_row(example)
    except InvalidRows as error:
        return Preview(groups, compact, (), None, error.errors[0].message)
    key = gateway.Key(version.ml_model_id, version.pk, revision.pk)
    try:
        outputs: Mapping[str, Any] = gateway.trial(key=key, draft=draft, row=row)
    except DeskError as error:
        return Preview(groups, compact, _columns(draft, row), None, error.message)
    return Preview(groups, compact, _columns(draft, row), answer_view(draft, outputs))


def _columns(draft: Signature, row: CheckedRow) -> tuple[tuple[str, str], ...]:
    layer = layer_of(draft)
    if layer is None:
        return ()
    names = (field.name for field in draft.model_inputs)
    pairs = zip(names, layer.row(row.values), strict=True)
    return tuple((name, _shown(value)) for name, value in list(pairs)[:MOST_COLUMNS])


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return shown_number(value)
    return str(value)
