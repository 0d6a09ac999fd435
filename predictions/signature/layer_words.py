"""A layer in words, for pages and the history of revisions."""

from __future__ import annotations

from typing import Any

from predictions.signature.layer import (
    Bins,
    Constant,
    Expression,
    Layer,
    Made,
    MinMax,
    OneHot,
    Standardise,
    Take,
    ValueMap,
)
from predictions.signature.wording import clean, either, quoted, tidy

MOST_SHOWN = 6
LONGEST_SHOWN = 80


def rule_in_words(made: Made) -> str:
    """How a column is made, without a full stop: ``weight / height ** 2``, ``1 when sex is "male", else 0``."""
    rule: Any = made.rule
    words = {
        Take: lambda: f"{clean(rule.of)} as it is",
        ValueMap: lambda: f"{clean(rule.of)}, where {_pairs(rule)}",
        OneHot: lambda: _one_hot(rule),
        Expression: lambda: clean(rule.text, LONGEST_SHOWN),
        Bins: lambda: f"{clean(rule.of)} in {len(rule.results)} bins",
        Constant: lambda: f"always {quoted(rule.value)}",
        Standardise: lambda: f"({clean(rule.of)} - {tidy(rule.mean)}) / {tidy(rule.deviation)}",
        MinMax: lambda: f"{clean(rule.of)} from {tidy(rule.minimum)} to {tidy(rule.maximum)} as 0 to 1",
    }
    return words[type(rule)]()


def _pairs(rule: ValueMap) -> str:
    shown = [f"{quoted(given)} is sent as {quoted(sent)}" for given, sent in rule.pairs[:MOST_SHOWN]]
    more = len(rule.pairs) - len(shown)
    return f"{', '.join(shown)}{f' and {more} more' if more else ''}"


def _one_hot(rule: OneHot) -> str:
    values = either([quoted(value) for value in rule.equals[:MOST_SHOWN]])
    return f"1 when {clean(rule.of)} is {'anything but ' if rule.rest else ''}{values}, else 0"


def layer_changes(old: Layer | None, new: Layer | None) -> list[str]:
    """One sentence for each column or derived value that is made in another way."""
    if new is None:
        return [] if old is None else ["The layer was taken away: people give the model's own columns."]
    before = {} if old is None else {made.name: made for made in (*old.derived, *old.columns)}
    found = []
    for made in (*new.derived, *new.columns):
        if before.get(made.name) != made and not (old is None and _is_plain(made)):
            found.append(f"{clean(made.name)}: made as {rule_in_words(made)}.")
    kept = {made.name for made in new.derived}
    gone = [] if old is None else [made.name for made in old.derived if made.name not in kept]
    return found + [f"{clean(name)}: derived no more." for name in gone]


def _is_plain(made: Made) -> bool:
    return isinstance(made.rule, Take) and made.rule.of == made.name
