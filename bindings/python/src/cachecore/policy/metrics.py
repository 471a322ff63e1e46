"""What a policy cache counts."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import Any, Literal, TypeAlias

from ..answers import Answers
from ..latency import Latency

Outcome: TypeAlias = Literal["hit", "stale hit", "miss"]


def _percent(part: int, whole: int) -> float:
    return round(part / whole * 100, 2) if whole else 0.0


class PolicyMetrics:
    """Counters of one policy cache.  Any method may be called from any thread."""

    def __init__(self, answers: Answers | None = None) -> None:
        """answers: what else counts lookups, of a store that has them."""
        self._answers = answers
        self._lock = Lock()
        self._clear()

    def _clear(self) -> None:
        self._hits = 0
        self._misses = 0
        self._cache_latency = Latency()
        self.stale_hits = 0  #: decisions served that are
        self.revalidations = 0  #: stale decisions replaced in the background
        self.batch_operations = 0
        self.errors: Counter[str] = Counter()  #: failures by operation
        self.failed_reads = 0  #: lookups that ended in a failure, answered as a miss
        self.opa_latency = Latency()

    def _take_answers(self) -> None:
        """The lock is held."""
        if self._answers is not None:
            hits, misses, sum_ns, max_ns, buckets = self._answers.take()
            self._hits += hits
            self._misses += misses
            self._cache_latency.add(sum_ns, max_ns, buckets)

    @property
    def hits(self) -> int:
        """Decisions served that are not due for revalidation."""
        with self._lock:
            self._take_answers()
            return self._hits

    @property
    def misses(self) -> int:
        with self._lock:
            self._take_answers()
            return self._misses

    @property
    def cache_latency(self) -> Latency:
        """Of every lookup, whatever its outcome."""
        with self._lock:
            self._take_answers()
            return self._cache_latency

    @property
    def total_requests(self) -> int:
        return self.hits + self.stale_hits + self.misses + self.failed_reads

    def lookup(self, outcome: Outcome, duration_ns: int) -> None:
        with self._lock:
            self._hits += outcome == "hit"
            self.stale_hits += outcome == "stale hit"
            self._misses += outcome == "miss"
            self._cache_latency.record(duration_ns)

    def failed_read(self, operation: str, duration_ns: int | None) -> None:
        """duration_ns: None of one that the answers have measured."""
        with self._lock:
            self.failed_reads += 1
            self.errors[operation] += 1
            if duration_ns is not None:
                self._cache_latency.record(duration_ns)

    def batch_read(self, hits: int, misses: int, failures: int, duration_ns: int) -> None:
        """Lookups made together; the batch is one duration."""
        with self._lock:
            self.batch_operations += 1
            self._hits += hits
            self._misses += misses
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
            self._take_answers()
            self._clear()

    def to_dict(self) -> dict[str, Any]:
        """Rates are percentages of all lookups, 0 before the first; latencies milliseconds."""
        with self._lock:
            self._take_answers()
            hits, misses, latency = self._hits, self._misses, self._cache_latency
            total = hits + self.stale_hits + misses + self.failed_reads
            return {
                "hits": hits,
                "misses": misses,
                "stale_hits": self.stale_hits,
                "revalidations": self.revalidations,
                "batch_operations": self.batch_operations,
                "total_requests": total,
                "errors": self.errors.total(),
                "errors_by_operation": dict(self.errors),
                "hit_rate": _percent(hits, total),
                "effective_hit_rate": _percent(hits + self.stale_hits, total),
                "miss_rate": _percent(misses, total),
                "error_rate": _percent(self.failed_reads, total),
                "avg_cache_latency_ms": round(latency.mean_ms, 6),
                "p50_cache_latency_ms": latency.percentile_ms(50),
                "p95_cache_latency_ms": latency.percentile_ms(95),
                "p99_cache_latency_ms": latency.percentile_ms(99),
                "avg_opa_latency_ms": round(self.opa_latency.mean_ms, 6),
            }
