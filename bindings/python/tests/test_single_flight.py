"""One computes: for all threads, event loops and functions that share a cache and a key."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from concurrent_calls import Computations, Held, never, run_threads

from cachecore import Cache, ObjectCache, cached


@pytest.fixture
def cache(either_cache: Any) -> Any:
    return either_cache


SEED = random.randrange(2**32)


# ---- How often something is computed -------------------------------------------------------------


def test_a_thousand_keys_asked_for_by_sixteen_threads(cache: Any) -> None:
    made = Computations()
    keys = [f"key {number}" for number in range(1000)]

    def compute(key: str) -> list[object]:
        version = made.begin(key)
        time.sleep(0)
        return [key, version]

    def ask(number: int) -> None:
        order = keys[:]
        random.Random(SEED + number).shuffle(order)
        for key in order:
            assert cache.get_or_set(key, lambda key=key: compute(key)) == [key, 0]

    assert run_threads(16, ask) == [], f"seed {SEED}"
    assert made.total == 1000, f"seed {SEED}"


def test_with_deletes_in_between_nobody_is_given_what_is_older(cache: Any) -> None:
    """Computed at most once a key and once a delete; and never older than a delete before the asking."""
    made = Computations()
    keys = [f"key {number}" for number in range(50)]
    deleted: Counter[str] = Counter()  # which version is surely no older than the last delete
    deletes = Counter[int]()

    def compute(key: str) -> int:
        version = made.begin(key)
        time.sleep(0.0001)
        return version

    def work(number: int) -> None:
        chance = random.Random(SEED + number)
        for _ in range(300):
            key = chance.choice(keys)
            if chance.random() < 0.2:
                version = made.change(key)
                cache.delete(key)
                deletes[number] += 1
                with made.lock:
                    deleted[key] = max(deleted[key], version)
            least = deleted[key]
            found = cache.get_or_set(key, lambda key=key: compute(key))
            assert found >= least, f"version {found}, and {least} was deleted before"

    assert run_threads(16, work) == [], f"seed {SEED}"
    assert made.total <= len(keys) + sum(deletes.values()), f"seed {SEED}"


def test_tasks_of_several_loops_and_threads_share(cache: Any) -> None:
    made = Computations()
    keys = [f"key {number}" for number in range(200)]

    async def compute_async(key: str) -> str:
        made.begin(key)
        await asyncio.sleep(0.001)
        return key

    def compute(key: str) -> str:
        made.begin(key)
        time.sleep(0.0001)
        return key

    async def tasks(number: int) -> None:
        order = keys[:]
        random.Random(SEED + number).shuffle(order)
        found = await asyncio.gather(
            *(cache.get_or_set_async(key, lambda key=key: compute_async(key)) for key in order)
        )
        assert found == order

    def work(number: int) -> None:
        if number % 2:
            asyncio.run(tasks(number))
        else:
            for key in keys[number:] + keys[:number]:
                assert cache.get_or_set(key, lambda key=key: compute(key)) == key

    assert run_threads(8, work) == [], f"seed {SEED}"
    assert made.total == len(keys), f"seed {SEED}"


def test_functions_that_share_a_cache_have_keys_of_their_own() -> None:
    shared = ObjectCache[Any, Any](100)
    f, g = cached(cache=shared)(lambda x: ("f", x)), cached(cache=shared)(lambda x: ("g", x))
    assert f(1) == ("f", 1) and g(1) == ("g", 1)
    own = cached(cache=shared, key=lambda x: x)(lambda x: 7)
    assert own(1) == 7


def test_a_function_under_cached_is_computed_once_by_all_loops() -> None:
    calls = Counter[int]()

    @cached
    async def f(x: int) -> int:
        calls[x] += 1
        await asyncio.sleep(0.02)
        return x

    async def ask() -> None:
        assert await asyncio.gather(*(f(x) for x in range(50))) == list(range(50))

    assert run_threads(6, lambda number: asyncio.run(ask())) == []
    assert set(calls.values()) == {1} and f.cache_info()[:2] == (250, 50)


def test_as_many_are_computed_at_once_as_the_cache_holds() -> None:
    @cached
    async def f(x: int) -> int:
        await asyncio.sleep(0.01)
        return x

    async def main() -> None:
        await asyncio.gather(*(f(x) for x in range(128)))

    asyncio.run(main())
    assert f.cache_info() == (0, 128, 128, 128)


def test_thousands_of_waiting_tasks_need_no_threads(cache: Any) -> None:
    entered, go = threading.Event(), threading.Event()

    def compute() -> int:
        entered.set()
        assert go.wait(60)
        return 7

    thread = threading.Thread(target=cache.get_or_set, args=("k", compute))
    thread.start()
    assert entered.wait(60)

    async def main() -> None:
        before = threading.active_count()
        waiting = [asyncio.create_task(cache.get_or_set_async("k", never)) for _ in range(3000)]
        await asyncio.sleep(0.1)
        assert threading.active_count() == before and not any(task.done() for task in waiting)
        go.set()
        assert await asyncio.gather(*waiting) == [7] * 3000

    asyncio.run(asyncio.wait_for(main(), 60))
    thread.join(60)


# ---- What is not stored --------------------------------------------------------------------------

INVALIDATE: dict[str, Callable[[Any], object]] = {
    "delete": lambda cache: cache.delete("k"),
    "delete_many": lambda cache: cache.delete_many(["k"]),
    "clear": lambda cache: cache.clear(),
    "set": lambda cache: cache.set("k", "newer"),
    "add": lambda cache: cache.add("k", "newer"),
}


@pytest.mark.parametrize("how", INVALIDATE)
def test_what_is_invalidated_while_it_is_computed(cache: Any, how: str) -> None:
    def compute() -> str:
        INVALIDATE[how](cache)
        return "old"

    assert cache.get_or_set("k", compute) == "old"
    assert cache.get("k") == ("newer" if how in ("set", "add") else None)

    async def compute_async() -> str:
        await asyncio.to_thread(INVALIDATE[how], cache)
        return "old"

    cache.delete("k")
    assert asyncio.run(cache.get_or_set_async("k", compute_async)) == "old"
    assert cache.get("k") == ("newer" if how in ("set", "add") else None)


def test_methods_of_the_cache_concern_what_cached_computes() -> None:
    shared = ObjectCache[Any, Any](100)

    @cached(cache=shared)
    def f() -> str:
        shared.clear()
        return "old"

    assert f() == "old" and len(shared) == 0


def test_values_that_the_cache_refuses_reach_who_waits() -> None:
    large = "x" * 10**6
    compute = Held(large)

    with Cache(max_bytes=1 << 18, serializer="json") as small:
        found: list[Any] = []

        async def ask() -> None:
            found.append(await small.get_or_set_async("k", never))

        def work(number: int) -> None:
            if number == 0:
                found.append(small.get_or_set("k", compute))
            elif number == 1:
                assert compute.entered.wait(60)
                asyncio.run(ask())
            elif number == 2:
                assert compute.entered.wait(60)
                found.append(small.get_or_set("k", compute))
            else:
                assert compute.entered.wait(60)
                time.sleep(0.2)
                compute.go.set()

        assert run_threads(4, work) == []
        assert found == [large] * 3 and compute.calls == 1 and "k" not in small


def test_a_claim_that_is_not_of_get_or_set() -> None:
    """The public interface and get_or_set have the same claims."""
    with Cache(100) as cache:
        claim = cache.get_or_claim("k").claim
        found: list[Any] = []

        async def ask() -> None:
            found.append(await cache.get_or_set_async("k", never))

        def work(number: int) -> None:
            if number == 0:
                time.sleep(0.1)
                claim.fulfill(b"v")
            elif number == 1:
                found.append(cache.get_or_set("k", lambda: b"computed"))
            else:
                asyncio.run(ask())

        assert run_threads(3, work) == [] and found == [b"v"] * 2
        assert cache.stats().misses == 1


def test_statistics_of_get_or_set(cache: Any) -> None:
    cache.get_or_set("k", lambda: 1)
    cache.get_or_set("k", lambda: 1)
    stats = cache.stats()
    assert (stats.hits, stats.misses) == (1, 1)
