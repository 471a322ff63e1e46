"""How long something takes, without keeping every duration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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

    def record_all(self, durations_ns: Sequence[int]) -> None:
        """As ``record`` of each, several times faster."""
        if not durations_ns:
            return
        self.count += len(durations_ns)
        self.sum_ns += sum(durations_ns)
        self.max_ns = max(self.max_ns, max(durations_ns))
        for bits, count in Counter(map(int.bit_length, durations_ns)).items():
            self.buckets[min(bits, len(LATENCY_BOUNDS_NS))] += count

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
