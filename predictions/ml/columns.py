"""What a fitted estimator gives away about one of its input columns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, List, Optional

from predictions.portable import Literal

Source = Literal["seen", "spread", "splits"]
"""seen: the exact range of the training data. spread: mean and deviation. splits: where trees divide."""

MOST_THRESHOLDS = 2000


@dataclass
class ColumnFacts:
    """Facts about one input column; everything is optional, because estimators differ in what they keep.

    typical: a middle value. thresholds: split points in the column's own units. ``missing``: what the estimator's
    preprocessing was told a missing value is. made_for_missing: it fills them in, or has a category for them.
    """

    categories: tuple[Any, ...] = ()
    handles_unseen: bool = False
    is_text: bool = False
    used: bool = True
    low: float | None = None
    high: float | None = None
    source: Source | None = None
    typical: Any = None
    missing: Any = None
    made_for_missing: bool = False
    numeric: bool = False
    thresholds: set[float] = field(default_factory=set)

    def learn_range(self, low: float, high: float, source: Source) -> None:
        """Keep the range from the better source: seen before spread before splits."""
        order = ("splits", "spread", "seen")
        if not (math.isfinite(low) and math.isfinite(high)):
            return
        if self.source is None or order.index(source) > order.index(self.source):
            self.low, self.high, self.source = min(low, high), max(low, high), source

    def learn_threshold(self, value: float) -> None:
        """Remember a split point, up to a bound that keeps large forests cheap."""
        if math.isfinite(value) and len(self.thresholds) < MOST_THRESHOLDS:
            self.thresholds.add(value)


@dataclass(frozen=True)
class Origin:
    """A column on its way through a pipeline: ``scale * input + offset`` of the input column ``column``."""

    column: int
    scale: float = 1.0
    offset: float = 0.0

    def back(self, value: float) -> float:
        """From the pipeline's units to the input's own."""
        return (value - self.offset) / self.scale if self.scale else math.nan

    def scaled(self, scale: float, offset: float) -> Origin:
        """This column after ``value * scale + offset``."""
        return Origin(self.column, self.scale * scale, self.offset * scale + offset)


Flow = List[Optional[Origin]]
"""The columns at one place of a pipeline; None for a column that is no longer one input's own value."""
