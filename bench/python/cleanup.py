#!/usr/bin/env python3
"""What cleaning up costs, in PolicyCache and CacheCleanupTask: how long it takes, and who notices.

    bench/python/cleanup.py [ROUNDS]

First, how long one sweep takes by what it removes: the task's own last_cleanup_duration_ms, which
counts from the sweep's begin to its end, pauses between its slices included.  Then what an await of
PolicyCache.get takes on the event loop while nothing is swept, and while a sweep removes 200 000 entries
beside it; every single await is timed, and only those that ended within the sweep count as beside it.
Last, how long stopping the task takes in the middle of an interval.
"""

import asyncio
import statistics
import sys
from time import perf_counter_ns

from cachecore_services.cleanup import CacheCleanupTask
from cachecore_services.policy import PolicyCache

REMOVED = (0, 7, 1000, 10_000, 100_000)
BESIDE = 200_000
HOT = ("hot", "read", "file")


def quantile(spans: list[int], share: float) -> float:
    """In microseconds."""
    return sorted(spans)[min(len(spans) - 1, int(len(spans) * share))] / 1000


async def filled(cache: PolicyCache, count: int) -> None:
    """So many decisions that have expired, and one that has not."""
    for start in range(0, count, 10_000):
        users = range(start, min(count, start + 10_000))
        await cache.set_batch((f"u{user}", "read", "file", {"allow": True}, None, 0.2) for user in users)
    await cache.set(*HOT, {"allow": True}, ttl_seconds=3600)
    await asyncio.sleep(0.3)


async def durations(rounds: int) -> None:
    print(f"{'entries removed':>16} {'ms, median':>12} {'longest':>10}")
    for count in REMOVED:
        spans = []
        for _ in range(rounds):
            async with PolicyCache(BESIDE + 10) as cache:
                task = CacheCleanupTask(cache, interval=3600)
                await task.start()
                await filled(cache, count)
                assert await task.trigger_cleanup() == count
                spans.append(task.metrics.last_cleanup_duration_ms)
                await task.stop()
        print(f"{count:16} {statistics.median(spans):12.3f} {max(spans):10.3f}")


async def timed(cache: PolicyCache, until: asyncio.Future[int] | None) -> list[int]:
    """Awaits of gets: 100 000, or until something is done."""
    spans = []
    while len(spans) < 100_000 if until is None else not until.done():
        for _ in range(100):
            began = perf_counter_ns()
            answer = await cache.get(*HOT)
            spans.append(perf_counter_ns() - began)
            assert answer
        await asyncio.sleep(0)
    return spans


async def beside(rounds: int) -> None:
    alone: list[int] = []
    meanwhile: list[int] = []
    stops = []
    for _ in range(rounds):
        async with PolicyCache(BESIDE + 10) as cache:
            task = CacheCleanupTask(cache, interval=3600)
            await task.start()
            await filled(cache, BESIDE)
            alone += await timed(cache, None)
            sweep = asyncio.ensure_future(task.trigger_cleanup())
            meanwhile += await timed(cache, sweep)
            assert await sweep == BESIDE
            began = perf_counter_ns()
            await task.stop()
            stops.append(perf_counter_ns() - began)
    print(f"\n{'await of get, in µs':24} {'p50':>8} {'p95':>8} {'p99':>8} {'p99.9':>8} {'awaits':>9}")
    for name, spans in (("no sweep", alone), (f"a sweep of {BESIDE}", meanwhile)):
        figures = " ".join(f"{quantile(spans, share):8.2f}" for share in (0.5, 0.95, 0.99, 0.999))
        print(f"{name:24} {figures} {len(spans):9}")
    median, longest = statistics.median(stops) / 1e6, max(stops) / 1e6
    print(f"\nstop in the middle of an interval, in ms: {median:.2f}, longest {longest:.2f}")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    asyncio.run(durations(count))
    asyncio.run(beside(count))
