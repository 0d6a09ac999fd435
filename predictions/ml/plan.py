"""How rows in signature order become an artifact's tensors and its outputs become answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Dtype = Literal[
    "float32",
    "float64",
    "float16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "string",
]
Layout = Literal["matrix", "column", "vector", "tensor", "whole"]


@dataclass(frozen=True, slots=True)
class Feed:
    """One graph input. ``columns`` index the signature's inputs.

    matrix: those columns side by side, shape [n, k]. column: one of them as [n, 1]. vector: one of them as [n].
    tensor: one input whose values are nested lists, stacked to [n, *shape].
    whole: one input whose value is the tensor itself, for graphs without a batch axis (``Plan.batched`` is False).
    missing: what stands for a missing value; None means NaN for floats and the empty string for strings.
    """

    name: str
    dtype: Dtype
    layout: Layout
    columns: tuple[int, ...]
    missing: float | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``batched`` is False when the graph only takes one row at a time."""

    feeds: tuple[Feed, ...]
    label_output: str | None = None
    probability_output: str | None = None
    value_output: str | None = None
    outputs: tuple[str, ...] = ()
    batched: bool = True

    def to_document(self) -> dict[str, Any]:
        """JSON for the version row."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Plan:
        """Inverse of ``to_document``."""
        feeds = tuple(
            Feed(feed["name"], feed["dtype"], feed["layout"], tuple(feed["columns"]), feed.get("missing"))
            for feed in document["feeds"]
        )
        rest = {key: value for key, value in document.items() if key not in ("feeds", "outputs")}
        return cls(feeds=feeds, outputs=tuple(document["outputs"]), **rest)
