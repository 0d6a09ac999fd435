"""Which known word somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

MAX_COMPARED = 500
"""Words compared letter by letter; the cheap comparisons before it see MAX_SCANNED."""
MAX_SCANNED = 20_000
MAX_WORD = 100
CUTOFF = 0.6


def suggestion(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like ``word``, or None when none is near. Bounded work for any input."""
    if len(word) > MAX_WORD:
        return None
    wanted = _plain(word)
    near: list[str] = []
    for candidate in islice(candidates, MAX_SCANNED):
        if candidate != word and _plain(candidate) == wanted:
            return candidate
        if len(near) < MAX_COMPARED and _may_match(word, candidate):
            near.append(candidate)
    lowered = {candidate.lower(): candidate for candidate in near if candidate != word}
    found = get_close_matches(word.lower(), lowered, n=1, cutoff=CUTOFF)
    return lowered[found[0]] if found else None


def _plain(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())


def _may_match(word: str, candidate: str) -> bool:
    """False when lengths alone keep difflib's ratio, 2 * matches / total, below the cutoff."""
    total = len(word) + len(candidate)
    return total > 0 and 2 * min(len(word), len(candidate)) / total >= CUTOFF
