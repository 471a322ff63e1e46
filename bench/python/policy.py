#!/usr/bin/env python3
"""What a policy decision costs in asyncio: the engine beside a real Redis.

    bench/python/policy.py [ROUNDS]

Each store is asked the same questions in turns of a few thousand awaits, and every single await is
timed; the answer is a decision of ordinary size.  Redis 7 or Valkey listens on a unix socket, through
redis.asyncio: the same PolicyCache on it, and a bare `client.get`, whose text nobody decodes.  Storing
replaces a decision by one of the same size.  The quantiles are of all awaits; a ratio is the median of
the ratios of the turns' own p50.  There are twenty different decisions, but on the second line, where each
question has a context, and a decision of its own.

The last lines are the first awaits of the turns alone, when the other stores' turns have left nothing of
this one in the processor's caches.
"""

import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter_ns

import redis.asyncio

from cachecore_services.policy import PolicyCache, RedisPolicyCache
from cachecore_services.policy.keys import decision_key

REASONS = [f"role {number} may execute" for number in range(20)]
QUESTIONS = [(f"user-{number}", "execute", f"tool:calculator-{number % 50}") for number in range(1000)]
TURN, FIRST = 3000, 300

Ask = Callable[..., Awaitable[object]]


@asynccontextmanager
async def redis_server() -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory(prefix="cachecore-bench-") as directory:
        path = os.path.join(directory, "redis")
        server = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", path, "--dir", directory, "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        try:
            client = redis.asyncio.Redis(unix_socket_path=path)
            for _ in range(500):
                try:
                    await client.ping()
                    break
                except redis.ConnectionError:
                    await asyncio.sleep(0.01)
            await client.aclose()
            yield path
        finally:
            server.terminate()
            server.wait()


async def turn(ask: Ask, chance: random.Random) -> list[int]:
    """Nanoseconds of each await."""
    spans = []
    for question in chance.choices(QUESTIONS, k=TURN):
        began = perf_counter_ns()
        answer = await ask(*question)
        spans.append(perf_counter_ns() - began)
        assert answer
    return spans


def quantile(spans: list[int], share: float) -> float:
    """In microseconds."""
    return sorted(spans)[int(len(spans) * share)] / 1000


async def main(rounds: int) -> None:
    async with redis_server() as path, PolicyCache() as native:
        client = redis.asyncio.Redis(unix_socket_path=path)
        async with RedisPolicyCache(client) as remote:
            context = {"ip": "10.0.0.1", "hour": 14}
            for number, question in enumerate(QUESTIONS):
                decision = {"allow": True, "reason": REASONS[number % 20], "policy": "tools/v3", "obligations": ["log"]}
                unique = {**decision, "audit_id": f"{number:032x}"}
                await native.set(*question, decision)
                await native.set(*question, unique, context)
                await remote.set(*question, decision)
            stored = {"allow": True, "reason": REASONS[0], "policy": "tools/v3", "obligations": ["log"]}
            asks: dict[str, Ask] = {
                "PolicyCache": native.get,
                "PolicyCache, own context and text": partial(native.get, context=context),
                "PolicyCache, storing": lambda *question: native.set(*question, stored),
                "PolicyCache on Redis": remote.get,
                "PolicyCache on Redis, storing": lambda *question: remote.set(*question, stored),
                "bare client.get": lambda *question: client.get(decision_key(*question)),
            }
            chance = random.Random(1)
            spans: dict[str, list[int]] = {name: [] for name in (*asks, *(f"{name}, first" for name in asks))}
            ratios: dict[str, list[float]] = {name: [] for name in spans}
            for round_ in range(rounds + 1):
                taken = {name: await turn(ask, chance) for name, ask in asks.items()}
                if round_ == 0:
                    continue
                for name, own in taken.items():
                    for row, part in ((name, own), (f"{name}, first", own[:FIRST])):
                        peer = taken["PolicyCache"][: len(part)]
                        spans[row] += part
                        ratios[row].append(quantile(part, 0.5) / quantile(peer, 0.5))
    print(f"{'await, in µs':40} {'p50':>8} {'p95':>8} {'p99':>8} {'p50, ratio':>12}")
    for name, own in spans.items():
        figures = " ".join(f"{quantile(own, share):8.2f}" for share in (0.5, 0.95, 0.99))
        print(f"{name:40} {figures} {statistics.median(ratios[name]):12.1f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
