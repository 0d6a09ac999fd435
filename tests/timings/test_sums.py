"""Adding up: exact where it can be, and within a bucket where not."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from predictions.timings.definitions import METRICS, SECONDS
from predictions.timings.sums import Histogram, Sums


def test_bounds_are_fine_enough_from_ten_microseconds_to_twenty_seconds() -> None:
    assert SECONDS[0] == 1e-5
    assert SECONDS[-1] > 20
    assert all(1.4 < later / earlier < 1.6 for earlier, later in pairwise(SECONDS))


def test_a_value_on_a_bound_belongs_below_it() -> None:
    """As Prometheus' `le` says."""
    histogram = Histogram.empty((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5):
        histogram.add(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.sum == 7.5


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_quantile_is_near_the_real_one(share: float) -> None:
    chance = random.Random(7)
    values = sorted(chance.lognormvariate(-6, 1) for _ in range(20_000))
    histogram = Histogram.empty(SECONDS)
    for value in values:
        histogram.add(value)
    assert histogram.quantile(share) == pytest.approx(values[int(share * len(values))], rel=0.1)


def test_quantiles_at_the_edges() -> None:
    histogram = Histogram.empty((1.0, 2.0))
    assert histogram.quantile(0.5) == 0
    histogram.add(100.0)
    assert histogram.quantile(0.5) == 2.0


def test_taking_out_what_was_there_before_leaves_what_came_since() -> None:
    before, now = Histogram.empty(SECONDS), Histogram.empty(SECONDS)
    for value in (0.1, 0.2):
        before.add(value)
    for value in (0.1, 0.2, 0.3):
        now.add(value)
    now.merge(before, -1)
    assert now.count == 1
    assert now.sum == pytest.approx(0.3)
    assert now.quantile(0.5) == pytest.approx(0.3, rel=0.25)


def test_merging_adds_every_series_and_leaves_out_what_another_version_recorded() -> None:
    one, other = Sums(), Sums()
    for sums in (one, other):
        sums.increase("rows", ("iris", "api"), 2.0)
        sums.histogram("group_rows").add(4)
        sums.gauges["rows_waiting"] = {(): 3.0}
    other.histograms["gone"] = {(): Histogram.empty((1.0,))}
    other.histograms["group_requests"] = {(): Histogram((5.0,), [1, 0], 1.0)}
    one.merge(other)
    assert one.counters["rows"]["iris", "api"] == 4
    assert one.histograms["group_rows"][()].count == 2
    assert one.gauges["rows_waiting"][()] == 6
    assert one.histograms["group_requests"][()].count == 0
    assert "gone" not in one.histograms


def test_no_metric_is_labelled_with_who_asks() -> None:
    labels = {label for metric in METRICS.values() for label in metric.labels}
    assert labels == {"ml_model", "face", "stage", "outcome", "kind", "status", "queue"}
