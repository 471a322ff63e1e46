"""What a policy cache counts."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import Any, Final, Literal

#: Upper bounds of the latency buckets, in nanoseconds: powers of two, from 1 ns to 17 s.
LATENCY_BOUNDS_NS: Final = tuple(1 << power for power in range(35))

# So many durations of hits wait to be counted.
_WAITING_MAX: Final = 1024


class Latency:
    """Durations, as a sum and a histogram: percentiles without keeping every one of them."""

    def __init__(self) -> None:
        self.count = 0
        self.sum_ns = 0
        self.max_ns = 0
        #: How many were less than each bound, and not less than the one before; then the rest.
        self.buckets = [0] * (len(LATENCY_BOUNDS_NS) + 1)

    def record(self, duration_ns: int) -> None:
        self.count += 1
        self.sum_ns += duration_ns
        if duration_ns > self.max_ns:
            self.max_ns = duration_ns
        self.buckets[min(duration_ns.bit_length(), len(LATENCY_BOUNDS_NS))] += 1

    @property
    def mean_ms(self) -> float:
        return self.sum_ns / self.count / 1e6 if self.count else 0.0

    def percentile_ms(self, percent: float) -> float:
        """The upper bound of the bucket that holds it, or the longest: 0 without any."""
        rank, below = self.count * percent / 100, 0
        for bound, count in zip(LATENCY_BOUNDS_NS, self.buckets):
            below += count
            if below and below >= rank:
                return min(bound, self.max_ns) / 1e6
        return self.max_ns / 1e6


def _percent(part: int, whole: int) -> float:
    return round(part / whole * 100, 2) if whole else 0.0


class PolicyMetrics:
    """Counters of one policy cache.  Any method may be called from any thread.

    A hit is on the way of a request: it appends its duration to a list, which is atomic, and is
    counted when somebody asks, or when many of them wait.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: list[int] = []
        self._clear()

    def _clear(self) -> None:
        self._waiting.clear()
        self._hits = 0
        self._cache_latency = Latency()
        self.stale_hits = 0  #: decisions served that are
        self.misses = 0
        self.revalidations = 0  #: stale decisions replaced in the background
        self.batch_operations = 0
        self.errors: Counter[str] = Counter()  #: failures by operation
        self.failed_reads = 0  #: lookups that ended in a failure, answered as a miss
        self.opa_latency = Latency()

    def _count_waiting(self) -> None:
        """The lock is held; others may append meanwhile."""
        durations = self._waiting[:]
        del self._waiting[: len(durations)]
        self._hits += len(durations)
        for duration_ns in durations:
            self._cache_latency.record(duration_ns)

    @property
    def hits(self) -> int:
        """Decisions served that are not due for revalidation."""
        with self._lock:
            self._count_waiting()
            return self._hits

    @property
    def cache_latency(self) -> Latency:
        """Of every lookup, whatever its outcome."""
        with self._lock:
            self._count_waiting()
            return self._cache_latency

    @property
    def total_requests(self) -> int:
        return self.hits + self.stale_hits + self.misses + self.failed_reads

    def hit(self, duration_ns: int) -> None:
        self._waiting.append(duration_ns)
        if len(self._waiting) >= _WAITING_MAX:
            with self._lock:
                self._count_waiting()

    def lookup(self, outcome: Literal["stale_hits", "misses"], duration_ns: int) -> None:
        with self._lock:
            if outcome == "misses":
                self.misses += 1
            else:
                self.stale_hits += 1
            self._cache_latency.record(duration_ns)

    def failed_read(self, operation: str, duration_ns: int) -> None:
        with self._lock:
            self.failed_reads += 1
            self.errors[operation] += 1
            self._cache_latency.record(duration_ns)

    def batch_read(self, hits: int, misses: int, failures: int, duration_ns: int) -> None:
        """Lookups made together; the batch is one duration."""
        with self._lock:
            self.batch_operations += 1
            self._hits += hits
            self.misses += misses
            self.failed_reads += failures
            if failures:
                self.errors["get_batch"] += failures
            self._cache_latency.record(duration_ns)

    def batch_written(self) -> None:
        with self._lock:
            self.batch_operations += 1

    def error(self, operation: str) -> None:
        with self._lock:
            self.errors[operation] += 1

    def revalidated(self) -> None:
        with self._lock:
            self.revalidations += 1

    def opa_query(self, latency_ms: float) -> None:
        with self._lock:
            self.opa_latency.record(round(latency_ms * 1e6))

    def reset(self) -> None:
        with self._lock:
            self._clear()

    def to_dict(self) -> dict[str, Any]:
        """Rates are percentages of all lookups, 0 before the first; latencies milliseconds."""
        with self._lock:
            self._count_waiting()
            hits, latency = self._hits, self._cache_latency
            total = hits + self.stale_hits + self.misses + self.failed_reads
            return {
                "hits": hits,
                "misses": self.misses,
                "stale_hits": self.stale_hits,
                "revalidations": self.revalidations,
                "batch_operations": self.batch_operations,
                "total_requests": total,
                "errors": self.errors.total(),
                "errors_by_operation": dict(self.errors),
                "hit_rate": _percent(hits, total),
                "effective_hit_rate": _percent(hits + self.stale_hits, total),
                "miss_rate": _percent(self.misses, total),
                "error_rate": _percent(self.failed_reads, total),
                "avg_cache_latency_ms": round(latency.mean_ms, 6),
                "p50_cache_latency_ms": latency.percentile_ms(50),
                "p95_cache_latency_ms": latency.percentile_ms(95),
                "p99_cache_latency_ms": latency.percentile_ms(99),
                "avg_opa_latency_ms": round(self.opa_latency.mean_ms, 6),
            }
