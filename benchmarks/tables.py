"""A run's JSON as tables that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MANY_HEAD = "1,000 rows in one request"
NOISE = "`*`: other programs used more than 0.15 of a core in one of its windows; the figure is too low."

PACE = (
    "Fixed loop: the same Python statements just before each window, median. It says how fast the machine was then; where it differs, "
    "compare a pair of lines and not lines far from each other."
)


def document(run: Mapping[str, Any]) -> str:
    """The whole run as Markdown."""
    facts = run["machine"]
    lines = [
        f"# Measured on {run['date']}",
        "",
        f"{facts['processor']}, {facts['cores']} cores for servers and load generator together, {facts['memory_gib']} GiB, "
        f"{facts['system']}, Python {facts['python']}. {run['rounds']} windows of {run['seconds']} s for each figure, in turn; "
        "medians.",
        "",
        *(
            [
                "**A quick run on a machine that did other things as well: it shows that everything works, not how fast.**",
                "",
            ]
            if run["is_quick"]
            else []
        ),
        f"Command: `{run['command']}`. Versions: {', '.join(f'{name} {value}' for name, value in run['versions'].items())}.",
        "",
    ]
    for title in dict.fromkeys(report["title"] for report in run["reports"]):
        reports = [report for report in run["reports"] if report["title"] == title]
        lines += [f"## {title}", "", *throughput(reports), "", *rest(reports), ""]
    lines += [NOISE, "", PACE, ""]
    return "\n".join(lines)


def throughput(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """Answers per second and latencies by number of connections; a line for each contestant of each pair."""
    lines = [
        "| | connections | answers/s (lowest to highest window) | p50 ms | p99 ms | processor µs an answer | errors | rows − answers "
        "| fixed loop, ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for report in reports:
        for one in report["summaries"]:
            lines.append(_throughput_line(one))
    return lines


def rest(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """Many rows at once, memory, start, and how far the answers are from scikit-learn's."""
    lines = [
        f"| | {MANY_HEAD}: ms | rows/s | memory idle, MB | memory after the load, MB | start to first answer, s | largest difference |",
        "|---|---|---|---|---|---|---|",
    ]
    for report in reports:
        for name in report["start_seconds"]:
            lines.append(_rest_line(report, name))
    return lines


def ratios(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """How many times as many answers as the peer, in words, at each number of connections."""
    said = []
    for report in reports:
        for connections in dict.fromkeys(one["connections"] for one in report["summaries"]):
            pair = [one for one in report["summaries"] if one["connections"] == connections]
            theirs = next(one for one in pair if one["contestant"] == report["peer"])
            ours = next(one for one in pair if one["contestant"] != report["peer"])
            times = ours["rate"] / theirs["rate"] if theirs["rate"] else float("inf")
            disturbed = " (disturbed by other programs)" if ours["is_noisy"] or theirs["is_noisy"] else ""
            said.append(
                f"{report['title']}, {connections} connections: {times:.2f} × {report['peer']}{disturbed}"
            )
    return said


def _throughput_line(one: Mapping[str, Any]) -> str:
    noisy = " `*`" if one["is_noisy"] else ""
    kept = (
        "keeps nothing" if one["rows"] is None else f"{one['rows'] - one['answered']} of {one['answered']:,}"
    )
    return (
        f"| {one['contestant']} | {one['connections']} | {one['rate']:,.0f} ({one['rate_low']:,.0f} to {one['rate_high']:,.0f}){noisy} "
        f"| {one['p50']:.1f} | {one['p99']:.1f} | {one['cpu_us']:,.0f} | {one['errors']} | {kept} | {one['loop_ms']:.0f} |"
    )


def _rest_line(report: Mapping[str, Any], name: str) -> str:
    many = [one for one in report["many"] if one["contestant"] == name]
    fastest = min(many, key=lambda one: one["milliseconds"])
    idle, after = (sum(report[key][name].values()) / 1e6 for key in ("memory_idle", "memory_after"))
    difference = report["agreement"][name]["largest_difference"]
    return (
        f"| {name} | {fastest['milliseconds']:.1f} | {fastest['rows_per_second']:,.0f} | {idle:,.0f} | {after:,.0f} "
        f"| {report['start_seconds'][name]:.1f} | {difference:.1e} |"
    )


def memory(report: Mapping[str, Any], name: str) -> list[str]:
    """Memory of each part of a contestant after the load."""
    parts = report["memory_after"][name]
    lines = ["| part | MB |", "|---|---|"]
    return lines + [f"| {part} | {used / 1e6:,.0f} |" for part, used in parts.items()]
