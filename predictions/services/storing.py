"""Writing answers as fast as PostgreSQL takes them: binary COPY, one commit per group."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db import IntegrityError

from predictions.models import Prediction
from predictions.models.blocks import packed
from predictions.models.ids import begins_block
from predictions.services import copying
from predictions.signature.answers import outcome_of, score_and_margin
from predictions.values import Ask, Group

BLOCK_FROM = 16
"""From so many cases on, an ask keeps them in one block: fewer bytes, a third of the time."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Answered:
    """One ask with its answers, row by row; ``cached`` are the positions that were not computed anew."""

    ask: Ask
    outputs: Sequence[Mapping[str, Any]]
    cached: Collection[int] = ()


def store(*, group: Group, answered: Sequence[Answered], now: float) -> None:
    """Commit one row per answer; all or none. Rows that are there already (a message sent twice) stay as they are.

    ``now``: seconds since the epoch, the moment the rows carry. Raises django.db.OperationalError or InterfaceError
    when the database is away, IntegrityError when an account, key or version is gone, DataError or UnicodeEncodeError
    for what PostgreSQL does not hold.
    """
    try:
        _write(group, answered, now)
    except IntegrityError:
        missing = _missing(answered)
        if len(missing) == len(answered):
            raise
        if missing:
            _write(group, missing, now)


class Summaries:
    """Outcome, score and margin of answers as COPY takes them; an outcome that comes again is worded once."""

    def __init__(self) -> None:
        self._labels: dict[str, bytes] = {}

    def of(self, outputs: Mapping[str, Any]) -> bytes:
        """The three fields of one answer."""
        label = outputs.get("label")
        outcome = self._labels.get(label) if type(label) is str else None
        if outcome is None:
            outcome = copying.text(outcome_of(outputs))
            if type(label) is str:
                self._labels[label] = outcome
        score, margin = score_and_margin(outputs)
        if margin is None:
            return outcome + copying.number(score) + copying.NULL
        return outcome + copying.two_numbers(8, score, 8, margin)


def _write(group: Group, answered: Sequence[Answered], now: float) -> None:
    origin = copying.origin(group.ml_model_id, group.version_id, group.revision_id)
    times = copying.times(now, (now - group.sent_at) * 1000.0)
    summary = Summaries()
    rows: list[bytes] = []
    blocks: list[bytes] = []
    tails: dict[tuple[Any, ...], bytes] = {}
    for one in answered:
        ask = one.ask
        asker = (ask.face, ask.user_id, ask.api_key_id, ask.visitor)
        tail = tails.get(asker)
        if tail is None:
            tail = tails[asker] = copying.asker(*asker) + times
        if len(ask.rows) >= BLOCK_FROM and begins_block(ask.first_id):
            _add_block(rows, blocks, one, origin, summary, tail)
        else:
            _add_rows(rows, one, origin, summary, tail)
    copying.write(rows, blocks)


def _missing(answered: Sequence[Answered]) -> list[Answered]:
    first = [one.ask.first_id for one in answered]
    there = set(Prediction.objects.filter(pk__in=first).values_list("pk", flat=True))
    return [one for one in answered if one.ask.first_id not in there]


def _add_block(
    rows: list[bytes], blocks: list[bytes], one: Answered, origin: bytes, summary: Summaries, tail: bytes
) -> None:
    ask = one.ask
    warnings = {position: found for position, found in enumerate(ask.warnings) if found}
    blocks.append(copying.block(ask.first_id, len(ask.rows), packed(ask.rows, one.outputs, warnings)))
    marks = copying.marks(warnings, one.cached)
    rows += copying.rows_of_block(ask.first_id, origin, list(map(summary.of, one.outputs)), marks, tail)


def _add_rows(rows: list[bytes], one: Answered, origin: bytes, summary: Summaries, tail: bytes) -> None:
    begin = one.ask.first_id.int
    marks: Mapping[int, bytes] = {}
    if one.cached or any(one.ask.warnings):
        warned = [place for place, found in enumerate(one.ask.warnings) if found]
        marks = copying.marks(warned, one.cached)
    cases = zip(one.ask.rows, one.outputs, one.ask.warnings, strict=True)
    for position, case in enumerate(cases):
        own = _encode(case)
        rows.append(
            b"%b%b%b%b%b%b%b%b"
            % (
                copying.BEGIN,
                (begin + position).to_bytes(16, "big"),
                origin,
                copying.length(len(own)),
                own,
                summary.of(case[1]),
                marks.get(position, copying.UNMARKED),
                tail,
            )
        )
