"""The keys of an ObjectCache: hashing and comparing them, which runs Python that may do anything."""

from __future__ import annotations

import random
import sys
import threading
from typing import Any

import pytest
from objects import Objects, Same

from cachecore import ObjectCache


@pytest.fixture
def cache(object_cache: Objects) -> Objects:
    return object_cache


def test_keys_are_compared_as_a_dict_does(cache: Objects) -> None:
    cache[1] = "int"
    assert cache[1.0] == cache[True] == "int"
    cache[1.0] = "float"
    assert len(cache) == 1 and cache[1] == "float"
    assert hash(-1) == hash(-2)
    cache[-1], cache[-2] = "one", "two"
    assert (cache[-1], cache[-2]) == ("one", "two")
    nan = float("nan")
    cache[nan] = "nan"
    assert cache[nan] == "nan" and cache.get(float("nan")) is None
    with pytest.raises(TypeError, match="unhashable"):
        cache[[]] = 1
    with pytest.raises(TypeError, match="unhashable"):
        cache.get({})


def test_equal_hashes() -> None:
    with ObjectCache[Same, int](30) as cache:
        for number in range(100):
            cache[Same(f"{number}")] = number
        assert sorted(cache.values()) == list(range(70, 100))
        for number in range(100):
            assert cache.get(Same(f"{number}")) == (number if number >= 70 else None)
        for number in range(70, 100, 2):
            del cache[Same(f"{number}")]
        for number in range(200, 210):
            cache[Same(f"{number}")] = number
        assert len(cache) == 25
        assert all(cache[Same(f"{number}")] == number for number in range(71, 100, 2))


def test_hash_once() -> None:
    class Counting:
        calls = 0

        def __hash__(self) -> int:
            Counting.calls += 1
            return 1

    key = Counting()
    with ObjectCache[Counting, int](1) as cache:
        for call in (
            lambda: cache.get(key),
            lambda: cache.set(key, 1),
            lambda: cache.set(key, 2),
            lambda: cache[key],
            lambda: key in cache,
            lambda: cache.pop(key),
            lambda: cache.add(key, 1),
        ):
            Counting.calls = 0
            call()
            assert Counting.calls == 1 or not compiled()


def compiled() -> bool:
    import cachecore

    return cachecore.compiled


def test_hash_and_eq_that_raise(cache: Objects) -> None:
    class Bad:
        def __hash__(self) -> int:
            return hash("k")

        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError

    class Worse:
        def __hash__(self) -> int:
            raise ZeroDivisionError

    cache["k"] = 1
    for call in (
        lambda: cache.get(Bad()),
        lambda: cache.set(Bad(), 1),
        lambda: cache.delete(Bad()),
        lambda: cache.get(Worse()),
        lambda: cache.set(Worse(), 1),
    ):
        with pytest.raises(ZeroDivisionError):
            call()
    assert dict(cache) == {"k": 1}


@pytest.mark.parametrize("seed", range(40))
def test_eq_that_changes_the_cache(seed: int) -> None:
    dice = random.Random(seed)
    with ObjectCache[Any, int](1000) as cache:

        class Meddling(Same):
            def __eq__(self, other: object) -> bool:
                for number in range(50):
                    cache[f"{dice.random()}"] = number
                if dice.random() < 0.3:
                    cache.clear()
                return super().__eq__(other)

            __hash__ = Same.__hash__

        for number in range(50):
            cache[Meddling(f"{number % 5}")] = number
            cache.get(Meddling(f"{number % 7}"))
            cache.pop(Meddling(f"{number % 3}"), None)
        assert len(cache) == len(list(cache))


def test_eq_that_never_lets_a_comparison_stand() -> None:
    with ObjectCache[Any, int](10) as cache:
        other = Same("other")
        meddling = True  # a comparison within that: leave it alone

        class Restless(Same):
            def __eq__(self, key: object) -> bool:
                nonlocal meddling
                if not meddling:
                    meddling = True
                    cache[other] = 0
                    meddling = False
                return super().__eq__(key)

            __hash__ = Same.__hash__

        cache[Restless("a")] = 1
        cache[other] = 0
        meddling = False
        for call in (cache.get, cache.pop, cache.__contains__, lambda key: cache.set(key, 1)):
            with pytest.raises(RuntimeError, match="changed the cache each time"):
                call(Restless("b"))
        assert len(cache) == len(list(cache)) == 2


def test_threads_that_store_the_same_keys() -> None:
    with ObjectCache[int, int](100) as cache:

        def work(seed: int) -> None:
            dice = random.Random(seed)
            for number in range(3000):
                if dice.random() < 0.7:
                    cache[dice.randrange(8)] = number
                else:
                    cache.pop(dice.randrange(8), None)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(before)
        assert len(cache) == len(list(cache)) == cache.weight == len(set(cache))
