"""What a demo is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

import joblib
import pandas as pd


@dataclass(frozen=True, slots=True)
class Metric:
    """One measured number. ``on`` says in words which rows it was measured on."""

    name: str
    value: float
    on: str

    def to_document(self) -> dict[str, Any]:
        """JSON for the card."""
        return {"name": self.name, "value": self.value, "on": self.on}


@dataclass(frozen=True, slots=True)
class TrainedDemo:
    """A fitted estimator, rows as it takes them (columns in its order), and what was measured while training.

    ``equation`` is the fitted formula where it is short enough to read.
    """

    estimator: Any
    sample: pd.DataFrame
    metrics: tuple[Metric, ...]
    equation: str = ""

    def save(self, file: BinaryIO) -> None:
        """Write the estimator as its owner would bring it: a compressed joblib file."""
        joblib.dump(self.estimator, file, compress=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRecipe:
    """One demo in words. ``train`` fits it and measures how good it is; the rest is for people.

    card: source, licence, licence_url, intended_use and note. signature_edits: as ``signature.editing.apply_edits`` takes
    them. The numbers of the card come from training, see ``card_with``.
    """

    slug: str
    name: str
    description: str
    train: Callable[[], TrainedDemo]
    card: Mapping[str, Any]
    visibility: Literal["private", "members", "public"] = "public"
    is_default: bool = False
    signature_edits: Mapping[str, Any] = field(default_factory=dict)

    def card_with(self, trained: TrainedDemo) -> dict[str, Any]:
        """The card as it is stored: the recipe's words, the measured metrics, and the equation where there is one."""
        card = dict(self.card)
        card["metrics"] = [metric.to_document() for metric in trained.metrics]
        if trained.equation:
            card["equation"] = trained.equation
        return card
