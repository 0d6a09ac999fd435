"""One subject, us and one peer: agreement first, then the load in turn, many rows at once, and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import agreement, http_calls, load, machine
from benchmarks.agreement import DisagreementError
from benchmarks.cases import Row, Subject
from benchmarks.contestants import Answer, Contestant
from benchmarks.processes import proportional_bytes
from benchmarks.rounds import CONNECTIONS, LostRowsError, Plan, Window, alternate, settle, summary
from benchmarks.site import Site

MANY = 1000
CALLERS = 16


def compare(
    site: Site, ours: Contestant, peer: Contestant, subject: Subject, plan: Plan, folder: Path
) -> dict[str, Any]:
    """Everything measured about ``subject``, as it goes into the JSON file.

    Raises DisagreementError, LostRowsError, LoadError, RefusedError: a run with one of these has no result.
    """
    contestants = [ours, peer]
    report: dict[str, Any] = {"subject": subject.name, "title": subject.title, "peer": peer.name}
    report["agreement"] = {one.name: _agreement(one, subject, site) for one in contestants}
    memory_idle = {one.name: memory(one) for one in contestants}
    bodies = {
        one.name: load.write_bodies(
            [one.body_of([row]) for row in subject.rows], folder / f"{one.name}.bodies"
        )
        for one in contestants
    }
    report["windows"], report["summaries"] = [], []
    for connections in CONNECTIONS:
        windows = list(_told(alternate(contestants, bodies, connections, plan)))
        report["windows"] += [window.document() for window in windows]
        for one in contestants:
            report["summaries"].append(summary([w for w in windows if w.contestant == one.name]))
    report["many"] = [many_at_once(one, subject.rows, plan) for one in (ours, peer, ours, peer)]
    report["memory_idle"] = memory_idle
    report["memory_after"] = {one.name: memory(one) for one in contestants}
    report["start_seconds"] = {one.name: one.start_seconds for one in contestants}
    report["commands"] = {
        one.name: _shown(load.command(one, bodies[one.name], connections=64, seconds=plan.seconds))
        for one in contestants
    }
    return report


def many_at_once(contestant: Contestant, rows: Sequence[Row], plan: Plan) -> dict[str, Any]:
    """MANY rows in one request, one request after the other. Raises LostRowsError."""
    body = contestant.body_of([rows[place % len(rows)] for place in range(MANY)])
    before = settle(contestant)
    taken = http_calls.one_after_the_other(contestant, body, plan.seconds)
    after = settle(contestant)
    stored = None if before is None or after is None else after - before
    # One more than was timed: the first request only opens the connection.
    if stored is not None and stored != MANY * (len(taken) + 1):
        raise LostRowsError(f"{len(taken) + 1} requests of {MANY} rows left {stored} rows.")
    print(f"  {contestant.name}: {MANY} rows in {median(taken) * 1000:.1f} ms", flush=True)
    return {
        "contestant": contestant.name,
        "requests": len(taken),
        "body_bytes": len(body),
        "milliseconds": median(taken) * 1000,
        "rows_per_second": MANY * len(taken) / sum(taken),
        "rows": stored,
        "load_average": machine.load_average(),
    }


def memory(contestant: Contestant) -> dict[str, int]:
    """Proportional bytes by part."""
    return {part: proportional_bytes(processes) for part, processes in contestant.processes().items()}


def _agreement(contestant: Contestant, subject: Subject, site: Site) -> dict[str, Any]:
    answers = http_calls.ask_all(contestant, subject.rows, callers=CALLERS)
    found = agreement.compare(contestant.name, subject, answers)
    if contestant.count_rows is not None:
        ids = [answer.id or "" for answer in answers]
        check_history(subject, answers, site.stored(ids))
    print(
        f"  {contestant.name}: {found.cases} answers equal scikit-learn's (at most {found.largest_difference:.1e} apart)",
        flush=True,
    )
    return asdict(found)


def check_history(subject: Subject, answers: Sequence[Answer], stored: dict[str, dict[str, Any]]) -> None:
    """Each answer's id finds its own case and its own answer. Raises DisagreementError, LostRowsError."""
    for place, answer in enumerate(answers):
        row = stored.get(answer.id or "")
        if row is None:
            raise LostRowsError(f"The answer to case {place} is not in the history.")
        shares = tuple(row["outputs"]["probabilities"].values())
        if row["inputs"] != list(subject.rows[place]) or shares != answer.probabilities:
            raise DisagreementError(f"The history holds something else for case {place}.")


def _told(windows: Any) -> Any:
    for window in windows:
        _tell(window)
        yield window


def _tell(window: Window) -> None:
    kept = "" if window.rows is None else f", {window.rows} rows"
    print(
        f"  {window.contestant}, {window.connections} connections: {window.load.rate:.0f}/s, "
        f"{window.load.p50:.1f}/{window.load.p99:.1f} ms, {window.load.errors} errors{kept}, "
        f"{window.cpu_us:.0f} us of processor an answer, {window.other_cores:.2f} cores busy elsewhere",
        flush=True,
    )


def _shown(command: Sequence[str]) -> str:
    parts = ["Authorization: Bearer KEY" if part.startswith("Authorization:") else part for part in command]
    return " ".join(
        f"'{part}'" if " " in part else Path(part).name if "/" in part and "://" not in part else part
        for part in parts
    )
