"""How long things took, by name: percentiles of all that was measured."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from ..latency import Latency


class Latencies:
    """``with latencies.measure("lookup"): ...``, from any thread."""

    def __init__(self, *names: str) -> None:
        self._lock = threading.Lock()
        self._own = {name: Latency() for name in names}
        self._shared: dict[str, Callable[[], Latency]] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        begun = time.perf_counter_ns()
        try:
            yield
        finally:
            duration = time.perf_counter_ns() - begun
            with self._lock:
                self._own[name].record(duration)

    def share(self, name: str, latency: Callable[[], Latency]) -> None:
        """Shows what somebody else records, as of the moment when it is shown."""
        self._shared[name] = latency

    def to_dict(self) -> Mapping[str, Mapping[str, float]]:
        """Milliseconds; a percentile is its bucket's upper bound, a power of two nanoseconds."""
        shared = {name: latency() for name, latency in self._shared.items()}
        with self._lock:
            return {
                name: {
                    "count": latency.count,
                    "p50": latency.percentile_ms(50),
                    "p95": latency.percentile_ms(95),
                    "p99": latency.percentile_ms(99),
                    "max": latency.max_ns / 1e6,
                }
                for name, latency in {**self._own, **shared}.items()
            }
