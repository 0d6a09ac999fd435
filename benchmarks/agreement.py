"""Speed counts only between servers that answer the same: every one is held to scikit-learn's own numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.cases import Subject
from benchmarks.contestants import Answer

TOLERANCE = 1e-5
"""Largest difference of a probability; trees on ONNX Runtime add up float32."""


class DisagreementError(Exception):
    """A server answers something else than the estimator; nothing of it may be compared."""


@dataclass(frozen=True)
class Agreement:
    """How many cases were compared and how far apart the probabilities were at most."""

    cases: int
    largest_difference: float


def compare(name: str, subject: Subject, answers: Sequence[Answer]) -> Agreement:
    """Hold answers in row order to the subject's. Raises DisagreementError."""
    if len(answers) != len(subject.rows):
        raise DisagreementError(f"{name} gave {len(answers)} answers for {len(subject.rows)} cases.")
    largest = 0.0
    for place, answer in enumerate(answers):
        wanted = subject.probabilities[place]
        if answer.label != subject.labels[place] or len(answer.probabilities) != len(wanted):
            raise DisagreementError(f"{name} answers case {place} of {subject.name} with another label.")
        largest = max(largest, *(_distance(a, b) for a, b in zip(answer.probabilities, wanted, strict=True)))
    if largest > TOLERANCE:
        raise DisagreementError(f"{name} is {largest:g} away from scikit-learn on {subject.name}.")
    return Agreement(cases=len(answers), largest_difference=largest)


def _distance(given: float, wanted: float) -> float:
    # NaN compares as false with everything, also with the largest distance allowed.
    return math.inf if math.isnan(given) else abs(given - wanted)
