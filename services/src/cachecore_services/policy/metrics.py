"""What a policy cache counts."""

from __future__ import annotations

from collections import Counter
from threading import Lock
from typing import Any, Final, Literal, TypeAlias

from ..latency import Latency

Outcome: TypeAlias = Literal["hit", "stale hit", "miss"]


# So many durations wait to be counted.
_WAITING_MAX: Final = 1024


def _percent(part: int, whole: int) -> float:
    return round(part / whole * 100, 2) if whole else 0.0


class PolicyMetrics:
    """Counters of one policy cache.  Any method may be called from any thread.

    A lookup appends its duration to a list, which is atomic and takes no lock.  It is counted when
    somebody wants to know, or when many wait.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: dict[Outcome, list[int]] = {"hit": [], "stale hit": [], "miss": []}
        self._clear()

    def _clear(self) -> None:
        self._lookups: Counter[Outcome] = Counter()
        self._cache_latency = Latency()
        self.revalidations = 0  #: stale decisions replaced in the background
        self.batch_operations = 0
        self.errors: Counter[str] = Counter()  #: failures by operation
        self.failed_reads = 0  #: lookups that ended in a failure, answered as a miss
        self.opa_latency = Latency()

    def _count(self) -> None:
        """The lock is held; others may append meanwhile."""
        for outcome, waiting in self._waiting.items():
            durations = waiting[:]
            del waiting[: len(durations)]
            self._lookups[outcome] += len(durations)
            self._cache_latency.record_all(durations)

    def _counted(self, outcome: Outcome) -> int:
        with self._lock:
            self._count()
            return self._lookups[outcome]

    @property
    def hits(self) -> int:
        """Decisions served that are not due for revalidation."""
        return self._counted("hit")

    @property
    def stale_hits(self) -> int:
        """Decisions served that are."""
        return self._counted("stale hit")

    @property
    def misses(self) -> int:
        return self._counted("miss")

    @property
    def cache_latency(self) -> Latency:
        """Of every lookup, whatever its outcome."""
        with self._lock:
            self._count()
            return self._cache_latency

    @property
    def total_requests(self) -> int:
        return self.hits + self.stale_hits + self.misses + self.failed_reads

    def lookup(self, outcome: Outcome, duration_ns: int) -> None:
        waiting = self._waiting[outcome]
        waiting.append(duration_ns)
        if len(waiting) >= _WAITING_MAX:
            with self._lock:
                self._count()

    def failed_read(self, operation: str, duration_ns: int) -> None:
        with self._lock:
            self.failed_reads += 1
            self.errors[operation] += 1
            self._cache_latency.record(duration_ns)

    def batch_read(self, hits: int, misses: int, failures: int, duration_ns: int) -> None:
        """Lookups made together; the batch is one duration."""
        with self._lock:
            self.batch_operations += 1
            self._lookups["hit"] += hits
            self._lookups["miss"] += misses
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
            self._count()
            self._clear()

    def to_dict(self) -> dict[str, Any]:
        """Rates are percentages of all lookups, 0 before the first; latencies milliseconds."""
        with self._lock:
            self._count()
            lookups, latency = self._lookups, self._cache_latency
            hits, stale_hits, misses = (lookups[one] for one in self._waiting)
            total = hits + stale_hits + misses + self.failed_reads
            return {
                "hits": hits,
                "misses": misses,
                "stale_hits": stale_hits,
                "revalidations": self.revalidations,
                "batch_operations": self.batch_operations,
                "total_requests": total,
                "errors": self.errors.total(),
                "errors_by_operation": dict(self.errors),
                "hit_rate": _percent(hits, total),
                "effective_hit_rate": _percent(hits + stale_hits, total),
                "miss_rate": _percent(misses, total),
                "error_rate": _percent(self.failed_reads, total),
                "avg_cache_latency_ms": round(latency.mean_ms, 6),
                "p50_cache_latency_ms": latency.percentile_ms(50),
                "p95_cache_latency_ms": latency.percentile_ms(95),
                "p99_cache_latency_ms": latency.percentile_ms(99),
                "avg_opa_latency_ms": round(self.opa_latency.mean_ms, 6),
            }
