"""How long something takes, without keeping every duration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: Upper bounds of the buckets, in nanoseconds: powers of two, from 1 ns to 17 s.
LATENCY_BOUNDS_NS: Final = tuple(1 << power for power in range(35))


class Latency:
    """Durations, as a sum and a histogram; threads take turns, by a lock of the owner's."""

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

    def add(self, sum_ns: int, max_ns: int, buckets: Iterable[int]) -> None:
        """Durations recorded elsewhere."""
        for at, count in enumerate(buckets):
            self.buckets[at] += count
            self.count += count
        self.sum_ns += sum_ns
        self.max_ns = max(self.max_ns, max_ns)

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
