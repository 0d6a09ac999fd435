"""Small stand-ins for running servers and finished windows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.cases import Subject
from benchmarks.contestants import Contestant, by_probability, rows_under
from benchmarks.load import Load
from benchmarks.rounds import Window


def contestant(name: str = "peer", **changes: Any) -> Contestant:
    """One that nobody connects to."""
    values: dict[str, Any] = {
        "name": name,
        "url": "http://127.0.0.1:1/predict",
        "settings": "none",
        "body_of": rows_under("inputs"),
        "answers_in": lambda said: by_probability(said["probabilities"]),
        "processes": dict,
        "start_seconds": 1.0,
    }
    return Contestant(**{**values, **changes})


def subject() -> Subject:
    """Two cases of two numbers and two classes."""
    return Subject(
        name="forest",
        file=Path("forest.joblib"),
        sample=Path("rows.csv"),
        features=("a", "b"),
        rows=((1.0, 2.0), (3.0, 4.0)),
        labels=(0, 1),
        probabilities=((0.75, 0.25), (0.125, 0.875)),
    )


def window(name: str = "peer", *, rate: float = 100.0, rows: int | None = None, **changes: Any) -> Window:
    """A window of one second."""
    load = Load(seconds=1.0, answered=int(rate), refused=0, broken=0, p50=1.0, p90=2.0, p99=3.0, longest=4.0)
    values: dict[str, Any] = {
        "contestant": name,
        "connections": 16,
        "load": load,
        "rows": rows,
        "cpu_us": 200.0,
        "loop_ms": 12.0,
        "idle_rival_cores": 0.0,
        "other_cores": 0.0,
        "load_average": 1.0,
    }
    return Window(**{**values, **changes})
