"""``jitter``: lifetimes that chance shortens."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cachecore import KEEP, NEVER, Cache, ObjectCache, cached, copying

KINDS: list[Any] = [Cache, ObjectCache]


@pytest.mark.parametrize("kind", KINDS)
def test_by_a_part_of_each_lifetime(kind: Any) -> None:
    with kind(5000, ttl=100, jitter=0.2, manual_clock=True) as cache:
        cache.update({b"default %d" % number: b"" for number in range(1000)})
        cache.set_many({b"given %d" % number: b"" for number in range(1000)}, ttl=10)
        for name, ttl in ((b"default", 100), (b"given", 10)):
            left = [cache.ttl(b"%s %d" % (name, number)) for number in range(1000)]
            assert 0.8 * ttl <= min(left) < 0.82 * ttl and 0.98 * ttl < max(left) <= ttl
            assert 0.88 * ttl < sum(left) / 1000 < 0.92 * ttl


WRITES: dict[str, Callable[[Any], object]] = {
    "set": lambda cache: cache.set(b"k", b"1"),
    "__setitem__": lambda cache: cache.__setitem__(b"k", b"1"),
    "set_many": lambda cache: cache.set_many({b"k": b"1"}),
    "update": lambda cache: cache.update({b"k": b"1"}),
    "add": lambda cache: cache.add(b"k", b"1"),
    "touch": lambda cache: (cache.set(b"k", b"1", NEVER), cache.touch(b"k")),
    "setdefault": lambda cache: cache.setdefault(b"k", b"1"),
    "get_or_set": lambda cache: cache.get_or_set(b"k", lambda: b"1"),
    "increment": lambda cache: cache.increment(b"k"),
    "replace": lambda cache: (cache.set(b"k", b"1", NEVER), cache.replace(b"k", b"2")),
}


@pytest.mark.parametrize(
    ("kind", "write"), [(kind, write) for kind in KINDS for write in WRITES if hasattr(kind, write)]
)
def test_of_every_write(kind: Any, write: str) -> None:
    with kind(10, ttl=1_000_000, jitter=1, manual_clock=True) as cache:
        WRITES[write](cache)
        assert 0 < cache.ttl(b"k") < 1_000_000


def test_not_of_what_has_a_deadline_or_none() -> None:
    with Cache(10, tti=500, jitter=1, manual_clock=True) as cache:
        cache.set("k", b"")
        assert cache.ttl("k") == 500
    with Cache(10, jitter=1, manual_clock=True) as cache:
        cache.set("k", b"")
        assert cache.ttl("k") == NEVER
        cache.set_until("k", b"", time.time() + 1000)
        left = cache.ttl("k")
        assert left is not None and 900 < left <= 1001
        assert cache.replace("k", b"", ttl=KEEP) and cache.ttl("k") == left


def test_the_same_from_the_same_seed() -> None:
    def lifetimes(kind: Any, **options: Any) -> list[float | None]:
        with kind(100, ttl=1000, jitter=0.5, **options) as cache:
            cache.update({b"%d" % number: b"" for number in range(50)})
            return [cache.ttl(b"%d" % number) for number in range(50)]

    manual: dict[str, Any] = {"manual_clock": True}
    assert lifetimes(Cache, hash_seed=1, **manual) == lifetimes(Cache, hash_seed=1, **manual)
    assert lifetimes(Cache, hash_seed=1, **manual) != lifetimes(Cache, hash_seed=2, **manual)
    assert lifetimes(Cache, **manual) != lifetimes(Cache, **manual)
    assert lifetimes(ObjectCache, **manual) == lifetimes(ObjectCache, **manual)
    assert lifetimes(ObjectCache) != lifetimes(ObjectCache)


@pytest.mark.parametrize("kind", KINDS)
def test_arguments(kind: Any) -> None:
    for jitter, permille in ((None, 0), (0, 0), (1e-9, 1), (0.0012, 1), (0.25, 250), (1, 1000)):
        with kind(10, jitter=jitter) as cache:
            assert copying.options(cache._handle).ttl_jitter_permille == permille
            assert copying.options(cache.copy()._handle).ttl_jitter_permille == permille
    for wrong in (-0.1, 1.001, 30, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="jitter is the part of a lifetime, from 0 to 1"):
            kind(10, jitter=wrong)
    for odd in ("0.1", timedelta(seconds=1)):
        with pytest.raises(TypeError, match="jitter must be a part of the lifetime"):
            kind(10, jitter=odd)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_outlives_what_is_left_of_it(kind: Any) -> None:
    """By the real clock: a hit that does not ask the engine knows of the shortened lifetime, too."""
    with kind(1000, ttl=0.4, jitter=1) as cache:
        cache.update({b"%d" % number: b"" for number in range(300)})
        expired: set[bytes] = set()
        while len(expired) < 300:
            live = set(cache.coldest(999))
            expired |= {key for key in map(b"%d".__mod__, range(300)) if key not in live}
            assert not [key for key in expired if cache.get(key) is not None or key in cache]


def test_of_results_in_a_shared_cache() -> None:
    results = ObjectCache[Any, Any](1000, jitter=0.5, manual_clock=True)

    @cached(ttl=100, cache=results)
    def double(number: int) -> int:
        return 2 * number

    for number in range(200):
        double(number)
    left = [results.ttl(double.cache_key(number)) for number in range(200)]
    assert all(ttl is not None and 50 <= ttl <= 100 for ttl in left) and len(set(left)) > 100
