"""What one call takes: hits, misses and batches of a tier, beside a private cache and redis-py.

    calls.py [--rounds 21] [--calls 1000]

All in one process, in turns; median of the rounds in microseconds, and the median ratio to the first row of
each table.  Values of 64 bytes, 1000 keys, a server on loopback.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable

import redis
from server import server, with_own_cache

from cachecore import Cache
from cachecore.tiered import TieredCache

KEYS = [b"key:%04d" % number for number in range(1000)]
BATCH = 100


def measure(title: str, rows: dict[str, Callable[[], object]], rounds: int, calls: int, each: int = 1) -> None:
    took: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(rounds):
        for name, call in rows.items():
            begun = time.perf_counter()
            for _ in range(calls):
                call()
            took[name].append((time.perf_counter() - begun) / calls / each * 1e6)
    print(f"\n{title}\n")
    base = took[next(iter(rows))]
    for name, times in took.items():
        ratio = statistics.median(mine / its for mine, its in zip(times, base, strict=True))
        print(f"  {name:40} {statistics.median(times):9.3f} us  {ratio:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--calls", type=int, default=1000)
    given = parser.parse_args()
    with server() as port, Cache(10_000) as private, Cache(10_000) as local:
        plain, own = redis.Redis(port=port), with_own_cache(port)
        with TieredCache(local, plain, prefix="key:") as tier:
            plain.mset({key: b"x" * 64 for key in KEYS})
            names = [key.removeprefix(b"key:") for key in KEYS]
            while len([name for name in names if tier.peek(name)]) < len(names):
                tier.get_many(names)
            private.set_many({key: b"x" * 64 for key in KEYS})
            for key in KEYS:
                own.get(key)
            keys, few = itertools.cycle(KEYS), itertools.cycle(names)

            measure(
                "a hit",
                {
                    "Cache.get, private": lambda: private.get(next(keys)),
                    "TieredCache.get": lambda: tier.get(next(few)),
                    "TieredCache.peek": lambda: tier.peek(next(few)),
                    "redis-py with its own cache": lambda: own.get(next(keys)),
                    "redis-py": lambda: plain.get(next(keys)),
                },
                given.rounds,
                given.calls,
            )

            def miss() -> None:
                name = next(few)
                epoch = tier._floor.epoch()
                assert epoch is not None
                local.delete(epoch + name)
                tier.get(name)

            measure(
                "a miss",
                {
                    "redis-py, GET and PTTL in a pipeline": lambda: (
                        plain.pipeline(transaction=False).get(next(keys)).pttl(b"key:0000").execute()
                    ),
                    "redis-py, GET": lambda: plain.get(next(keys)),
                    "TieredCache.get": miss,
                },
                given.rounds,
                given.calls // 10,
            )

            def missed_batch() -> None:
                epoch = tier._floor.epoch()
                assert epoch is not None
                local.delete_many([epoch + name for name in names[:BATCH]])
                tier.get_many(names[:BATCH])

            measure(
                f"a key of a batch of {BATCH}",
                {
                    "redis-py, MGET": lambda: plain.mget(KEYS[:BATCH]),
                    "TieredCache.get_many, all here": lambda: tier.get_many(names[:BATCH]),
                    "TieredCache.get_many, all missed": missed_batch,
                },
                given.rounds,
                max(1, given.calls // 50),
                BATCH,
            )
        plain.close()
        own.close()


if __name__ == "__main__":
    main()
