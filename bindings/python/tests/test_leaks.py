"""Hundreds of thousands of operations leave nothing behind: CACHECORE_LEAK_TURNS for more."""

from __future__ import annotations

import gc
import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cachecore import Cache, ClosedError, ObjectCache, RefusedError, cached

TURNS = int(os.environ.get("CACHECORE_LEAK_TURNS", "20000"))


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def bytes_cache() -> Callable[[int], object]:
    cache = Cache(500, serializer="json", on_removal=lambda *what: None)

    def turn(number: int) -> None:
        key = f"key {number % 1000}"
        cache.set(key, [number], ttl=60)
        cache.get(key), cache.get(key.encode()), cache.get("absent", number)
        cache.add(key, None), cache.touch(key, 5.5), key in cache
        cache.get_many([key, "absent"]), cache.set_many({key: number, "b": None})
        cache.delete_many([key, "absent"]), cache.pop("b", None)
        for wrong in (lambda: cache.get(1), lambda: cache.set("k", object()), lambda: cache[""]):
            with pytest.raises((TypeError, ValueError)):
                wrong()

    return turn


def large_values() -> Callable[[int], object]:
    cache = Cache(max_bytes=1 << 20)
    values = [bytes(size) for size in (0, 100, 600, 3000, 70_000)]

    def turn(number: int) -> None:
        key = b"%d" % (number % 50)
        cache[key] = values[number % 5]
        cache.get(key), cache.get_many([key])
        with cache.acquire(key) as view:
            view[:1]
        if number % 100 == 0:
            with pytest.raises(RefusedError):
                cache[key] = bytes(2 << 20)

    return turn


def objects() -> Callable[[int], object]:
    cache = ObjectCache[Any, Any](
        500, max_weight=2000, weigher=lambda key, value: len(value), on_removal=lambda *what: None
    )

    def turn(number: int) -> None:
        key = (number % 1000, "key")
        cache[key] = [number] * (number % 7)
        cache.set(("cycle", number % 10), [cache, key], ttl=0.001)
        cache.get(key), cache.get(("cycle", number % 10)), cache.peek(key), cache.pop(key, None)
        cache.add(key, [1]), cache.setdefault(key, [2]), key in cache
        if number % 100 == 0:
            list(cache.items()), cache.cleanup_expired()
        with pytest.raises(TypeError):
            cache[[]] = 1
        with pytest.raises(RefusedError):
            cache.set(key, [], weight=5000)

    return turn


def caches() -> Callable[[int], object]:
    def turn(number: int) -> None:
        if number % 50:
            return
        cache, things = Cache(10), ObjectCache[Any, Any](10)
        cache["k"] = b"v"
        things["me"] = things["k"] = things
        if number % 100:
            cache.close()
            things.close()
            with pytest.raises(ClosedError):
                things.get("k")

    return turn


def functions() -> Callable[[int], object]:
    @cached(maxsize=100, ttl=50)
    def f(x: int, y: object = None) -> list[int]:
        if x % 10 == 0:
            raise ZeroDivisionError
        return [x]

    def turn(number: int) -> None:
        try:
            f(number % 300), f(number % 300, y=number % 3)
        except ZeroDivisionError:
            pass
        f.cache_invalidate(number % 300)

    return turn


@pytest.mark.parametrize("make", [bytes_cache, large_values, objects, caches, functions])
def test_memory_stays_as_it_is(make: Callable[[], Callable[[int], object]]) -> None:
    turn = make()
    for number in range(TURNS // 4):
        turn(number)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0], resident(), len(gc.get_objects())
        for number in range(TURNS // 4):
            turn(number)
        gc.collect()
        traced = tracemalloc.get_traced_memory()[0] - before[0]
    finally:
        tracemalloc.stop()
    for number in range(TURNS // 2):
        turn(number)
    gc.collect()
    assert traced < 500_000
    assert resident() - before[1] < 16 << 20
    assert len(gc.get_objects()) - before[2] < 3000


def test_reference_counts_of_what_is_shared() -> None:
    cache, things = Cache(10), ObjectCache[Any, Any](10)
    key, value, marker = "key %d" % os.getpid(), b"value" * 9, object()
    shared: list[object] = [key, value, marker, None, True, 1000001]
    gc.collect()  # others refer to None as well
    before = [sys.getrefcount(each) for each in shared]
    for _ in range(1000):
        cache.set(key, value)
        cache.get("absent", marker), cache.get(key), cache.contains(key), cache.delete(key)
        things.set(key, marker)
        things.get(key, None), things.peek("absent", marker), things.pop(key)
        cache.set_many({key: value}), cache.get_many([key]), cache.delete_many([key])
    gc.collect()
    after = [sys.getrefcount(each) for each in shared]
    # A reference too many or too few in a turn is a thousand.
    assert all(abs(now - then) < 500 for now, then in zip(after, before)), (before, after)
