"""Metrics for Prometheus: pulled from one process, or pushed where there are several.

In one process::

    REGISTRY.register(CacheCollector({"sessions": cache}))

Under gunicorn with PROMETHEUS_MULTIPROC_DIR, prometheus_client ignores collectors.  There, each
worker adds what has happened since the last time to ordinary counters, after the fork::

    CachePusher({"sessions": cache}).start(interval=15)

A cache that processes share needs neither that nor multiprocess mode: a collector in any worker reads
the counters of all.  Where there is multiprocess mode for other metrics, register the collector beside
``MultiProcessCollector``.

A tier (cachecore.tiered) has a collector of its own, beside that of its local cache::

    REGISTRY.register(TierCollector({"prices": tier}))
"""

# mypy: disable-error-code="import-not-found,misc,no-any-return"

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from .extras import needs

needs("prometheus", "prometheus_client")

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ..cache import Cache
from ..errors import CacheCoreError
from ..tiered.health import Health, TierStats
from .measures import COUNTERS, GAUGES, Caches, by_name, readings

log = logging.getLogger("cachecore.prometheus")

_LABELS: Final = ["cache"]

_TIER_COUNTERS: Final = {
    "server_reads": "Keys that the server was asked for",
    "server_hits": "Keys that the server had",
    "late_refused": "Values invalidated while they were fetched, and not stored",
    "invalidated": "Keys that the listener was told of",
    "floors": "Times that everything was given up",
    "stale_served": "Values served although the server was away",
    "unanswered": "Reads that found nothing because the server was away",
    "errors": "Commands that failed",
    "queued": "Writes that were queued",
    "dropped": "Queued writes that the server refused",
}

_TIER_GAUGES: Final = {
    "synced": "1: values of the local cache are served",
    "lag_seconds": "Since the listener last knew that nothing is missing",
    "listening": "1: this process listens for the machine",
    "server_away": "1: this process has given up asking the server",
    "queued_writes": "Writes that wait for the server",
}


def _is_shared(cache: Cache[Any, Any]) -> bool:
    try:
        cache.shared_info()
    except CacheCoreError:  # private, or closed
        return False
    return True


class CacheCollector:
    """``cachecore_*`` for each cache, read when Prometheus asks.  A closed cache is left out."""

    def __init__(self, caches: Caches) -> None:
        self.caches = by_name(caches)

    def describe(self) -> Iterable[Metric]:
        return []  # registering reads nothing

    def collect(self) -> Iterable[Metric]:
        now = readings(self.caches)
        for measures, family in ((COUNTERS, CounterMetricFamily), (GAUGES, GaugeMetricFamily)):
            for measure in measures:
                metric = family(f"cachecore_{measure.name}", measure.help, labels=_LABELS)
                for name, reading in now.items():
                    metric.add_metric([name], float(measure.read(reading)))
                yield metric


class Tiered(Protocol):
    """A TieredCache or an AsyncTieredCache."""

    def health(self) -> Health: ...
    def stats(self) -> TierStats: ...


class TierCollector:
    """``cachecore_tier_*`` for each tier of this process, read when Prometheus asks."""

    def __init__(self, tiers: Mapping[str, Tiered]) -> None:
        self.tiers = dict(tiers)

    def describe(self) -> Iterable[Metric]:
        return []  # registering reads nothing

    def collect(self) -> Iterable[Metric]:
        now = {name: (tier.stats(), tier.health()) for name, tier in self.tiers.items()}
        for field, text in _TIER_COUNTERS.items():
            metric = CounterMetricFamily(f"cachecore_tier_{field}", text, labels=["tier"])
            for name, (stats, _) in now.items():
                metric.add_metric([name], float(getattr(stats, field)))
            yield metric
        for field, text in _TIER_GAUGES.items():
            gauge = GaugeMetricFamily(f"cachecore_tier_{field}", text, labels=["tier"])
            for name, (_, health) in now.items():
                value = getattr(health, field.removesuffix("_seconds").removesuffix("_writes"))
                gauge.add_metric([name], float("nan") if value is None else float(value))
            yield gauge


class CachePusher:
    """Adds to ordinary counters what has happened since the last time.

    Works in prometheus_client's multiprocess mode: counters add up over the workers, gauges over
    those that live.  Make it in the worker, after the fork; one for a registry.
    """

    def __init__(self, caches: Caches, registry: CollectorRegistry | None = REGISTRY) -> None:
        self.caches = by_name(caches)
        for name, cache in self.caches.items():
            if _is_shared(cache):
                raise ValueError(
                    f"the counters of {name!r} are those of all processes, and would be added up:"
                    " register a CacheCollector"
                )
        self._counters = [
            (
                measure,
                Counter(f"cachecore_{measure.name}", measure.help, _LABELS, registry=registry),
            )
            for measure in COUNTERS
        ]
        self._gauges = [
            (
                measure,
                Gauge(
                    f"cachecore_{measure.name}",
                    measure.help,
                    _LABELS,
                    registry=registry,
                    multiprocess_mode="livesum",
                ),
            )
            for measure in GAUGES
        ]
        self._pushed: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def push(self) -> None:
        """Reads every cache once.  From any thread."""
        with self._lock:
            for name, reading in readings(self.caches).items():
                for measure, counter in self._counters:
                    total = measure.read(reading)
                    before = self._pushed.get((name, measure.name), 0)
                    # Less than before: the counters were reset meanwhile.
                    counter.labels(name).inc(total - before if total >= before else total)
                    self._pushed[name, measure.name] = total
                for measure, gauge in self._gauges:
                    gauge.labels(name).set(measure.read(reading))

    def start(self, interval: float = 15) -> None:
        """Pushes every so many seconds from a daemon thread; RuntimeError if it does already."""
        if not interval > 0:
            raise ValueError("interval must be greater than 0")
        if self._thread is not None and self._thread.is_alive():
            raise RuntimeError("the pusher has been started")
        self._stopping.clear()
        arguments = (interval,)
        self._thread = threading.Thread(
            target=self._run, args=arguments, name="cachecore-push", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Pushes a last time and ends the thread, if there is one."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.push()

    def _run(self, interval: float) -> None:
        while not self._stopping.wait(interval):
            try:
                self.push()
            except Exception:
                log.exception("cachecore_push_error")
