"""The tier for tasks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from cachecore import Cache, ClosedError
from cachecore.tiered import AsyncTieredCache, ServerAwayError, TieredCache

from .proxy import Proxy
from .server import Server, client


ONCE = Retry(NoBackoff(), 1)


async def eventually(condition: Callable[[], Any], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found if not asyncio.iscoroutine(found) else await found:
            return True
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.005)


@asynccontextmanager
async def tiered(port: int, **options: Any) -> AsyncIterator[AsyncTieredCache[Any]]:
    with Cache(10_000) as local:
        async with redis.asyncio.Redis(host="127.0.0.1", port=port, socket_timeout=60, retry=ONCE) as remote:
            async with AsyncTieredCache[Any](local, remote, prefix="t:", jitter=0, **options) as tier:
                tier.peek("a")
                yield tier


async def here(tier: AsyncTieredCache[Any], name: str) -> None:
    async def found() -> bool:
        await tier.get(name)
        return tier.peek(name) is not None

    assert await eventually(found)


async def test_reading_and_writing(server: Server, other: redis.Redis) -> None:
    async with tiered(server.port) as tier:
        await tier.set("a", b"1", ttl=60)
        assert await tier.get("a") == b"1"
        await here(tier, "a")
        asked = tier.stats().server_reads
        assert [await tier.get("a"), tier.peek("a")] == [b"1"] * 2
        assert tier.stats().server_reads == asked
        other.set("t:a", b"2")
        assert await eventually(lambda: tier.peek("a") is None)
        assert await tier.get("a") == b"2"
        await tier.set_many({"b": b"3", "c": b"4"}, tags=["x"])
        assert await tier.get_many(["a", "b", "c", "d"]) == {"a": b"2", "b": b"3", "c": b"4"}
        await tier.invalidate_tag("x")
        assert await tier.get_many(["a", "b"]) == {"a": b"2"} and await tier.get("c", 5) == 5
        assert await tier.delete("a") and not await tier.delete("a")
        await tier.set_many({"p1": b"1", "p2": b"2"})
        assert await tier.delete_many(["p1", "q"]) == 1 and await tier.delete_prefix("p") == 1
    with pytest.raises(ClosedError):
        await tier.get("a")


async def test_a_hit_takes_no_turn_of_the_loop(server: Server, other: redis.Redis) -> None:
    async with tiered(server.port) as tier:
        other.set("t:a", b"1")
        await here(tier, "a")
        with pytest.raises(StopIteration) as stop:  # at once, and not after a turn
            tier.get("a").send(None)
        assert stop.value.value == b"1"


async def test_a_busy_loop_does_not_hold_up_invalidations(server: Server, other: redis.Redis) -> None:
    async with tiered(server.port) as tier:
        other.set("t:a", b"old")
        await here(tier, "a")
        other.set("t:a", b"new")
        end = time.monotonic() + 60
        while tier.peek("a") is not None and time.monotonic() < end:
            time.sleep(0.001)  # the loop does not turn
        assert tier.peek("a") is None


async def test_one_asks_and_one_computes_for_all(server: Server, other: redis.Redis) -> None:
    with Proxy(server.port) as proxy:
        async with tiered(proxy.port, listen_on=client(server.port)) as tier:
            assert await eventually(lambda: tier.health().synced)
            await tier.get("warm")
            other.set("t:a", b"1")
            proxy.set_delay(0.2)
            asked = tier.stats().server_reads
            assert await asyncio.gather(*(tier.get("a") for _ in range(20))) == [b"1"] * 20
            assert tier.stats().server_reads == asked + 1
            proxy.set_delay(0)
            calls = []

            async def compute() -> bytes:
                calls.append(1)
                await asyncio.sleep(0.1)
                return b"made"

            made = await asyncio.gather(*(tier.get_or_set("b", compute) for _ in range(20)))
            assert made == [b"made"] * 20 and len(calls) == 1 and await tier.get("b") == b"made"


async def test_one_who_is_cancelled_leaves_the_others_alone(server: Server, other: redis.Redis) -> None:
    with Proxy(server.port) as proxy:
        async with tiered(proxy.port, listen_on=client(server.port)) as tier:
            assert await eventually(lambda: tier.health().synced)
            await tier.get("warm")
            other.set("t:a", b"1")
            proxy.set_delay(0.2)
            reads = [asyncio.ensure_future(tier.get("a")) for _ in range(3)]
            write = asyncio.ensure_future(tier.set("b", b"1"))
            await asyncio.sleep(0.05)
            reads[0].cancel()
            write.cancel()
            assert await asyncio.gather(*reads[1:]) == [b"1"] * 2
            for cancelled in (reads[0], write):
                with pytest.raises(asyncio.CancelledError):
                    await cancelled
            proxy.set_delay(0)
            assert await tier.get("a") == b"1"


async def test_a_late_value_is_refused(server: Server, other: redis.Redis) -> None:
    with Proxy(server.port) as proxy:
        async with tiered(proxy.port, listen_on=client(server.port)) as tier:
            assert await eventually(lambda: tier.health().synced)
            await tier.get("warm")
            other.set("t:a", b"old")
            assert await eventually(lambda: tier.stats().invalidated >= 1)
            proxy.set_delay(0.4)
            reading = asyncio.ensure_future(tier.get("a"))
            await asyncio.sleep(0.1)
            other.set("t:a", b"new")
            assert await reading == b"old"
            assert tier.stats().late_refused == 1 and tier.peek("a") is None
            proxy.set_delay(0)
            assert await tier.get("a") == b"new"


async def test_a_server_that_is_away(own_server: Server) -> None:
    async with tiered(own_server.port, max_lag=0.2, stale_if_error=60, queue_writes=10) as tier:
        await tier.set("a", b"1")
        await here(tier, "a")
        own_server.stop()
        assert await eventually(lambda: not tier.health().synced)
        assert await tier.get("a") == b"1" and await tier.get("b", b"none") == b"none"
        await tier.set("b", b"2")
        assert tier.health().queued == 1 and await tier.get("b") == b"2"
        own_server.start()
        assert await eventually(lambda: tier.health().queued == 0)
        assert own_server.client.get("t:b") == b"2"
    async with tiered(own_server.port, max_lag=0.2, on_error="raise") as tier:
        own_server.stop()
        with pytest.raises(ServerAwayError):
            await tier.set("a", b"1")
        assert await eventually(lambda: not tier.health().synced)
        with pytest.raises(ServerAwayError):
            await tier.get("a")


async def test_beside_one_for_threads(server: Server, place: str) -> None:
    """On one local cache: either listens for both."""
    with Cache(1000, shared=place) as local, client(server.port) as remote:
        async with redis.asyncio.Redis(host="127.0.0.1", port=server.port) as remote_async:
            async with AsyncTieredCache[Any](local, remote_async, prefix="t:") as one:
                with TieredCache[Any](local, remote, prefix="t:") as other:
                    for number in range(20):
                        await one.set("a", b"%d" % number)
                        assert other.get("a") == b"%d" % number == await one.get("a")
                        other.set("a", b"x%d" % number)
                        assert await one.get("a") == b"x%d" % number


async def test_wrong_clients(server: Server) -> None:
    with Cache(100) as local, client(server.port) as remote:
        with pytest.raises(TypeError, match="TieredCache"):
            AsyncTieredCache(local, remote)
