"""What a type checker must make of the package; checked, not run."""

from __future__ import annotations

import json
from collections.abc import Callable, MutableMapping
from typing import Any, assert_type

from cachecore import Cache, CacheInfo, Cause, ObjectCache, Removal, Stats, cached

plain = Cache(10, ttl=60)
assert_type(plain, Cache[bytes])
assert_type(plain.get("k"), bytes | None)
assert_type(plain.get("k", 7), bytes | int)
assert_type(plain.peek("k"), bytes | None)
assert_type(plain.peek("k", 7), bytes | int)
assert_type(plain["k"], bytes)
assert_type(plain.get_many(["k"]), dict[str, bytes])
assert_type(plain.pop("k", None), bytes | None)
plain.set("k", bytearray(b"v"), ttl=1.5)
assert_type(plain.add("k", b"v"), bool)
assert_type(plain.stats(), Stats)
assert_type(plain.take_removals(), list[Removal])
as_mapping: MutableMapping[bytes | str, bytes] = plain

texts = Cache(10, serializer="str", max_bytes=1 << 20)
assert_type(texts, Cache[str])
assert_type(texts["k"], str)
texts["k"] = "v"
assert_type(Cache(10, serializer="json")["k"], Any)
assert_type(Cache(10, serializer=json), Cache[Any])

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


class Owner:
    @cached(maxsize=None)
    def method(self, x: int) -> bytes:
        return b""


assert_type(bare(1, y="a"), float)
assert_type(with_options(1, "a"), list[int])
assert_type(bare.cache_info(), CacheInfo)
assert_type(bare.cache_invalidate(1), bool)
assert_type(Owner().method(1), bytes)
wrapped: Callable[..., float] = bare.__wrapped__
bare("a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def awaiting() -> None:
    assert_type(await asynchronous(1), str)
