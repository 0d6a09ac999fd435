"""The few values that the confined process shares with us, under whatever Python a file was made for (3.7 and later)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, Union

if sys.version_info >= (3, 8):
    from typing import Literal as Literal
    from typing import Protocol as Protocol
else:

    class _AnyText:
        """Python 3.7 has no Literal; nothing checks one there."""

        def __getitem__(self, texts: Any) -> Any:
            return Any

    Literal = _AnyText()
    Protocol = object

Left = TypeVar("Left")
Right = TypeVar("Right")

Scalar = Union[str, int, float, bool]
Value = Any
"""What one input may hold: a scalar, None for missing, or nested lists for a tensor."""


@dataclass(frozen=True)
class RawAnswer:
    """What a runtime says about one row, before names.

    Classification: ``class_index`` into the output's classes and ``probabilities`` in that order (None when
    the estimator has none). Regression: ``value``. Other graphs: ``outputs`` by output name.
    """

    class_index: int | None = None
    probabilities: tuple[float, ...] | None = None
    value: float | list[float] | None = None
    outputs: Mapping[str, Any] | None = None


def pairs(left: Sequence[Left], right: Sequence[Right]) -> Iterator[tuple[Left, Right]]:
    """What stands at the same places of both, as ``zip(strict=True)`` of newer Pythons. Raises ValueError."""
    if len(left) != len(right):
        raise ValueError("both must have the same length")
    return zip(left, right)
