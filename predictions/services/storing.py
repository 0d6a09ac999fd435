"""Writing answers as fast as PostgreSQL takes them: binary COPY, one commit per group."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.db import IntegrityError

from predictions.models import Prediction
from predictions.models.blocks import packed
from predictions.models.ids import begins_block
from predictions.services import copying
from predictions.signature.answers import outcome_of, score_and_margin
from predictions.values import MAX_ROWS_OF_AN_ASK, Ask, Face, Group, Value

BLOCK_FROM = 16
"""From so many cases on, an ask keeps them in one block: fewer bytes, a third of the time."""

_encode = msgspec.json.Encoder().encode
_PLAIN = copying.FALSE + copying.FALSE


@dataclass(frozen=True, slots=True)
class Answered:
    """One ask with its answers, row by row; ``cached`` are the positions that were not computed anew."""

    ask: Ask
    outputs: Sequence[Mapping[str, Any]]
    cached: Iterable[int] = ()


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


def store_cases(
    *,
    ml_model_id: int,
    version_id: int,
    revision_id: int,
    first_id: UUID,
    inputs: Sequence[Sequence[Value]],
    outputs: Sequence[Mapping[str, Any]],
    warnings: Mapping[int, Sequence[Mapping[str, str]]],
    face: Face,
    user_id: int | None = None,
    api_key_id: int | None = None,
    visitor: UUID | None = None,
    now: float,
    duration_ms: float,
    summaries: Sequence[bytes] | None = None,
) -> None:
    """Commit up to 65,536 cases that follow each other from ``first_id`` on, in one block; inside a transaction, with it.

    ``first_id``: from ``models.ids.first_id`` with a count above 1. ``warnings`` by position. ``duration_ms``: what
    each case took. ``summaries``: outcome, score and margin of each case as ``Summaries`` gives them, for who has them
    at hand. Raises what ``store`` raises, IntegrityError also where the first of them is there already, and ValueError
    for an id that no block can have or more cases than its last bits can number.
    """
    if not begins_block(first_id) or len(outputs) > MAX_ROWS_OF_AN_ASK:
        raise ValueError("The cases of a block are numbered by the last 16 bits of their ids.")
    found = summaries if summaries is not None else list(map(Summaries().of, outputs))
    head = copying.BEGIN + first_id.bytes[:14]
    middle = copying.origin(ml_model_id, version_id, revision_id) + copying.NULL
    tail = copying.asker(face, user_id, api_key_id, visitor) + copying.times(now, duration_ms)
    content = copying.block(first_id, len(outputs), packed(inputs, outputs, warnings))
    rows = _rows_of_block(head, middle, found, _marks(warnings, ()), tail)
    copying.write(rows, [content])


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
    head = copying.BEGIN + ask.first_id.bytes[:14]
    found = list(map(summary.of, one.outputs))
    rows += _rows_of_block(head, origin + copying.NULL, found, _marks(warnings, one.cached), tail)


def _rows_of_block(
    head: bytes, middle: bytes, summaries: Sequence[bytes], marks: Mapping[int, bytes], tail: bytes
) -> list[bytes]:
    plain = _PLAIN + tail
    if not marks:
        return [
            b"%b%b%b%b%b" % (head, position.to_bytes(2, "big"), middle, summary, plain)
            for position, summary in enumerate(summaries)
        ]
    return [
        b"%b%b%b%b%b%b"
        % (head, position.to_bytes(2, "big"), middle, summary, marks.get(position, _PLAIN), tail)
        for position, summary in enumerate(summaries)
    ]


def _marks(warned: Collection[int], cached: Iterable[int]) -> dict[int, bytes]:
    """The fields ``warned`` and ``cached`` at positions where one of them is true."""
    found = frozenset(cached)
    if not found and not warned:
        return {}
    return {
        position: (copying.TRUE if position in warned else copying.FALSE)
        + (copying.TRUE if position in found else copying.FALSE)
        for position in found.union(warned)
    }


def _add_rows(rows: list[bytes], one: Answered, origin: bytes, summary: Summaries, tail: bytes) -> None:
    begin = one.ask.first_id.int
    marks = _marks([place for place, found in enumerate(one.ask.warnings) if found], one.cached)
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
                marks.get(position, _PLAIN),
                tail,
            )
        )
