"""A run's tables say what was measured, and what was not."""

from __future__ import annotations

from typing import Any

from benchmarks import tables
from benchmarks.rounds import summary
from tests.benchmarks.builders import window


def _run(**changes: Any) -> dict[str, Any]:
    names = ("Model Desk", "peer")
    ours, peer = summary([window(names[0], rate=300.0, rows=301)]), summary([window(names[1], rate=100.0)])
    many = {"milliseconds": 40.0, "rows_per_second": 25_000.0}
    report = {
        "subject": "forest",
        "title": "Random forest, 100 trees",
        "peer": "peer",
        "agreement": {name: {"cases": 2, "largest_difference": 1e-7} for name in names},
        "summaries": [ours, peer],
        "many": [{"contestant": name, **many} for name in names],
        "memory_idle": {name: {"all": 1_000_000} for name in names},
        "memory_after": {"Model Desk": {"web": 2_000_000, "postgres": 3_000_000}, "peer": {"all": 1_000_000}},
        "start_seconds": {"Model Desk": 4.0, "peer": 2.0},
    }
    facts = {"processor": "P", "cores": 2, "memory_gib": 8, "system": "S", "python": "3.11"}
    run = {"date": "2026-11-23", "machine": facts, "rounds": 1, "seconds": 10, "is_quick": False}
    return {**run, "command": "benchmarks/run", "versions": {"Django": "5.2"}, "reports": [report], **changes}


def test_our_rows_stand_beside_our_answers() -> None:
    assert "| Model Desk | 16 | 300 (300 to 300) | 1.0 | 3.0 | 200 | 0 | 1 of 300 |" in tables.document(
        _run()
    )


def test_a_peer_without_a_history_is_said_to_keep_nothing() -> None:
    assert "| peer | 16 | 100 (100 to 100) | 1.0 | 3.0 | 200 | 0 | keeps nothing |" in tables.document(_run())


def test_memory_is_the_sum_of_the_parts() -> None:
    line = next(
        line for line in tables.document(_run()).splitlines() if line.startswith("| Model Desk | 40.0")
    )
    assert "| 1 | 5 |" in line


def test_a_quick_run_says_that_it_is_one() -> None:
    assert "A quick run" in tables.document(_run(is_quick=True))
    assert "A quick run" not in tables.document(_run())


def test_the_ratio_is_ours_over_theirs() -> None:
    assert tables.ratios(_run()["reports"]) == ["Random forest, 100 trees, 16 connections: 3.00 × peer"]


def test_a_ratio_of_a_disturbed_window_says_so() -> None:
    run = _run()
    run["reports"][0]["summaries"][1]["is_noisy"] = True
    assert tables.ratios(run["reports"])[0].endswith("3.00 × peer (disturbed by other programs)")
