"""One computes: for all threads, event loops and functions that share a cache and a key."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from concurrent_calls import Computations, Held, never, run_threads
from conftest import eventually

from cachecore import Cache, ObjectCache, RefusedError, cached


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


def without_key_error(call: Callable[[], object]) -> None:
    with contextlib.suppress(KeyError):
        call()


def refused(cache: Any) -> None:
    with pytest.raises(RefusedError):
        cache.set("k", *((1, None, 10**9) if isinstance(cache, ObjectCache) else ("x" * 10**6,)))


REMOVE: dict[str, Callable[[Any], object]] = {
    "delete": lambda cache: cache.delete("k"),
    "del": lambda cache: without_key_error(lambda: cache.__delitem__("k")),
    "pop": lambda cache: without_key_error(lambda: cache.pop("k")),
    "pop with a default": lambda cache: cache.pop("k", None),
    "delete_many": lambda cache: cache.delete_many(["other", "k"]),
    "clear": lambda cache: cache.clear(),
    "refused": refused,
}
STORE: dict[str, Callable[[Any], object]] = {
    "set": lambda cache: cache.set("k", "newer"),
    "[]=": lambda cache: cache.__setitem__("k", "newer"),
    "set_many": lambda cache: cache.set_many({"k": "newer"}),
    "update": lambda cache: cache.update({"k": "newer"}),
    "add": lambda cache: cache.add("k", "newer"),
    "setdefault": lambda cache: cache.setdefault("k", "newer"),
}
# What a cache of objects has not.
REMOVE_BYTES: dict[str, Callable[[Any], object]] = {
    "delete_prefix": lambda cache: cache.delete_prefix("k"),
    "set_until before now": lambda cache: cache.set_until("k", "gone", 1),
}
STORE_BYTES: dict[str, Callable[[Any], object]] = {
    "set_until": lambda cache: cache.set_until("k", "newer", time.time() + 60),
    "increment": lambda cache: cache.increment("k"),
}
INVALIDATE = REMOVE | REMOVE_BYTES | STORE | STORE_BYTES


# Of each kind one that refuses what is large.
MAKE: dict[str, Callable[[], Any]] = {
    "bytes": lambda: Cache(100, max_bytes=1 << 18, serializer="json", manual_clock=True),
    "objects": lambda: ObjectCache(100, max_weight=100, manual_clock=True),
}


def of_both(ways: Iterable[str]) -> pytest.MarkDecorator:
    """Every way for every kind of cache that has it."""
    only_bytes = REMOVE_BYTES | STORE_BYTES
    cases = [
        pytest.param(make, how, id=f"{kind}-{how}")
        for kind, make in MAKE.items()
        for how in ways
        if kind == "bytes" or how not in only_bytes
    ]
    return pytest.mark.parametrize(("make", "how"), cases)


@of_both(INVALIDATE)
def test_what_is_invalidated_while_it_is_computed(make: Callable[[], Any], how: str) -> None:
    with make() as cache:
        newer = 1 if how == "increment" else "newer" if how in STORE | STORE_BYTES else None

        def compute() -> str:
            INVALIDATE[how](cache)
            return "old"

        assert cache.get_or_set("k", compute) == "old"
        assert cache.get("k") == newer

        async def compute_async() -> str:
            await asyncio.to_thread(INVALIDATE[how], cache)
            return "old"

        cache.delete("k")
        assert asyncio.run(cache.get_or_set_async("k", compute_async)) == "old"
        assert cache.get("k") == newer


@of_both(INVALIDATE)
def test_what_is_stale_or_absent_is_invalidated(make: Callable[[], Any], how: str) -> None:
    with make() as cache:
        cache.get_or_set("k", lambda: "old", 1, stale=100)
        cache.advance_clock(2)
        INVALIDATE[how](cache)
        assert cache.get_or_set("k", lambda: "new", 1, stale=100) != "old"
        cache.delete("k")
        assert cache.get_or_set("k", lambda: None, none_ttl=100) is None
        if not (isinstance(cache, ObjectCache) and how in ("add", "setdefault")):  # None is there
            INVALIDATE[how](cache)
            assert cache.get_or_set("k", lambda: "new", none_ttl=100) is not None


@of_both(REMOVE | REMOVE_BYTES)
def test_a_refresh_that_is_invalidated(make: Callable[[], Any], how: str) -> None:
    """What was read for it is older than the invalidation."""
    with make() as cache:
        cache.get_or_set("k", lambda: "old", 1, stale=100)
        cache.advance_clock(2)
        refresh = Held("of the refresh")
        assert cache.get_or_set("k", refresh, 1, stale=100) == "old"
        assert refresh.entered.wait(60)
        INVALIDATE[how](cache)
        assert cache.get_or_set("k", lambda: "new", 1, stale=100) == "new"
        refresh.go.set()
        assert eventually(lambda: len(cache._under_way) == 0, 60)
        assert cache.get("k") == "new"


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
