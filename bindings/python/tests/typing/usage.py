"""What a type checker must make of the package; checked, not run."""

from __future__ import annotations

import json
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any, assert_type

from cachecore import (
    Cache,
    CacheInfo,
    Cause,
    Found,
    ObjectCache,
    Removal,
    Stats,
    cached,
    cachedmethod,
)

from cachecore.tiered import AsyncTieredCache, TieredCache

plain = Cache(10, ttl=60)
assert_type(plain, Cache[bytes])
assert_type(plain.get("k"), bytes | None)
assert_type(plain.get("k", 7), bytes | int)
assert_type(plain.peek("k"), bytes | None)
assert_type(plain.peek("k", 7), bytes | int)
assert_type(plain["k"], bytes)
assert_type(plain.get_with_info("k"), Found[bytes] | None)
assert_type(plain.get_many(["k"]), dict[str, bytes])
assert_type(plain.pop("k", None), bytes | None)
plain.set("k", bytearray(b"v"), ttl=1.5)
assert_type(plain.add("k", b"v"), bool)
assert_type(plain.stats(), Stats)
assert_type(plain.save("file"), int)
assert_type(plain.load(Path(b"file".decode())), int)
assert_type(Cache(shared="place", read_only=True), Cache[bytes])
assert_type(Cache(shared="place", read_only=True, decode_keys=True), Cache[bytes, str])
assert_type(plain.read_only, bool)
assert_type(plain.take_removals(), list[Removal])
as_mapping: MutableMapping[bytes, bytes] = plain

texts = Cache(10, serializer="str", max_bytes=1 << 20)
assert_type(texts, Cache[str])
assert_type(texts["k"], str)
assert_type(texts.get_with_info("k"), Found[str] | None)
texts["k"] = "v"
assert_type(Cache(10, serializer="json")["k"], Any)
assert_type(Cache(10, serializer=json), Cache[Any])

assert_type(list(plain), list[bytes])
assert_type(plain.popitem(), tuple[bytes, bytes])
assert_type([record.key for record in plain.scan_records()], list[bytes])

named = Cache(10, decode_keys=True)
assert_type(named, Cache[bytes, str])
named_as_mapping: MutableMapping[str, bytes] = named
assert_type(Cache(10, decode_keys=False), Cache[bytes])
assert_type(Cache(10, serializer="str", decode_keys=True, jitter=0.1), Cache[str, str])
assert_type(Cache(10, serializer="json", decode_keys=True), Cache[Any, str])
assert_type(Cache(10, decode_keys=len("flag") > 1), Cache[Any, Any])
assert_type(list(named), list[str])
assert_type(list(named.keys()), list[str])
assert_type(list(named.items()), list[tuple[str, bytes]])
assert_type(list(named.scan()), list[str])
assert_type([record.key for record in named.scan_records()], list[str])
assert_type(named.popitem(), tuple[str, bytes])
assert_type(named.coldest(1), list[str])
assert_type(named.hottest(1), list[str])
assert_type(named.get_many([b"k"]), dict[bytes, bytes])
assert_type(dict(named), dict[str, bytes])
for key in named:
    assert_type(named[key], bytes)


def of_any_values(cache: Cache[Any, str]) -> list[str]:
    return cache.coldest(1)


of_any_values(named)
of_any_values(plain)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

objects = ObjectCache[tuple[int, str], list[int]](10, weigher=lambda key, value: len(value))
assert_type(objects.get((1, "a")), list[int] | None)
assert_type(objects.get((1, "a"), 7), list[int] | int)
assert_type(objects[1, "a"], list[int])
assert_type(list(objects), list[tuple[int, str]])
objects.set((1, "a"), [1], ttl=5, weight=2)


def heard(key: int, value: str, cause: Cause) -> None: ...


listening: ObjectCache[int, str] = ObjectCache(10, on_removal=heard)


@cached
def bare(x: int, *, y: str = "") -> float:
    return 1.0


@cached(ttl=lambda result: 5.0, ignore=["y"])
def with_options(x: int, y: str) -> list[int]:
    return [x]


@cached(ttl=5, stale=60)
async def asynchronous(x: int) -> str:
    return ""


@cached(shared="results", serializer="json", ttl=5)
def shared(x: int) -> str:
    return ""


@cached(shared=Cache(10, shared=":memory:", serializer="json"), name="other")
async def shared_asynchronous(x: int) -> str:
    return ""


class Owner:
    @cached(maxsize=None)
    def method(self, x: int) -> bytes:
        return b""

    @cached
    async def asynchronous(self, x: int) -> str:
        return ""

    @classmethod
    @cached
    def of_class(cls, x: int) -> str:
        return ""

    @cached(ttl=5)
    @classmethod
    def over_class(cls, x: int) -> str:
        return ""

    @staticmethod
    @cached
    def static(x: int) -> float:
        return 1.0

    @cachedmethod
    def of_instance(self, x: int) -> bytes:
        return b""

    @cachedmethod(ttl=5, stale=60)
    async def later_of_instance(self, x: int, *, y: str = "") -> str:
        return ""


assert_type(bare(1, y="a"), float)
assert_type(with_options(1, "a"), list[int])
assert_type(bare.cache_info(), CacheInfo)
assert_type(bare.cache_invalidate(1), bool)
owner = Owner()
assert_type(owner.method(1), bytes)
assert_type(owner.method.cache_invalidate(1), bool)
assert_type(Owner.method(owner, 1), bytes)
assert_type(Owner.method.cache_invalidate(owner, 1), bool)
assert_type(Owner.of_class(1), str)
assert_type(owner.of_class(1), str)
assert_type(Owner.over_class(1), str)
assert_type(Owner.of_class.cache_contains(1), bool)
assert_type(Owner.static(1), float)
assert_type(owner.static(1), float)
owner.method("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
owner.method.cache_invalidate("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Owner.of_class("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Owner.over_class("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
assert_type(owner.of_instance(1), bytes)
assert_type(owner.of_instance.cache_info(), CacheInfo)
assert_type(owner.of_instance.cache_invalidate(1), bool)
assert_type(Owner.of_instance(owner, 1), bytes)
owner.of_instance("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
owner.of_instance.cache_contains("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Owner.of_instance(1, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
cachedmethod(lambda: 1)  # type: ignore[arg-type, misc]  # pyright: ignore[reportArgumentType, reportCallIssue]
wrapped: Callable[..., float] = bare.__wrapped__
bare("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def awaiting() -> None:
    assert_type(await asynchronous(1), str)
    assert_type(await shared_asynchronous(len(shared(1))), str)
    assert_type(await owner.asynchronous(1), str)
    assert_type(await owner.later_of_instance(1, y="a"), str)

tier = TieredCache(plain, object(), prefix="a:", max_lag=1)
assert_type(tier, TieredCache[bytes])
assert_type(tier.get("k"), bytes | None)
assert_type(tier.get("k", 7), bytes | int)
assert_type(tier.get_many([b"k"]), dict[bytes, bytes])
assert_type(tier.get_or_set("k", lambda: b"v", ttl=5, tags=["t"]), bytes)
assert_type(tier.get_or_set("k", lambda: None), bytes | None)
text_tier = TieredCache(plain, object(), serializer="str")
assert_type(text_tier.peek("k"), str | None)
TieredCache(plain, object(), max_lags=1)  # type: ignore[call-overload]


async def tiered_tasks(tasks: AsyncTieredCache[str]) -> None:
    assert_type(await tasks.get("k"), str | None)
    assert_type(await tasks.get_many(["k"]), dict[str, str])
    assert_type(await tasks.delete("k"), bool)
