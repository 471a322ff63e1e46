"""@cached over async functions: tasks, their loops, and who is cancelled."""

from __future__ import annotations

import asyncio
import inspect
import logging

import pytest

from cachecore import cached

# ---- async -------------------------------------------------------------------------------------


def test_async() -> None:
    calls: list[int] = []

    @cached(maxsize=10)
    async def f(x: int) -> object:
        calls.append(x)
        await asyncio.sleep(0.01)
        return object()

    async def main() -> None:
        results = await asyncio.gather(*(f(1) for _ in range(20)))
        assert len(set(map(id, results))) == 1 and await f(1) is results[0]
        assert f.cache_info() == (20, 1, 10, 1)
        assert f.cache_invalidate(1) and await f(1) is not results[0]

    assert inspect.iscoroutinefunction(f)
    for _ in range(2):  # a new loop finds nothing of the old one's
        f.cache_clear()
        asyncio.run(main())
    assert calls == [1] * 4


def test_async_exceptions() -> None:
    calls: list[int] = []

    @cached
    async def f(x: int) -> None:
        calls.append(x)
        await asyncio.sleep(0.01)
        raise ZeroDivisionError

    async def main() -> None:
        results = await asyncio.gather(*(f(1) for _ in range(5)), return_exceptions=True)
        assert all(isinstance(result, ZeroDivisionError) for result in results)
        assert not f.cache_contains(1)

    asyncio.run(main())
    assert calls == [1]


def test_async_without_single_flight_and_without_a_cache() -> None:
    calls: list[int] = []

    @cached(single_flight=False)
    async def f(x: int) -> int:
        calls.append(x)
        await asyncio.sleep(0)
        return x

    @cached(maxsize=0)
    async def g(x: int) -> int:
        return x

    async def main() -> None:
        assert await asyncio.gather(f(1), f(1)) == [1, 1] and len(calls) == 2
        assert await g(1) == 1 and g.cache_info() == (0, 1, 0, 0)

    asyncio.run(main())


def test_a_cancelled_caller_leaves_the_others_alone() -> None:
    cancelled: list[bool] = []

    @cached
    async def f(x: int) -> int:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return x

    async def main() -> None:
        first, second = asyncio.create_task(f(1)), asyncio.create_task(f(1))
        await asyncio.sleep(0.01)
        first.cancel()
        assert await second == 1 and cancelled == []
        with pytest.raises(asyncio.CancelledError):
            await first

    asyncio.run(main())


def test_the_last_caller_to_go_cancels() -> None:
    started = cancelled = 0

    @cached
    async def f(x: int) -> int:
        nonlocal started, cancelled
        started += 1
        try:
            await asyncio.sleep(0.05 if started > 1 else 60)
        except asyncio.CancelledError:
            cancelled += 1
            raise
        return x

    async def main() -> None:
        tasks = [asyncio.create_task(f(1)) for _ in range(3)]
        await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        again = asyncio.create_task(f(1))  # is not given what was cancelled
        assert await again == 1
        await asyncio.gather(*tasks, return_exceptions=True)
        with pytest.raises(TimeoutError):
            f.cache_clear()
            nonlocal started
            started = 0
            await asyncio.wait_for(f(1), 0.01)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert cancelled == 2


def test_async_recursion() -> None:
    @cached(maxsize=None)
    async def fibonacci(n: int) -> int:
        return n if n < 2 else sum(await asyncio.gather(fibonacci(n - 1), fibonacci(n - 2)))

    depth = 0

    @cached
    async def itself() -> int:
        nonlocal depth
        depth += 1
        return await asyncio.create_task(itself()) + 1 if depth < 4 else 0

    @cached
    async def each_other(x: int) -> int:
        await asyncio.sleep(0.01)
        return 1 if x > 3 else await asyncio.wait_for(each_other(1 - x if x < 2 else 9), 5)

    async def main() -> None:
        assert await fibonacci(60) == 1548008755920
        assert await itself() == 3

    asyncio.run(main())


def test_async_two_that_want_each_other() -> None:
    entered: set[int] = set()

    @cached
    async def f(x: int) -> int:
        await asyncio.sleep(0.01)
        if x in entered:
            return 0
        entered.add(x)
        await asyncio.sleep(0.01)
        return await f(1 - x) + 1

    async def main() -> None:
        results = await asyncio.wait_for(asyncio.gather(f(0), f(1)), 10)
        assert sorted(results) in ([1, 1], [1, 2])

    asyncio.run(main())


def test_async_stale(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    @cached(ttl=0.02, stale=1000)
    async def f(x: int) -> int:
        calls.append(x)
        await asyncio.sleep(0.01)
        if len(calls) == 2:
            raise ZeroDivisionError
        return len(calls)

    async def main() -> None:
        assert await f(1) == 1
        await asyncio.sleep(0.03)
        assert [await f(1) for _ in range(3)] == [1, 1, 1]
        while "the stale value stays" not in caplog.text:
            await asyncio.sleep(0.005)
        assert len(calls) == 2
        assert await f(1) == 1
        while await f(1) == 1:
            await asyncio.sleep(0.005)
        assert await f(1) >= 3

    with caplog.at_level(logging.ERROR, "cachecore"):
        asyncio.run(asyncio.wait_for(main(), 30))
