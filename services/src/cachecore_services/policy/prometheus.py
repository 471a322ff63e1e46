"""Metrics of a policy cache for Prometheus: ``REGISTRY.register(PolicyCollector(cache))``."""

# mypy: disable-error-code="import-not-found,misc,no-any-return"

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from ..extras import needs

needs("prometheus", "prometheus_client")

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from ..latency import LATENCY_BOUNDS_NS
from .cache import PolicyCache

_POWERS: Final = range(10, 31)  # the buckets from about a microsecond to about a second


class PolicyCollector:
    """``cachecore_policy_*`` for a policy cache, whichever store it has."""

    def __init__(self, cache: PolicyCache) -> None:
        self.cache = cache

    def describe(self) -> Iterable[Metric]:
        return []

    def collect(self) -> Iterable[Metric]:
        metrics = self.cache.get_metrics()
        labels = [metrics["implementation"]]

        def counter(name: str, text: str, values: dict[str, int], label: str) -> Metric:
            family = CounterMetricFamily(
                f"cachecore_policy_{name}", text, labels=["implementation", label]
            )
            for key, value in values.items():
                family.add_metric([*labels, key], value)
            return family

        outcomes = {
            "hit": metrics["hits"],
            "stale": metrics["stale_hits"],
            "miss": metrics["misses"],
            "error": self.cache.metrics.failed_reads,
        }
        yield counter("requests", "Lookups by result", outcomes, "result")
        errors = metrics["errors_by_operation"]
        yield counter("errors", "Failures by operation", errors, "operation")
        background = {"revalidated": metrics["revalidations"], "evicted": metrics["evictions"]}
        yield counter("decisions", "What became of decisions", background, "event")
        latency = self.cache.metrics.cache_latency
        duration = HistogramMetricFamily(
            "cachecore_policy_lookup_duration_seconds", "Lookups", labels=["implementation"]
        )
        below = list(accumulate(latency.buckets))
        buckets = [(str(LATENCY_BOUNDS_NS[power] / 1e9), below[power]) for power in _POWERS]
        duration.add_metric(labels, [*buckets, ("+Inf", below[-1])], latency.sum_ns / 1e9)
        yield duration
