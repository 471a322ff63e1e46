"""Another value for a key that an ObjectCache has: on the compiled path its slot stays.

What can be seen of a write must be the same as of one that the engine was told of.
"""

from __future__ import annotations

import gc
import random
import time
import weakref
from typing import Any

import pytest

from cachecore import NEVER, Cause, ObjectCache, RefusedError


class Thing:
    def __init__(self, weight: int = 1) -> None:
        self.weight = weight


class Named(str):
    """A key that is equal to others, and not the same object."""


def counters(cache: ObjectCache[Any, Any]) -> tuple[int, ...]:
    stats = cache.stats()
    return stats.hits, stats.misses, stats.inserts, stats.updates, stats.entries


LIFETIMES = [None, NEVER, 3600, 900]


@pytest.mark.parametrize("first", LIFETIMES)
@pytest.mark.parametrize("second", LIFETIMES)
@pytest.mark.parametrize("default", [None, 1800])
@pytest.mark.parametrize("manual", [False, True])
def test_the_lifetime_is_the_last_ones(
    first: float | None, second: float | None, default: float | None, manual: bool
) -> None:
    with ObjectCache[str, int](10, ttl=default, manual_clock=manual) as cache:
        cache.set("k", 1, first)
        cache.set("k", 2, second)
        expected = NEVER if second == NEVER else second or default or NEVER
        left = cache.ttl("k")
        assert left is not None and expected - 600 < left <= expected or left == expected == NEVER
        assert cache["k"] == 2 and counters(cache) == (1, 0, 1, 1, 1)


def test_an_updated_value_expires_at_its_own_deadline() -> None:
    with ObjectCache[str, int](10) as cache:
        cache.set("k", 1, 3600)
        cache.set("k", 2, 0.02)
        cache.set("stays", 1, 0.02)
        cache.set("stays", 2, 3600)
        time.sleep(0.06)
        assert cache.get("k") is None and cache.get("stays") == 2 and len(cache) == 1
        cache.set("k", 3)  # over one that has expired
        cache.set("k", 4)
        assert cache["k"] == 4


def test_an_update_is_the_last_use_and_no_hit() -> None:
    for lifetime in (None, 60):
        with ObjectCache[int, int](4, ttl=lifetime) as cache:
            for number in range(4):
                cache[number] = number
            assert cache[1] == 1
            cache[0] = 10
            assert cache.coldest(4) == [2, 3, 1, 0] and list(cache) == [1, 2, 3, 0]
            cache[4] = 4
            cache[5] = 5
            assert sorted(cache) == [0, 1, 4, 5]
            assert counters(cache) == (1, 0, 6, 1, 4)
            cache.reset_stats()
            cache[0] = 11
            assert counters(cache) == (0, 0, 0, 1, 4)


def test_the_old_references_go_at_once() -> None:
    for lifetime in (None, 60):
        with ObjectCache[Any, Any](10, ttl=lifetime) as cache:
            key, value = Named("k"), Thing()
            gone = weakref.ref(key), weakref.ref(value)
            cache[key] = value
            del key, value
            cache[Named("k")] = fresh = Thing()
            assert [ref() for ref in gone] == [None, None] and cache["k"] is fresh
            cache["k"] = cache  # a cycle
        kept = weakref.ref(fresh)
        del fresh
        assert kept() is None
    cyclic = ObjectCache[str, Any](10)
    cyclic["k"] = 1
    cyclic["k"] = cyclic
    dead = weakref.ref(cyclic)
    del cyclic
    gc.collect()
    assert dead() is None


def test_a_finalizer_that_updates_what_it_left() -> None:
    with ObjectCache[str, Any](10) as cache:

        class Last:
            def __del__(self) -> None:
                cache["k"] = "from the finalizer"

        cache["k"] = Last()
        cache["k"] = "from outside"
        assert cache["k"] == "from the finalizer" and len(cache) == len(list(cache)) == 1


def test_weights_of_updates() -> None:
    with ObjectCache[str, Thing](max_weight=10, weigher=lambda key, value: value.weight) as cache:
        cache["a"] = Thing(2)
        cache["b"] = Thing(3)
        cache["a"] = Thing(4)
        assert cache.weight == 7 and sorted(cache) == ["a", "b"]
        cache["a"] = Thing(8)  # b, the coldest, makes room
        assert cache.weight == 8 and list(cache) == ["a"]
        with pytest.raises(RefusedError):
            cache["a"] = Thing(11)
        assert "a" not in cache and cache.weight == 0


def test_a_listener_hears_of_what_was_replaced() -> None:
    heard: list[Any] = []
    with ObjectCache[str, int](10, on_removal=lambda *what: heard.append(what)) as cache:
        cache["k"] = 1
        cache["k"] = 2
        assert heard == [("k", 1, Cause.REPLACED)]


def test_an_update_voids_the_claim() -> None:
    with ObjectCache[str, int](10, manual_clock=True) as cache:

        def compute() -> int:
            cache["k"] = 1
            cache["k"] = 2
            return 3

        assert cache.get_or_set("k", compute, ttl=1, stale=5) == 3 and cache["k"] == 2


def test_an_update_has_no_stale_window() -> None:
    with ObjectCache[str, int](10, manual_clock=True) as cache:
        assert cache.get_or_set("k", lambda: 1, ttl=1, stale=100) == 1
        cache.set("k", 2, ttl=1)
        cache.advance_clock(2)
        assert cache.get_or_set("k", lambda: 3, ttl=1) == 3
    with ObjectCache[str, int](10) as cache:  # and with a clock by which uses may wait
        assert cache.get_or_set("k", lambda: 1, ttl=0.02, stale=100) == 1
        cache.set("k", 2, ttl=0.02)
        time.sleep(0.06)
        assert cache.get_or_set("k", lambda: 3, ttl=1) == 3


@pytest.mark.parametrize("seed", range(8))
def test_beside_a_cache_that_listens(seed: int) -> None:
    """Where somebody listens every write is the engine's: all else must come out the same."""
    dice = random.Random(seed)
    options: dict[str, Any] = {"ttl": dice.choice([None, 3600])}
    if seed % 2:
        options["max_weight"] = 60
    with (
        ObjectCache[int, int](20, **options) as cache,
        ObjectCache[int, int](20, **options, on_removal=lambda *what: None) as other,
    ):
        for step in range(4000):
            key = int(dice.expovariate(0.06))
            ttl = dice.choice([None, None, None, NEVER, 60, 7200])
            weight = dice.choice([None, 1, 2, 5])
            kind = dice.random()
            said = []
            for each in (cache, other):
                if kind < 0.5:
                    said.append(each.set(key, step, ttl, weight))
                elif kind < 0.8:
                    said.append(each.get(key))
                elif kind < 0.85:
                    said.append(each.add(key, step, ttl, weight))
                elif kind < 0.9:
                    said.append(each.delete(key))
                elif kind < 0.95:
                    said.append(each.touch(key, ttl))
                else:
                    said.append(
                        (list(each.items()), each.coldest(100), each.weight, counters(each))
                    )
            assert said[0] == said[1], f"seed {seed}, step {step}"
