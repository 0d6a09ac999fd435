"""Frozen values that cross rooms. No Django, no scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from predictions.portable import RawAnswer as RawAnswer
from predictions.portable import Scalar as Scalar
from predictions.portable import Value as Value

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
    chain: Sequence[str] = ()
    runtime: Literal["auto", "native"] = "auto"
    layer: str = ""
    """The text of a ``layer.yaml``, applied after what an earlier version hands down."""


MAX_ROWS_OF_AN_ASK = 1 << 16
"""As many cases as the last 16 bits of an id can number."""


def ids_of(first_id: UUID, count: int) -> list[UUID]:
    """The ids of ``count`` cases asked together: they follow each other, so one of them names them all."""
    begin = first_id.int
    return [UUID(int=begin + position) for position in range(count)]


class Ask(msgspec.Struct, array_like=True, frozen=True):
    """One caller's rows on their way to a worker. ``deadline``: seconds since the epoch; later no row may appear.

    Ids are made by the asking side, so that a repeat stores nothing twice: row ``n`` has the id ``first_id + n``.
    """

    number: int
    first_id: UUID
    rows: list[list[Any]]
    warnings: list[list[dict[str, str]]]
    face: str
    deadline: float
    user_id: int | None = None
    api_key_id: int | None = None
    visitor: UUID | None = None

    @property
    def ids(self) -> list[UUID]:
        """One id per row, in order."""
        return ids_of(self.first_id, len(self.rows))


class Group(msgspec.Struct, array_like=True, frozen=True):
    """What one message carries: callers of the same version and signature revision, answered in one call.

    ``sent_at`` in seconds since the epoch. ``store`` is False for health probes and trials only. ``may_load`` is False in
    queues in which nobody shall wait for a runtime to be loaded. ``draft``: the signature document of a trial, in place
    of the revision's.
    """

    id: int
    reply_to: str
    ml_model_id: int
    version_id: int
    revision_id: int
    sent_at: float
    asks: list[Ask]
    store: bool = True
    may_load: bool = True
    draft: dict[str, Any] | None = None


class AskReply(msgspec.Struct, array_like=True, frozen=True):
    """What became of one ask: ``outputs`` row by row, or an error code and sentence."""

    number: int
    outputs: list[dict[str, Any]] = []
    error_code: str = ""
    error_message: str = ""


class GroupReply(msgspec.Struct, array_like=True, frozen=True):
    """The worker's single reply to a group, sent after the commit. ``answered_at`` in seconds since the epoch.

    What the worker measured, in seconds: ``waited`` from sending to its beginning, ``inferred`` in the runtime,
    ``stored`` from the first row's way to the database to the end of the commit.
    """

    id: int
    answered_at: float
    replies: list[AskReply]
    waited: float = 0.0
    inferred: float = 0.0
    stored: float = 0.0
