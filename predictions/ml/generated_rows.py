"""Rows on which a converted artifact is compared with the original: ordinary ones and those that break conversions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from predictions.ml.columns import ColumnFacts
from predictions.portable import Literal, Value, pairs
from predictions.signature.fields import Field, Signature

RowKind = Literal["sample", "generated", "boundary", "extreme", "missing", "unseen", "threshold"]

ODD_TEXTS = (
    "",
    " ",
    "a",
    "I",
    "UPPER lower MiXeD",
    "semi;colon, comma. stop! why? (so) [it] \"is\" 'here'",
    "under_score e-mail@example.org 3.14 2026-11-23 x1",
    "caf\u00e9 na\u00efve \u00c9COLE stra\u00dfe \u4f60\u597d \u0434\u043e\u043c \U0001f600",
    "line\nbreak\ttab  double  space",
    "o'neil's don't",
)
TYPED = 0.5
UNKNOWN_SPAN = (-3.0, 3.0)
"""Where values are drawn when nothing is known of a number: it may be standardized."""
UNSEEN_TEXT = "a category never seen"


@dataclass(frozen=True)
class CheckRow:
    """One row to compare on, why it is there, and the places that were set for that reason."""

    kind: RowKind
    values: tuple[Value, ...]
    touched: tuple[int, ...] = ()


def check_rows(
    signature: Signature,
    columns: Sequence[ColumnFacts],
    sample: Sequence[tuple[Value, ...]] = (),
    words: Sequence[str] = (),
    *,
    count: int = 200,
    seed: int = 20,
) -> list[CheckRow]:
    """About five times ``count`` rows in signature order, the same for the same ``seed``.

    Sample rows that the signature would refuse (missing where it must not be) are left out.
    """
    maker = _Maker(signature, columns, words, np.random.default_rng(seed))
    given = [CheckRow("sample", row) for row in sample if _accepted(row, signature.inputs)][:count]
    rows = given + [CheckRow("generated", maker.row()) for _ in range(count)]
    if any(is_unbounded(field, facts) for field, facts in pairs(signature.inputs, columns)):
        # Most quantities are not negative, and an estimator that takes their logarithm answers nothing else.
        rows += [CheckRow("generated", maker.nonnegative(row.values)) for row in rows[-(count // 2) :]]
    bases = [row.values for row in rows]
    rows += maker.boundaries(bases, count // 2)
    rows += maker.missing(bases, count // 2)
    rows += maker.unseen(bases, count // 2)
    rows += maker.at_thresholds(bases, 2 * count)
    return rows


def _accepted(row: Sequence[Value], fields: Sequence[Field]) -> bool:
    return all(value is not None or field.nullable for value, field in pairs(row, fields))


class _Maker:
    def __init__(
        self,
        signature: Signature,
        columns: Sequence[ColumnFacts],
        words: Sequence[str],
        random: np.random.Generator,
    ) -> None:
        self.fields = signature.inputs
        self.columns = columns
        self.words = list(words) or ["good", "bad", "new", "old"]
        self.random = random

    def row(self) -> tuple[Value, ...]:
        return tuple(self.value(field, facts) for field, facts in pairs(self.fields, self.columns))

    def nonnegative(self, row: Sequence[Value]) -> tuple[Value, ...]:
        """The row with numbers above zero wherever nothing says what range they have."""
        return tuple(
            abs(value) if is_unbounded(field, facts) and isinstance(value, (int, float)) else value
            for value, field, facts in zip(row, self.fields, self.columns)
        )

    def value(self, field: Field, facts: ColumnFacts) -> Value:
        if field.kind == "choice":
            return field.choices[int(self.random.integers(len(field.choices)))].value
        if field.kind == "boolean":
            return bool(self.random.integers(2))
        if field.kind == "text":
            return self.text()
        low, high = span_of(field, facts)
        number = float(self.random.uniform(low, high))
        if field.kind == "integer":
            return round(number)
        # As people type: trees divide halfway between such numbers, where rounding decides.
        digits = int(self.random.integers(1, 5))
        return float(f"{number:.{digits}g}") if self.random.random() < TYPED else number

    def text(self) -> str:
        if self.random.random() < 0.15:
            return str(ODD_TEXTS[int(self.random.integers(len(ODD_TEXTS)))])
        picked = [
            self.words[int(place)]
            for place in self.random.integers(len(self.words), size=self.random.integers(1, 25))
        ]
        if self.random.random() < 0.3:
            picked[0] = picked[0].upper()
            picked.append("zzunknownzz!")
        return str(" ".join(picked))

    def boundaries(self, bases: list[tuple[Value, ...]], count: int) -> Iterator[CheckRow]:
        """Each number at the ends of its range, then far beyond and at zero; odd texts one by one."""
        numeric = [place for place, field in enumerate(self.fields) if field.kind in ("number", "integer")]
        for at in range(count if numeric else 0):
            place = numeric[at % len(numeric)]
            field = self.fields[place]
            low, high = span_of(field, self.columns[place])
            far = 10 * (high - low)
            beyond = (
                [low - far, high + far, 0.0]
                if field.minimum is None and field.maximum is None
                else [low, high]
            )
            value = [low, high, *beyond][at // len(numeric) % (2 + len(beyond))]
            kind: RowKind = "boundary" if value in (low, high) else "extreme"
            yield self._changed(kind, bases, at, place, round(value) if field.kind == "integer" else value)
        for place, field in enumerate(self.fields):
            if field.kind == "text":
                yield from (
                    self._changed("extreme", bases, at, place, text) for at, text in enumerate(ODD_TEXTS)
                )

    def missing(self, bases: list[tuple[Value, ...]], count: int) -> Iterator[CheckRow]:
        """Each nullable input missing alone, then a few together, then all of them."""
        nullable = [place for place, field in enumerate(self.fields) if field.nullable]
        for at in range(count if nullable else 0):
            if at < len(nullable) or self.random.random() < 0.3:
                chosen = [nullable[at % len(nullable)]]
            else:
                chosen = self.random.choice(
                    nullable, size=self.random.integers(1, len(nullable) + 1)
                ).tolist()
            yield self._without(bases, at, chosen)
        if nullable:
            yield self._without(bases, 0, nullable)

    def unseen(self, bases: list[tuple[Value, ...]], count: int) -> Iterator[CheckRow]:
        """Categories outside the list where the estimator takes them."""
        open_ = [
            place
            for place, field in enumerate(self.fields)
            if field.kind == "choice" and field.unseen == "warn"
        ]
        for at in range(count if open_ else 0):
            place = open_[at % len(open_)]
            values = [choice.value for choice in self.fields[place].choices]
            numeric = all(isinstance(value, (int, float)) for value in values)
            other = max(values) + 1 if numeric else UNSEEN_TEXT  # type: ignore[operator]
            yield self._changed("unseen", bases, at, place, other)

    def at_thresholds(self, bases: list[tuple[Value, ...]], count: int) -> Iterator[CheckRow]:
        """Values at a split point, one float32 step to either side, and less than such a step beside it."""
        splits = [
            (place, value)
            for place, facts in enumerate(self.columns)
            if self.fields[place].kind == "number"
            for value in sorted(facts.thresholds)
        ]
        if not splits:
            return
        for at, chosen in enumerate(self.random.integers(len(splits), size=count // 5).tolist()):
            place, value = splits[chosen]
            single = np.float32(value)
            nearby = [
                value,
                float(np.nextafter(single, np.float32(np.inf))),
                float(np.nextafter(single, np.float32(-np.inf))),
                float(np.nextafter(value, np.inf)),
                float(np.nextafter(value, -np.inf)),
            ]
            yield from (self._changed("threshold", bases, at, place, near) for near in nearby)

    def _changed(
        self, kind: RowKind, bases: list[tuple[Value, ...]], at: int, place: int, value: Value
    ) -> CheckRow:
        row = list(bases[(at * 7) % len(bases)])
        row[place] = value
        return CheckRow(kind, tuple(row), (place,))

    def _without(self, bases: list[tuple[Value, ...]], at: int, places: Sequence[int]) -> CheckRow:
        row = list(bases[(at * 7) % len(bases)])
        for place in places:
            row[place] = None
        return CheckRow("missing", tuple(row), tuple(sorted(set(places))))


def is_unbounded(field: Field, facts: ColumnFacts) -> bool:
    """Does nothing say what range a number has?"""
    return field.kind in ("number", "integer") and span_of(field, facts) == UNKNOWN_SPAN


def span_of(field: Field, facts: ColumnFacts) -> tuple[float, float]:
    """From where to where values are drawn: the signature's range, the facts', else around zero."""
    low = field.minimum if field.minimum is not None else field.soft_minimum
    high = field.maximum if field.maximum is not None else field.soft_maximum
    if low is None or high is None:
        low, high = facts.low, facts.high
    if (low is None or high is None) and facts.thresholds:
        low, high = min(facts.thresholds), max(facts.thresholds)
    if low is None or high is None:
        return UNKNOWN_SPAN
    return (low, high) if high > low else (low - 1.0, high + 1.0)
