"""Frozen values that cross rooms. No Django, no scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Scalar = str | int | float | bool
Value = Any
"""What one input may hold: a scalar, None for missing, or nested lists for a tensor."""

Face = Literal["form", "api", "admin", "file", "article"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking. Exactly one of user, key or visitor is meant; a key may act for a user."""

    user_id: int | None = None
    api_key_id: int | None = None
    visitor: UUID | None = None
    is_staff: bool = False
    is_superuser: bool = False

    @property
    def is_known(self) -> bool:
        """True for a signed-in user or an API key: may use what members may use."""
        return self.user_id is not None or self.api_key_id is not None


@dataclass(frozen=True, slots=True)
class SoftWarning:
    """Something worth knowing about an accepted value, stored beside the answer."""

    field: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """One validated case: ``values`` in the signature's order, None where missing."""

    values: tuple[Value, ...]
    warnings: tuple[SoftWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """What a runtime says about one row, before names.

    Classification: ``class_index`` into the output's classes and ``probabilities`` in that order (None when
    the estimator has none). Regression: ``value``. Other graphs: ``outputs`` by output name.
    """

    class_index: int | None = None
    probabilities: tuple[float, ...] | None = None
    value: float | list[float] | None = None
    outputs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """One committed prediction as its caller gets it. ``outputs`` is what the row stores."""

    id: UUID
    outputs: Mapping[str, Any]
    warnings: tuple[SoftWarning, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What a person asked for when bringing a file; stored in the job."""

    name: str
    description: str = ""
    go_live: bool = False
    visibility: Literal["private", "members", "public"] = "private"
    card: Mapping[str, Any] = field(default_factory=dict)
    signature_edits: Mapping[str, Any] = field(default_factory=dict)
    is_default: bool = False
