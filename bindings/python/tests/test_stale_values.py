"""An old value, or that there is none, serves while one computes the next."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from concurrent_calls import Held
from conftest import eventually

from cachecore import ObjectCache, cached


@pytest.fixture
def cache(either_cache: Any) -> Any:
    return either_cache


def test_the_old_value_serves_while_one_computes(cache: Any) -> None:
    assert cache.get_or_set("k", lambda: "old", 10, stale=100) == "old"
    cache.advance_clock(10)
    compute = Held("new")

    def ask() -> Any:
        return cache.get_or_set("k", compute, 10, stale=100)

    assert [ask() for _ in range(10)] == ["old"] * 10
    assert compute.entered.wait(60) and ask() == "old" and compute.calls == 1
    compute.go.set()
    assert eventually(lambda: cache.get("k") == "new") and compute.calls == 1
    assert cache.ttl("k") == 10
    cache.advance_clock(110)
    assert cache.get_or_set("k", lambda: "newest", 10) == "newest"


def test_the_old_value_serves_while_a_task_computes(cache: Any) -> None:
    async def main() -> None:
        value, calls = "old", 0
        go = asyncio.Event()

        async def compute() -> str:
            nonlocal calls
            calls += 1
            if calls > 1:
                await go.wait()
            return value

        async def ask() -> Any:
            return await cache.get_or_set_async("k", compute, 10, stale=100)

        assert await ask() == "old"
        cache.advance_clock(10)
        value = "new"
        assert [await ask() for _ in range(10)] == ["old"] * 10
        await asyncio.sleep(0.01)
        assert calls == 2
        go.set()
        while await ask() != "new":
            await asyncio.sleep(0.001)
        assert calls == 2

    asyncio.run(asyncio.wait_for(main(), 60))


def test_that_there_is_none_is_an_answer(cache: Any) -> None:
    calls: list[int] = []

    def compute() -> None:
        calls.append(1)

    for _ in range(3):
        assert cache.get_or_set("k", compute, 100, none_ttl=5) is None
    assert len(calls) == 1
    cache.advance_clock(5)
    assert cache.get_or_set("k", lambda: "there", 100, none_ttl=5) == "there"
    assert cache.ttl("k") == 100


def test_none_of_a_function_under_cached() -> None:
    shared = ObjectCache[Any, Any](100, manual_clock=True)
    calls: list[int] = []

    @cached(cache=shared, ttl=100, stale=1000, none_ttl=5)
    def f(x: int) -> int | None:
        calls.append(x)
        return x or None

    assert [f(0), f(0), f(1), f(1)] == [None, None, 1, 1] and calls == [0, 1]
    shared.advance_clock(5)
    assert f(0) is None and f(1) == 1 and calls == [0, 1, 0]
    assert f.cache_info()[:2] == (3, 3)
    with pytest.raises(ValueError, match="none_ttl"):
        cached(none_ttl=0)(f.__wrapped__)


def test_stale_results_are_hits() -> None:
    shared = ObjectCache[Any, Any](100, manual_clock=True)
    f = cached(cache=shared, ttl=10, stale=100)(lambda: object())
    first = f()
    shared.advance_clock(10)
    assert f() is first and f.cache_info()[:2] == (1, 1)
    assert eventually(lambda: f() is not first)


@pytest.mark.parametrize("kind", ["get_or_set", "cached"])
def test_early(kind: str) -> None:
    cache = ObjectCache[Any, Any](100, manual_clock=True)
    calls = 0

    def compute() -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            cache.advance_clock(10)
        return calls

    decorated = cached(cache=cache, ttl=1000, early=True, key=lambda: "k")(compute)

    def ask() -> Any:
        return decorated() if kind == "cached" else cache.get_or_set("k", compute, 1000, early=True)

    assert [ask() for _ in range(100)] == [1] * 100  # 1000 s are left: with probability exp(-100)
    cache.advance_clock(999.999)
    assert eventually(lambda: ask() > 1) and len(cache) == 1
    with pytest.raises(ValueError, match="early needs a ttl"):
        cached(early=True)(compute)
