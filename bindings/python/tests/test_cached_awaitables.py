"""@cached over what shows only by what it returns that it is to be awaited."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import gc
import threading
import types
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest
from concurrent_calls import ended, in_thread

from cachecore import ObjectCache, cached

calls: list[int] = []


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


async def work(x: int) -> list[int]:
    calls.append(x)
    await asyncio.sleep(0)
    return [x]


def returning(x: int) -> Awaitable[list[int]]:
    return work(x)


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Hands:
    def __call__(self, x: int) -> Awaitable[list[int]]:
        return work(x)

    def method(self, x: int) -> Awaitable[list[int]]:
        return work(x)


def in_executor(x: int) -> Awaitable[list[int]]:
    def run() -> list[int]:
        calls.append(x)
        return [x]

    return asyncio.get_running_loop().run_in_executor(None, run)


@types.coroutine
def of_old(x: int) -> Generator[Any, Any, list[int]]:
    return (yield from work(x).__await__())


@types.coroutine
def of_old_inside(x: int) -> Generator[Any, Any, list[int]]:
    return (yield from work(x).__await__())


KINDS: dict[str, Callable[[int], Any]] = {
    "def": returning,
    "lambda": lambda x: work(x),
    "decorator": decorated(work),
    "partial": functools.partial(returning),
    "__call__": Hands(),
    "bound method": Hands().method,
    "staticmethod": staticmethod(returning),
    "task": lambda x: asyncio.ensure_future(work(x)),
    "future": in_executor,
    "types.coroutine": of_old,
    "def of types.coroutine": lambda x: of_old_inside(x),
}


@pytest.mark.parametrize("options", [{}, {"ttl": 60}, {"ttl": 60, "early": True}, {"single_flight": False}])
@pytest.mark.parametrize("kind", KINDS)
def test_the_awaited_value_is_what_is_cached(kind: str, options: dict[str, Any]) -> None:
    f = cached(**options)(KINDS[kind])

    async def main() -> None:
        first = await f(1)
        assert first == [1] and await f(1) is first
        assert await f(2) == [2] and await f(1) is first and calls == [1, 2]
        if "early" not in options:
            assert f.cache_info()[:2] == (2, 2)
        assert f.cache_contains(1) and f.cache_invalidate(1)
        assert await f(1) == [1] and calls == [1, 2, 1]

    asyncio.run(main())
    assert asyncio.run(_await(f, 2)) == [2]  # a hit is one to await, in another loop, too


async def _await(f: Callable[..., Any], *args: Any) -> Any:
    return await f(*args)


def test_a_function_without_a_cache() -> None:
    f = cached(maxsize=0)(returning)
    assert asyncio.run(_await(f, 1)) == [1] == asyncio.run(_await(f, 1)) and calls == [1, 1]
    assert f.cache_info()[:2] == (0, 2)


@pytest.mark.parametrize("first_alone", [True, False])
def test_all_who_ask_at_once_share_one_computation(first_alone: bool) -> None:
    f = cached(decorated(work))

    async def main() -> None:
        if first_alone:
            await f(0)
        answers = await asyncio.gather(*(f(1) for _ in range(10)))
        assert all(answer is answers[0] for answer in answers)
        assert calls.count(1) == 1 and f.cache_info().currsize == 1 + first_alone

    asyncio.run(main())


def test_what_it_raises_reaches_all_and_is_not_kept() -> None:
    async def fails(x: int) -> None:
        calls.append(x)
        await asyncio.sleep(0)
        raise ValueError(x)

    f = cached(decorated(fails))

    async def main() -> None:
        for times in (1, 2):
            raised = await asyncio.gather(*(f(1) for _ in range(5)), return_exceptions=True)
            assert all(isinstance(one, ValueError) for one in raised) and len(calls) == times
            assert len({id(one) for one in raised}) == 5

    asyncio.run(main())


def test_invalidation_while_the_first_one_is_awaited() -> None:
    f = cached(decorated(work))

    async def main() -> None:
        first = asyncio.ensure_future(f(1))
        while not calls:
            await asyncio.sleep(0)
        f.cache_clear()
        again = await f(1)
        assert await first == again and calls == [1, 1]
        assert await f(1) is again

    asyncio.run(main())


def test_a_call_that_is_not_awaited_blocks_nobody() -> None:
    f = cached(returning)

    async def main() -> None:
        left = f(1)
        assert await f(1) == [1]
        assert await left == [1] and calls == [1]  # its own coroutine is closed, not run
        f(2).close()
        assert await f(2) == [2]

    with pytest.warns(RuntimeWarning, match="never awaited"):  # of what close() took away
        one = cached(returning)
        one(3).close()
        del one
        gc.collect()
    asyncio.run(main())


def test_the_last_one_who_is_cancelled_cancels_it() -> None:
    events: list[str] = []

    async def long(x: int) -> int:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            events.append("cancelled")
            raise
        return x

    f = cached(decorated(long))

    async def main() -> None:
        tasks = [asyncio.ensure_future(f(1)) for _ in range(3)]
        await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert events == ["cancelled"] and all(task.cancelled() for task in tasks)

    asyncio.run(asyncio.wait_for(main(), 30))


def test_one_that_returns_an_awaitable_now_and_then() -> None:
    f: Any = cached(lambda x: work(x) if x else "plain")

    async def main() -> None:
        assert f(0) == "plain" and await f(1) == [1]
        assert await f(0) == "plain"  # from the cache
        f.cache_clear()
        assert await f(0) == "plain" and await f(1) == [1]

    asyncio.run(main())


def test_methods_and_shared_caches() -> None:
    cache = ObjectCache[Any, Any](10)

    class Shop:
        @cached(cache=cache)
        def price(self, x: int) -> Awaitable[list[int]]:
            return work(x)

        @cached
        @classmethod
        def of_class(cls, x: int) -> Awaitable[list[int]]:
            return work(x)

    shop = Shop()

    async def main() -> None:
        assert await shop.price(1) is await shop.price(x=1)
        assert shop.price.cache_invalidate(1) and not shop.price.cache_contains(1)
        assert await Shop.of_class(1) is await shop.of_class(1)

    asyncio.run(main())
    assert calls == [1, 1] and len(cache) == 0


def test_first_calls_from_many_threads() -> None:
    barrier = threading.Barrier(6)
    f = cached(returning)

    def ask() -> Any:
        barrier.wait(30)
        return asyncio.run(_await(f, 1))

    threads = [in_thread(ask) for _ in range(6)]
    assert all(ended(thread) for thread, _ in threads)
    answers = [answer for _, results in threads for answer in results]
    assert answers == [[1]] * 6 and calls == [1]


def test_futures_of_threads_are_values() -> None:
    """Nothing awaits them."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        f = cached(lambda x: pool.submit(lambda: [x]))
        assert f(1) is f(1) and f(1).result() == [1]
