"""Which objects leave first, and that reads by the table alone count."""

from __future__ import annotations

import random
from collections import OrderedDict

import pytest

from cachecore import NEVER, ObjectCache


def test_exactly_least_recently_used() -> None:
    model: OrderedDict[int, int] = OrderedDict()
    chance = random.Random(5)
    with ObjectCache[int, int](50) as cache:
        for turn in range(20_000):
            key = chance.randrange(80)
            action = chance.randrange(10)
            if action < 5:
                assert cache.get(key) == model.get(key), turn
                if key in model:
                    model.move_to_end(key)
            elif action < 9:
                cache[key] = model[key] = turn
                model.move_to_end(key)
                if len(model) > 50:
                    model.popitem(last=False)
            else:
                assert cache.delete(key) == (model.pop(key, None) is not None)
        assert dict(cache) == model


@pytest.mark.parametrize("bound", [3, 64, 200, 1500])
def test_least_recently_used_after_many_reads(bound: int) -> None:
    """More of them than the compiled path lets wait, and resizing, which changes how many."""
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    model: OrderedDict[int, int] = OrderedDict()
    hits = misses = 0
    with ObjectCache[int, int](bound) as cache:
        for turn in range(30):
            for _ in range(chance.choice([1, 50, 700, 3000])):
                key = min(chance.randrange(2 * bound), chance.randrange(2 * bound))
                assert cache.get(key) == model.get(key)
                if key in model:
                    model.move_to_end(key)
                    hits += 1
                else:
                    misses += 1
            for _ in range(chance.randrange(bound)):
                key = chance.randrange(2 * bound)
                if chance.randrange(4) == 0:
                    assert cache.delete(key) == (model.pop(key, None) is not None)
                else:
                    cache[key] = model[key] = turn
                    model.move_to_end(key)
                    if len(model) > bound:
                        model.popitem(last=False)
            if turn % 10 == 9:
                bound = max(2, int(bound * chance.choice([0.5, 1, 2])))
                cache.resize(bound)
                while len(model) > bound:
                    model.popitem(last=False)
            assert dict(cache.items()) == model  # which is no use
        assert (cache.stats().hits, cache.stats().misses) == (hits, misses)
        cache.reset_stats()
        assert (cache.stats().hits, cache.stats().misses) == (0, 0)


def test_hits_are_counted_and_ordered_as_they_happen() -> None:
    with ObjectCache[int, int](3, manual_clock=True) as cache:
        cache.update({1: 1, 2: 2, 3: 3})
        for number in range(1000):
            cache.get(1 + number % 2)
        assert cache.stats().hits == 1000
        cache[4] = 4
        assert set(cache) == {1, 2, 4}
        cache.get(1), cache.get(2), cache.get(1), cache.get(4), cache.get(2)
        cache[5] = 5
        assert set(cache) == {2, 4, 5}
        cache.reset_stats()
        cache.get(2), cache.get(2), cache.get(9)
        assert (cache.stats().hits, cache.stats().misses) == (2, 1)


def test_resize_counts_the_last_reads() -> None:
    with ObjectCache[str, int](3) as cache:
        cache.update(a=1, b=2, c=3)
        cache.get("a")
        cache.resize(1)
        assert list(cache) == ["a"]


def test_a_lifetime_given_later_counts() -> None:
    with ObjectCache[str, int](10, manual_clock=True) as cache:
        cache["k"] = 1
        assert cache.get("k") == 1 and cache.touch("k", 1) and cache.get("k") == 1
        cache.advance_clock(1)
        assert cache.get("k") is None and "k" not in cache
        cache.set("k", 2, ttl=NEVER)
        cache.get("k")
        cache.set("k", 3, ttl=1)
        cache.advance_clock(1)
        assert cache.get("k") is None


def test_adaptive() -> None:
    with ObjectCache[int, int](50, policy="adaptive") as cache:
        for _ in range(20):
            for hot in range(20):
                cache.get(hot) or cache.set(hot, 1)
        for cold in range(1000, 3000):
            cache[cold] = 1
        assert len(cache) <= 50 and sum(hot in cache for hot in range(20)) >= 15
        assert cache.stats().entries == len(list(cache))
