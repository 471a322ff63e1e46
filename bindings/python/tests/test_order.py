"""evict, coldest, hottest, popitem: entries in the order of eviction, of caches of bytes and of objects."""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import pytest

from cachecore import Cache, Cause, ObjectCache, StateError

AnyCache: TypeAlias = "Cache[bytes] | ObjectCache[bytes, bytes]"
Opener: TypeAlias = Callable[..., AnyCache]


@pytest.fixture(params=[Cache, ObjectCache])
def opener(request: pytest.FixtureRequest) -> Opener:
    kind: type[Any] = request.param
    return lambda *arguments, **options: kind(*arguments, manual_clock=True, **options)


def test_the_order_of_use(opener: Opener) -> None:
    cache = opener(100)
    assert cache.coldest(5) == cache.hottest(5) == []
    for key in (b"a", b"b", b"c", b"d"):
        cache.set(key, b"1")
    cache.get(b"a")
    cache.peek(b"b"), b"b" in cache
    before = cache.stats()
    assert cache.coldest(9) == [b"b", b"c", b"d", b"a"]
    assert cache.hottest(2) == [b"a", b"d"]
    assert cache.coldest(0) == []
    assert cache.stats() == before
    assert cache.evict(2) == 2 and cache.coldest(9) == [b"d", b"a"]
    assert cache.evict() == 1 and cache.popitem() == (b"a", b"1")
    assert cache.evict(2**64 - 1) == 0
    with pytest.raises(KeyError, match="empty"):
        cache.popitem()


def test_bad_numbers(opener: Opener) -> None:
    cache = opener(100)
    cache.set(b"a", b"1")
    for method in (cache.evict, cache.coldest, cache.hottest):
        for bad, error in ((-1, ValueError), (2**64, ValueError), ("1", TypeError), (None, TypeError)):
            with pytest.raises(error):
                method(bad)  # type: ignore[arg-type]
    assert len(cache) == 1


def test_what_has_expired(opener: Opener) -> None:
    told: list[tuple[Any, Cause]] = []
    cache = opener(100, on_removal=lambda key, value, cause: told.append((key, cause)))
    for key, ttl in ((b"a", None), (b"b", 1), (b"c", None), (b"d", 1)):
        cache.set(key, b"", ttl)
    cache.advance_clock(1)
    assert cache.coldest(9) == [b"a", b"c"]
    assert cache.evict(3) == 3
    assert sorted(told) == [(b"a", Cause.EVICTED), (b"b", Cause.EXPIRED), (b"d", Cause.EXPIRED)]
    stats = cache.stats()
    assert (stats.evictions, stats.expirations, stats.entries) == (1, 2, 1)
    cache.set(b"e", b"", 1)
    cache.advance_clock(1)
    assert cache.popitem() == (b"c", b"") and cache.stats().expired == 0


def test_no_evict() -> None:
    with Cache(10, no_evict=True) as cache:
        cache.update(a=b"1", b=b"2")
        with pytest.raises(StateError):
            cache.evict()
        assert cache.coldest(1) == [b"a"] and cache.popitem() == (b"a", b"1")


def test_keys_of_every_length() -> None:
    with Cache(max_bytes=1 << 24, shards=1) as cache:
        keys = [bytes([65 + n % 26]) * n for n in (1, 65535, 8, 300, 65535 - 7, 2, 65000)]
        for key in keys:
            cache[key] = b""
        for limit in range(len(keys) + 2):
            assert cache.coldest(limit) == keys[:limit]
            assert cache.hottest(limit) == keys[::-1][:limit]


@pytest.mark.parametrize("policy", ["lru", "adaptive"])
@pytest.mark.parametrize("shards", [1, 8])
def test_any_shards(policy: Literal["lru", "adaptive"], shards: int) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    with Cache(5000, policy=policy, shards=shards, manual_clock=True) as cache:
        for _ in range(10_000):
            key = b"%d" % min(chance.randrange(3000), chance.randrange(3000))
            if chance.randrange(2):
                cache[key] = b"value"
            else:
                cache.get(key)
            cache.advance_clock(chance.choice([0, 0, 0.001]))
        coldest = cache.coldest(9999)
        assert sorted(coldest) == sorted(cache) and cache.hottest(9999) == coldest[::-1]
        assert cache.evict(700) == 700
        if policy == "lru":
            assert cache.coldest(9999) == coldest[700:]


def test_weights_are_held_in_the_order_of_use() -> None:
    """Also where what goes first weighs nothing, and where one entry is all there is."""
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    model: OrderedDict[int, int] = OrderedDict()
    causes: list[Cause] = []
    with ObjectCache[int, int](
        max_weight=100, on_removal=lambda key, value, cause: causes.append(cause)
    ) as cache:
        for turn in range(5000):
            key, weight = chance.randrange(60), chance.choice([0, 0, 1, 10, 30, 100])
            if chance.randrange(3):
                cache.set(key, weight, weight=weight)
                model[key] = weight
                model.move_to_end(key)
                while sum(model.values()) > 100:
                    model.popitem(last=False)
            elif cache.get(key) is not None:
                model.move_to_end(key)
            assert cache.coldest(100) == list(model), turn
            assert cache.weight == sum(model.values())
        assert set(causes) == {Cause.EVICTED, Cause.REPLACED}
        assert causes.count(Cause.EVICTED) == cache.stats().evictions


def test_a_listener_that_uses_the_cache() -> None:
    def again(key: int, value: int, cause: Cause) -> None:
        if cause is Cause.EVICTED and key < 50:
            cache.set(key + 100, value)
            cache.coldest(3)

    with ObjectCache[int, int](1000, on_removal=again) as cache:
        for key in range(100):
            cache[key] = key
        assert cache.evict(60) == 60
        assert cache.coldest(1) == [60] and cache.hottest(1) == [149]
        assert [cache.popitem()[0] for _ in range(90)] == [*range(60, 100), *range(100, 150)]


def test_popitem_of_what_is_gone_meanwhile(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.set_many({"a": b"1", "b": b"2"})
    coldest = cache.coldest

    def then_gone(count: int) -> list[bytes]:
        keys = coldest(count)
        if keys == [b"a"]:
            cache.delete("a")
        return keys

    monkeypatch.setattr(Cache, "coldest", lambda self, count: then_gone(count))
    assert cache.popitem() == (b"b", b"2")
    with pytest.raises(KeyError, match="the cache is empty"):
        cache.popitem()
