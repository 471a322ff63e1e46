"""When an ObjectCache drops its references, and what the garbage collector sees of it."""

from __future__ import annotations

import gc
import os
import random
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from objects import Objects, Thing

from cachecore import ObjectCache, RefusedError


@pytest.fixture
def cache(object_cache: Objects) -> Objects:
    return object_cache


WAYS_OUT: dict[str, Callable[[Objects], object]] = {
    "delete": lambda cache: cache.delete("k"),
    "replace": lambda cache: cache.set("k", 1),
    "evict": lambda cache: cache.update({number: 1 for number in range(100)}),
    "clear": lambda cache: cache.clear(),
    "close": lambda cache: cache.close(),
    "resize": lambda cache: (cache.set("m", 1), cache.resize(1)),
    "refuse": lambda cache: (
        cache.resize(10, max_weight=5),
        pytest.raises(RefusedError, cache.set, "k", 1, None, 6),
    ),
    "expire": lambda cache: (cache.touch("k", 1), cache.advance_clock(1), cache.cleanup_expired()),
    "pop": lambda cache: cache.pop("k"),
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_references_go_with_the_entry(way: str, cache: Objects) -> None:
    value = Thing()
    gone = weakref.ref(value)
    cache["k"] = value
    del value
    gc.disable()
    try:
        assert gone() is not None
        WAYS_OUT[way](cache)
        assert gone() is None
    finally:
        gc.enable()


def test_reference_counts() -> None:
    key, value = "key %d" % os.getpid(), Thing()
    counts = sys.getrefcount(key), sys.getrefcount(value)
    with ObjectCache[str, Thing](10) as cache:
        for _ in range(1000):
            cache[key] = value
            cache.get(key)
            cache.peek(key)
            cache.setdefault(key, value)
            list(cache.items())
        assert sys.getrefcount(value) == counts[1] + 1
        cache.pop(key)
        for _ in range(100):
            with pytest.raises(TypeError):
                cache.set(key, value, ttl="x")  # type: ignore[arg-type]
        cache[key] = value
    assert (sys.getrefcount(key), sys.getrefcount(value)) == counts


def test_cycles_are_collected() -> None:
    class Owner:
        def __init__(self) -> None:
            self.cache = ObjectCache[str, Any](10)
            self.cache["me"] = self
            self.cache["cache"] = self.cache

    owner = Owner()
    gone = weakref.ref(owner), weakref.ref(owner.cache)
    del owner
    gc.collect()
    assert gone[0]() is None and gone[1]() is None


def test_finalizers_may_use_the_cache() -> None:
    with ObjectCache[Any, Any](20) as cache:

        class Reviving:
            def __init__(self, left: int) -> None:
                self.left = left

            def __del__(self) -> None:
                if self.left and not cache.closed:
                    cache[random.random()] = Reviving(self.left - 1)
                    cache.get(1)
                    cache.cleanup_expired()

        for number in range(500):
            cache[number % 30] = Reviving(3)
        cache.clear()
        assert len(cache) <= 20
    gc.collect()


def test_garbage_collection_in_the_middle() -> None:
    gc.set_threshold(1, 1, 1)
    try:
        with ObjectCache[Any, Any](50) as cache:
            for number in range(300):
                cache[(number % 70, [])[:1]] = [number]
                cache.get((number % 60,))
                list(cache.items())
    finally:
        gc.set_threshold(700, 10, 10)
