"""What only a trial shows: which inputs may be missing, which example is answered, whether there are probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from predictions.errors import BadModelFile, ModelFailed
from predictions.ml.inspection_inputs import Draft, draft_of, sample_rows, typical
from predictions.ml.native import EstimatorRuntime
from predictions.portable import Value, pairs
from predictions.signature.fields import Signature

MOST_EXAMPLES = 20
SLACK = 1e-3


def answers(estimator: Any, signature: Signature, rows: Sequence[Sequence[Value]]) -> bool:
    """Does the estimator answer all these rows?"""
    return failure(estimator, signature, rows) is None


def failure(estimator: Any, signature: Signature, rows: Sequence[Sequence[Value]]) -> Exception | None:
    """What the estimator raised on these rows; None when it answered."""
    try:
        EstimatorRuntime(estimator, signature).predict(rows)
    except ModelFailed as error:
        return error
    return None


def settle_example(
    estimator: Any, signature: Signature, drafts: list[Draft]
) -> tuple[Signature, tuple[Value, ...], list[str]]:
    """A row that is answered, from the sample when possible; kinds that the estimator refuses are corrected on the way.

    Raises BadModelFile ``cannot_answer`` when no row is answered.
    """
    example = _first_answered(estimator, signature, drafts)
    if example is not None:
        return signature, example, []
    changed = [place for place, draft in enumerate(drafts) if _only_sampled_words(draft)]
    for place in changed:
        draft = drafts[place]
        drafts[place] = draft_of(draft.field.name, place, draft.facts, None)
    numbered = signature.with_inputs(tuple(draft.field for draft in drafts))
    example = _first_answered(estimator, numbered, drafts) if changed else None
    if example is None:
        raise _cannot_answer(failure(estimator, numbered, [tuple(typical(draft) for draft in drafts)]))
    notes = [
        f"The sample has words in {drafts[place].field.name!r}, but the estimator takes numbers there; "
        "the sample's values of that column were not used."
        for place in changed
    ]
    return numbered, example, notes


def _only_sampled_words(draft: Draft) -> bool:
    return (
        draft.column is not None
        and draft.column.kind in ("choice", "text", "boolean")
        and not draft.facts.categories
        and not draft.facts.is_text
    )


def _first_answered(estimator: Any, signature: Signature, drafts: list[Draft]) -> tuple[Value, ...] | None:
    rows = sample_rows(drafts, MOST_EXAMPLES)
    whole = [row for row in rows if None not in row and _knows_its_choices(row, drafts)]
    candidates = [*whole, tuple(typical(draft) for draft in drafts), *rows]
    for row in candidates[: MOST_EXAMPLES + 1]:
        if answers(estimator, signature, [row]):
            return row
    return None


def _knows_its_choices(row: Sequence[Value], drafts: list[Draft]) -> bool:
    return all(
        draft.field.kind != "choice" or any(value == choice.value for choice in draft.field.choices)
        for value, draft in pairs(row, drafts)
    )


def _cannot_answer(error: Exception | None) -> BadModelFile:
    cause = error.__cause__ if error else None
    words = " ".join(str(cause).split())[:200]
    if "could not convert string" in words or "unknown categories" in words:
        advice = "the sample's values do not fit what it was fitted on"
    else:
        advice = "bring a sample CSV with rows as the estimator takes them, or a whole Pipeline"
    return BadModelFile(f"The estimator was read but answers no example row: {advice}.", code="cannot_answer")


def require_sound_probabilities(estimator: Any, signature: Signature, example: Sequence[Value]) -> None:
    """Raises BadModelFile ``bad_probabilities`` when they do not lie in [0, 1] and add up to 1.

    Trees of scikit-learn before 1.3 keep counts where later versions keep shares, and then answer 63.7 without an error.
    """
    shares = EstimatorRuntime(estimator, signature).predict([example])[0].probabilities
    if shares is not None and (abs(sum(shares) - 1) > SLACK or min(shares) < -SLACK):
        raise BadModelFile(
            "Its probabilities do not add up to 1, as when a file comes from another version of scikit-learn: fit and "
            "save it again with this site's version.",
            code="bad_probabilities",
        )


def nullable_places(estimator: Any, signature: Signature, example: Sequence[Value]) -> set[int]:
    """Places of the inputs that may be missing, tried one by one (all in one call when all may be)."""
    return _group(estimator, signature, example, list(range(len(example))))


def _group(estimator: Any, signature: Signature, example: Sequence[Value], places: list[int]) -> set[int]:
    rows = [tuple(None if at == place else value for at, value in enumerate(example)) for place in places]
    if not places:
        return set()
    if answers(estimator, signature, rows):
        return set(places)
    if len(places) == 1:
        return set()
    middle = len(places) // 2
    first = _group(estimator, signature, example, places[:middle])
    return first | _group(estimator, signature, example, places[middle:])


def without_probabilities(signature: Signature) -> Signature:
    """The same signature promising no probabilities."""
    return _promising(signature, probabilities=False)


def with_probabilities(signature: Signature) -> Signature:
    """The same signature promising a probability for each class."""
    return _promising(signature, probabilities=True)


def _promising(signature: Signature, *, probabilities: bool) -> Signature:
    first = replace(signature.outputs[0], probabilities=probabilities)
    return replace(signature, outputs=(first, *signature.outputs[1:]))
