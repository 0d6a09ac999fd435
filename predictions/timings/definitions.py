"""What is recorded: names, labels, buckets. Labels never hold what a person typed or who asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

STAGES: Final = ("admit", "parse", "validate", "queue", "infer", "insert", "reply", "render")
"""The stages of an answer in their order; together they are the total, but for what happens between the marks.

admit: middlewares, who asks, may they, how often; parse: from the body to values; validate: by the signature; queue:
from there until a worker begins; infer: in the runtime; insert: storing and its commit; reply: from the commit until
the caller goes on, with what else the worker does; render: from answers to the body.
"""
ADMIT: Final = 0
PARSE: Final = 1
VALIDATE: Final = 2
QUEUE: Final = 3
INFER: Final = 4
INSERT: Final = 5
REPLY: Final = 6
RENDER: Final = 7

SECONDS: Final = tuple(float(f"{1e-5 * 1.5**step:.3g}") for step in range(37))
"""From 10 us to 22 s by a factor of 1.5: a quantile read between two of them is a few percent off."""
SIZES: Final = tuple(float(2**step) for step in range(14))

MOST_NAMES: Final = 200
"""So many values one label takes in one process; further ones are counted together."""
OTHERS: Final = "others"


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing that is recorded; ``name`` without the prefix and suffix that Prometheus sees."""

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    words: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


METRICS: Final = {
    metric.name: metric
    for metric in (
        Metric(
            "stage_seconds",
            "histogram",
            "Where the time of answered requests went.",
            ("ml_model", "face", "stage"),
            SECONDS,
        ),
        Metric(
            "request_seconds",
            "histogram",
            "Answered requests, from where Django got them to the end of their body.",
            ("ml_model", "face"),
            SECONDS,
        ),
        Metric(
            "requests",
            "counter",
            "Requests for answers by what came of them: ok, or the code of the error.",
            ("ml_model", "face", "outcome"),
        ),
        Metric("rows", "counter", "Cases answered.", ("ml_model", "face")),
        Metric("group_requests", "histogram", "Requests that shared one message to a worker.", (), SIZES),
        Metric("group_rows", "histogram", "Cases that shared one message to a worker.", (), SIZES),
        Metric(
            "cache_lookups",
            "counter",
            "Looks for an answer given before, by outcome: hit or miss.",
            ("outcome",),
        ),
        Metric("rows_waiting", "gauge", "Cases waiting in web processes to be sent to a worker."),
        Metric("loaded_runtimes", "gauge", "Models in the memory of workers."),
        Metric("jobs", "gauge", "Background runs by kind and status.", ("kind", "status")),
        Metric("queue_messages", "gauge", "Messages that no worker has taken yet.", ("queue",)),
    )
}
