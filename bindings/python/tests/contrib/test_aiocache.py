"""aiocache; its own acceptance tests are run by tests/compat_frameworks."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import pytest

from cachecore import NEVER, Cache

aiocache = pytest.importorskip("aiocache")

from aiocache.serializers import NullSerializer, PickleSerializer  # noqa: E402

from cachecore.contrib.aiocache import CacheCoreCache  # noqa: E402


async def test_operations(cache: Cache[bytes]) -> None:
    aio = CacheCoreCache(cache=cache, namespace="n:")
    assert await aio.set("a", {"x": [1, None]})
    assert await aio.get("a") == {"x": [1, None]} and await aio.get("b", "default") == "default"
    assert await aio.multi_set([("b", 1), ("c", "two")], ttl=5)
    assert await aio.multi_get(["b", "x", "c"]) == [1, None, "two"]
    assert await aio.increment("b", 4) == 5 and await aio.increment("new", 2) == 2
    with pytest.raises(TypeError):
        await aio.increment("c")
    with pytest.raises(ValueError, match="already exists"):
        await aio.add("a", 1)
    assert await aio.exists("a") and await aio.delete("a") == 1 and await aio.delete("a") == 0
    assert await aio.raw("count") == 3
    cache["elsewhere"] = b""
    assert await aio.clear("n:") and len(cache) == 1 and "elsewhere" in cache


async def test_no_lifetime_and_none_are_for_ever(cache: Cache[bytes]) -> None:
    aio = CacheCoreCache(cache=cache)
    lifetimes = {None: NEVER, 0: NEVER, 2: 2, 0.25: 0.25}
    for ttl, expected in lifetimes.items():
        await aio.set("key", 1, ttl=ttl)
        assert cache.ttl("key") == expected
    assert await aio.expire("key", 0) and cache.ttl("key") == NEVER
    assert await CacheCoreCache(cache=cache, ttl=9).set("key", 1) and cache.ttl("key") == 9


async def test_serializers(cache: Cache[bytes]) -> None:
    pickled = CacheCoreCache(PickleSerializer(), cache=cache)
    await pickled.set("set", {1, 2})
    assert await pickled.get("set") == {1, 2}
    raw = CacheCoreCache(NullSerializer(), cache=cache)
    await raw.set("text", "text")
    assert await raw.get("text") == "text"
    with pytest.raises(TypeError, match="text or bytes"):
        await raw.set("set", {1, 2})


async def test_by_configuration_and_decorator() -> None:
    name = "cachecore.contrib.aiocache.CacheCoreCache"
    aiocache.caches.set_config({"default": {"cache": name, "max_entries": 5}})
    made: list[int] = []

    async def make() -> int:
        made.append(1)
        return 42

    answer = aiocache.cached(alias="default", key="answer")(make)
    assert [await answer(), await answer()] == [42, 42] and len(made) == 1
    assert aiocache.caches.get("default").engine.stats().entries_limit == 5
