"""What Prometheus reads: what processes of this machine recorded, and how the whole site stands now."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import accumulate

import redis
from django.conf import settings
from django.db import Error as DatabaseError
from django.db.models import Count
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from predictions.models import Job
from predictions.timings import definitions, files
from predictions.timings.sums import Histogram, Labels, Sums

logger = logging.getLogger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "modeldesk_"


def text() -> bytes:
    """Everything in Prometheus' text format. What cannot be asked at the moment is left out."""
    sums = recorded()
    sums.gauges |= {"jobs": _jobs(), "queue_messages": _queue_messages()}
    return generate_latest(_Collected(sums))


def recorded() -> Sums:
    """What the processes that share METRICS_DIR recorded, up to a second ago. Empty where it cannot be read."""
    try:
        return files.read(settings.METRICS_DIR)
    except OSError:
        logger.exception("What was recorded cannot be read.")
        return Sums()


def _jobs() -> dict[Labels, float]:
    try:
        found = Job.objects.order_by().values_list("kind", "status").annotate(count=Count("pk"))
        counted: dict[Labels, float] = {(kind, status): float(count) for kind, status, count in found}
    except DatabaseError:
        return {}
    # A series that comes and goes cannot be compared with itself a minute ago.
    none: dict[Labels, float] = {
        (kind, status): 0.0 for kind in Job.Kind.values for status in Job.Status.values
    }
    return none | counted


def _queue_messages() -> dict[Labels, float]:
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=1) as client:
            return {(name,): float(client.llen(name)) for name in names}
    except (redis.RedisError, OSError):
        return {}


class _Collected(Collector):
    def __init__(self, sums: Sums) -> None:
        self._sums = sums

    def collect(self) -> Iterable[Metric]:
        for metric in definitions.METRICS.values():
            yield from _FAMILIES[metric.kind](metric, self._sums)


def _counter(metric: definitions.Metric, sums: Sums) -> Iterator[Metric]:
    family = CounterMetricFamily(PREFIX + metric.name, metric.words, labels=metric.labels)
    for labels, value in sums.counters.get(metric.name, {}).items():
        family.add_metric(labels, value)
    yield family


def _gauge(metric: definitions.Metric, sums: Sums) -> Iterator[Metric]:
    family = GaugeMetricFamily(PREFIX + metric.name, metric.words, labels=metric.labels)
    for labels, value in sums.gauges.get(metric.name, {}).items():
        family.add_metric(labels, value)
    yield family


def _histogram(metric: definitions.Metric, sums: Sums) -> Iterator[Metric]:
    family = HistogramMetricFamily(PREFIX + metric.name, metric.words, labels=metric.labels)
    for labels, histogram in sums.histograms.get(metric.name, {}).items():
        family.add_metric(labels, _buckets(histogram), histogram.sum)
    yield family


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Each bound with how many values are not above it, as Prometheus counts."""
    bounds = [*map(repr, histogram.bounds), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True))


_FAMILIES = {"counter": _counter, "gauge": _gauge, "histogram": _histogram}
