"""valkey-py as the transport."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from conftest import eventually

from cachecore import Cache
from cachecore.tiered import AsyncTieredCache, ServerAwayError, TieredCache

from .server import Server

valkey = pytest.importorskip("valkey")


def test_threads(server: Server, other: redis.Redis) -> None:
    with Cache(1000) as local, valkey.Valkey(port=server.port) as remote:
        with TieredCache[Any](local, remote, prefix="t:") as tier:
            tier.set_many({"a": b"1", "b": b"2"}, tags=["x"])
            assert tier.get_many(["a", "b", "c"]) == {"a": b"1", "b": b"2"}
            assert eventually(lambda: tier.peek("a") == b"1" or tier.get("a") is None)
            other.set("t:a", b"3")
            assert eventually(lambda: tier.get("a") == b"3")
            tier.invalidate_tag("x")
            assert tier.get("b") is None and tier.get_or_set("b", lambda: b"4") == b"4"
            assert tier.delete_prefix("") == 2
            assert eventually(lambda: tier.health().ok)


async def test_tasks(server: Server) -> None:
    with Cache(1000) as local:
        async with valkey.asyncio.Valkey(port=server.port) as remote:
            async with AsyncTieredCache[Any](local, remote, prefix="t:") as tier:
                await tier.set("a", b"1")
                assert await tier.get("a") == b"1" and await tier.delete("a")


def test_a_server_that_is_away(own_server: Server) -> None:
    with Cache(1000) as local, valkey.Valkey(port=own_server.port) as remote:
        with TieredCache[Any](local, remote, prefix="t:", max_lag=0.2) as tier:
            tier.set("a", b"1")
            own_server.stop()
            assert eventually(lambda: tier.get("a") is None)
            with pytest.raises(ServerAwayError):
                tier.set("a", b"2")
