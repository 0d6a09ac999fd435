"""Throughput against latency as an SVG: python draw.py RESULT.JSON PICTURE.SVG, in the picture's own environment."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import altair as alt

WIDTH, HEIGHT = 330, 230
INK, QUIET = "#1a1e21", "#545c64"
COLORS = ["#0a6570", "#b4552d", "#6b5ca5", "#8a7a1f", "#3f7d4e", "#a23b72"]


def points(run: dict[str, Any]) -> list[dict[str, Any]]:
    """One point per contestant, subject, number of connections and percentile; ours once, from its first pair."""
    seen: set[tuple[Any, ...]] = set()
    found = []
    for report in run["reports"]:
        for one in report["summaries"]:
            key = (report["title"], one["contestant"], one["connections"])
            if key in seen:
                continue
            seen.add(key)
            for percentile in ("p50", "p99"):
                found.append(
                    {
                        "subject": report["title"],
                        "contestant": one["contestant"],
                        "connections": one["connections"],
                        "rate": one["rate"],
                        "percentile": {"p50": "median", "p99": "99th percentile"}[percentile],
                        "milliseconds": one[percentile],
                    }
                )
    return found


def chart(run: dict[str, Any]) -> alt.FacetChart:
    """A panel per subject and percentile; lines join 1, 16 and 64 connections."""
    found = points(run)
    names = list(dict.fromkeys(point["contestant"] for point in found))
    base = alt.Chart().encode(
        x=alt.X("rate:Q", title="answers per second", scale=alt.Scale(zero=True)),
        y=alt.Y(
            "milliseconds:Q",
            title="latency, ms",
            scale=alt.Scale(type="log", nice=False),
            axis=alt.Axis(tickCount=5),
        ),
        color=alt.Color(
            "contestant:N", title=None, scale=alt.Scale(domain=names, range=COLORS[: len(names)])
        ),
        order="connections:Q",
    )
    panel = alt.layer(
        base.mark_line(strokeWidth=2),
        base.mark_point(filled=True, size=45, opacity=1),
        base.mark_text(dy=-10, fontSize=11).encode(text="connections:Q"),
        data=alt.Data(values=found),
    ).properties(width=WIDTH, height=HEIGHT)
    notes = [
        "Each point: 1, 16 or 64 connections, as written beside it. Right and down is better.",
        "Model Desk stores each answer in PostgreSQL before it is sent; the others keep nothing. It is drawn from its first pair;",
        "the table has every pair, and only pairs were measured at the same time.",
        *(
            ["A quick run on a busy machine: it shows that everything works, not how fast."]
            if run["is_quick"]
            else []
        ),
    ]
    return (
        panel.facet(
            row=alt.Row("percentile:N", title=None, sort=["median", "99th percentile"]),
            column=alt.Column("subject:N", title=None),
        )
        .resolve_scale(x="independent", y="independent")
        .properties(title=alt.Title(f"Throughput and latency, {run['date']}", subtitle=notes, anchor="start"))
        .configure(font="system-ui, sans-serif", background="#ffffff")
        .configure_title(color=INK, subtitleColor=QUIET, fontSize=16, offset=14)
        .configure_axis(labelColor=QUIET, titleColor=QUIET, gridColor="#dce0e3", titleFontWeight="normal")
        .configure_header(labelColor=INK, labelFontSize=13)
        .configure_legend(orient="top", labelFontSize=12)
    )


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    chart(json.loads(source.read_text())).save(str(target), format="svg")
