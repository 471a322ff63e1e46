"""What is measured: which peers, which workloads, how often and for how long."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

CACHES = ["cachecore", "cachecore-adaptive", "seed-dashmap", "redis", "memcached"]
FLOORS = ["hash-table", "two-loads", "memcpy", "empty"]

# What a floor is good for: it bounds nothing and forgets nothing.
FLOOR_WORKLOADS = {
    "hash-table": {"hit", "miss", "overwrite", "hot"},
    "two-loads": {"hit"},
    "memcpy": {"hit"},
    "empty": {"hit", "overwrite"},
}

READS = [("hit", "uniform"), ("hit", "zipf"), ("miss", "uniform"), ("overwrite", "uniform"), ("batch", "uniform"),
         ("hot", "uniform")]
PYTHON_WORKLOADS = ["get-hit", "get-miss", "set", "insert", "get-many"]


@dataclass(frozen=True)
class Scale:
    """How thorough a run is."""

    rounds: int
    round_ms: int
    warm_up_ms: int
    latency_rounds: int
    latency_ms: int
    large: int  # entries of the large cache
    storms: int


QUICK = Scale(rounds=3, round_ms=20, warm_up_ms=50, latency_rounds=1, latency_ms=50, large=100_000, storms=1)
FULL = Scale(rounds=11, round_ms=100, warm_up_ms=500, latency_rounds=5, latency_ms=200, large=1_000_000, storms=5)


@dataclass(frozen=True)
class Case:
    """One line of a table: a workload, and by how many threads."""

    workload: str
    distribution: str
    threads: int

    def suits(self, peer: str) -> bool:
        if peer not in FLOORS:
            return True
        is_write_by_many = self.workload == "overwrite" and self.threads > 1
        return self.workload in FLOOR_WORKLOADS[peer] and not (is_write_by_many and peer == "hash-table")


@dataclass(frozen=True)
class Group:
    """Cases that are measured in the same processes, one for each peer."""

    name: str
    entries: int
    value_size: int
    peers: list[str]
    cases: list[Case]
    is_full: bool = False
    is_mix: bool = False


def thread_counts() -> list[int]:
    cores = os.cpu_count() or 1
    return [1, 2] + [count for count in (4, 8, 16) if count <= cores]


def groups(scale: Scale) -> Iterator[Group]:
    threads = thread_counts()
    for entries in (10_000, scale.large):
        cases = [Case(workload, distribution, count) for workload, distribution in READS for count in threads]
        yield Group("reads", entries, 64, CACHES + FLOORS, cases)
        # These change what is in the cache, so that each starts with one of its own.
        yield Group("insert", entries, 64, CACHES, [Case("insert", "uniform", count) for count in threads], True)
        yield Group("mixed", entries, 64, CACHES, [Case("mixed", "zipf", count) for count in threads], True,
                    is_mix=True)
    for value_size, entries in ((16, 10_000), (1024, 10_000), (65536, 1000)):
        cases = [Case("hit", "uniform", 1), Case("overwrite", "uniform", 1)]
        peers = [peer for peer in CACHES + FLOORS if peer != "cachecore-adaptive"]
        yield Group("values", entries, value_size, peers, cases)
