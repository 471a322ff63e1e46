"""Values computed where they are missing."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from cachecore import Cache, ObjectCache

CACHES = {
    "bytes": lambda: Cache(100, serializer="json", shards=1, manual_clock=True),
    "objects": lambda: ObjectCache(100, manual_clock=True),
}


@pytest.fixture(params=CACHES)
def cache(request: pytest.FixtureRequest) -> Any:
    with CACHES[request.param]() as cache:
        yield cache


def test_computed_once_and_kept(cache: Any) -> None:
    calls: list[int] = []

    def compute() -> list[int]:
        calls.append(1)
        return [7]

    assert cache.get_or_set("k", compute, 5) == cache.get_or_set("k", compute, 5) == [7]
    assert len(calls) == 1 and cache.ttl("k") == 5
    cache.advance_clock(5)
    assert cache.get_or_set("k", compute) == [7] and len(calls) == 2


def test_none_is_a_value(cache: Any) -> None:
    assert cache.get_or_set("k", lambda: None) is None
    assert cache.get_or_set("k", lambda: 1) is None


def test_a_failure_is_raised_and_nothing_stored(cache: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        cache.get_or_set("k", lambda: 1 // 0)
    assert "k" not in cache and cache.get_or_set("k", lambda: 2) == 2


def test_threads_share_one_computation(cache: Any) -> None:
    entered, go = threading.Event(), threading.Event()
    calls: list[int] = []
    found: list[Any] = []

    def compute() -> int:
        calls.append(1)
        entered.set()
        assert go.wait(60)
        return 7

    spellings = ["k", b"k"] if isinstance(cache, Cache) else ["k", "k"]
    threads = [
        threading.Thread(target=lambda n=n: found.append(cache.get_or_set(spellings[n % 2], compute)))
        for n in range(8)
    ]
    threads[0].start()
    assert entered.wait(60)
    for thread in threads[1:]:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(60)
    assert found == [7] * 8 and len(calls) == 1


def test_tasks_share_one_computation(cache: Any) -> None:
    calls: list[int] = []

    async def compute() -> int:
        calls.append(1)
        await asyncio.sleep(0.01)
        return 7

    async def main() -> list[int]:
        return await asyncio.gather(*(cache.get_or_set_async("k", compute, 5) for _ in range(20)))

    assert asyncio.run(main()) == [7] * 20 and len(calls) == 1 and cache.ttl("k") == 5


def test_a_failure_of_a_task_is_everybodys(cache: Any) -> None:
    async def compute() -> int:
        await asyncio.sleep(0)
        raise LookupError("away")

    async def main() -> list[Any]:
        asked = (cache.get_or_set_async("k", compute) for _ in range(3))
        return await asyncio.gather(*asked, return_exceptions=True)

    assert [type(error) for error in asyncio.run(main())] == [LookupError] * 3
    assert "k" not in cache


def test_a_computation_that_wants_itself_computes(cache: Any) -> None:
    def compute(depth: int) -> int:
        return depth if depth == 3 else cache.get_or_set("k", lambda: compute(depth + 1))

    assert cache.get_or_set("k", lambda: compute(1)) == 3


def test_what_is_refused_is_returned() -> None:
    with Cache(max_bytes=65536, shards=1) as small:
        large = b"x" * 10**6
        assert small.get_or_set("k", lambda: large) == large and "k" not in small


def test_a_key_of_a_wrong_type(cache: Any) -> None:
    with pytest.raises(TypeError):
        cache.get_or_set({}, lambda: 1)
