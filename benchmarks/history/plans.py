"""Whether PostgreSQL reads more of the history than a page needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

from predictions.selectors.history_parts import HISTORY
from predictions.selectors.review_queue import WINDOW_ROWS

MOST_ROWS = 3 * WINDOW_ROWS
"""More than a page may read: a window of what one asked in two ways, and where it ends."""

SMALL_ROWS = 2_000
"""Parts that small are read whole with good reason."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a statement, in words."""

    words: str
    statement: str


def findings(statements: list[str]) -> list[Finding]:
    """Of the statements that read the history: whole parts read, too many rows read, or all of them counted."""
    found = []
    for statement in statements:
        if HISTORY not in statement or not statement.lstrip("( ").startswith(("SELECT", "WITH")):
            continue
        nodes = list(_nodes(_plan(statement)))
        read = sum(_rows(node) for node in nodes if _reads_history(node))
        whole = [node for node in nodes if node["Node Type"] == "Seq Scan" and _reads_history(node)]
        if any(_rows(node) > SMALL_ROWS for node in whole):
            found.append(Finding("reads a whole part", statement))
        if read > MOST_ROWS:
            found.append(Finding(f"reads {read:,.0f} rows", statement))
    return found


def _plan(statement: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        # As it was sent: there is nothing to fill in any more.
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON, COSTS OFF) " + statement.replace("%", "%%"), [])
        plan: dict[str, Any] = cursor.fetchone()[0][0]["Plan"]
        return plan


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _reads_history(node: dict[str, Any]) -> bool:
    return str(node.get("Relation Name", "")).startswith(HISTORY + "_")


def _rows(node: dict[str, Any]) -> float:
    """Rows that a node looked at, also those it threw away."""
    thrown_away = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float((node["Actual Rows"] + thrown_away) * node["Actual Loops"])
