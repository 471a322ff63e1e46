"""Who computes is gone, in a thread, a task, a loop or a forked process; or would wait for himself."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Awaitable
from typing import Any

import pytest
from concurrent_calls import Held, never, run_threads

from cachecore import Cache, ClosedError


@pytest.fixture
def cache(either_cache: Any) -> Any:
    return either_cache


# ---- Who is gone ---------------------------------------------------------------------------------


def test_a_thread_that_ends_in_the_middle_hands_over(cache: Any) -> None:
    class Gone(BaseException): ...

    compute = Held(Gone())

    def work(number: int) -> None:
        if number == 0:
            with pytest.raises(Gone):
                cache.get_or_set("k", compute)
        else:
            assert compute.entered.wait(60)
            if number == 1:
                time.sleep(0.1)
                compute.go.set()
            assert cache.get_or_set("k", lambda: 7) == 7

    assert run_threads(6, work) == [] and cache.get("k") == 7


def test_a_task_that_is_cancelled_hands_over_to_another_loop(cache: Any) -> None:
    entered = threading.Event()

    async def compute() -> int:
        entered.set()
        await asyncio.sleep(600)
        return 1

    async def leave() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(cache.get_or_set_async("k", compute), 0.2)

    async def work() -> int:
        return 7

    def ask(number: int) -> None:
        if number == 0:
            asyncio.run(leave())
            return
        assert entered.wait(60)
        time.sleep(0.25)
        if number % 2:
            assert asyncio.run(cache.get_or_set_async("k", work)) == 7
        else:
            assert cache.get_or_set("k", lambda: 7) == 7

    assert run_threads(5, ask) == [] and cache.get("k") == 7


def test_who_waits_in_another_loop_keeps_the_computation(cache: Any) -> None:
    entered, others = threading.Event(), threading.Event()

    async def compute() -> int:
        entered.set()
        await asyncio.sleep(0.5)
        return 7

    async def leave() -> None:
        task = asyncio.create_task(cache.get_or_set_async("k", compute))
        await asyncio.to_thread(others.wait, 60)
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.sleep(1)  # the loop goes on, and so does what it computes

    def ask(number: int) -> None:
        if number == 0:
            asyncio.run(leave())
            return
        assert entered.wait(60)
        others.set()
        assert asyncio.run(cache.get_or_set_async("k", never)) == 7

    assert run_threads(2, ask) == []


def test_a_loop_that_has_ended_hands_over(cache: Any) -> None:
    async def compute() -> int:
        await asyncio.sleep(600)
        return 1

    loop = asyncio.new_event_loop()
    task = loop.create_task(cache.get_or_set_async("k", compute))
    loop.run_until_complete(asyncio.sleep(0.01))
    assert cache.get_or_set("k", lambda: 7) == 7
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    assert cache.get("k") == 7


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_in_the_middle(cache: Any) -> None:
    compute = Held(7)
    thread = threading.Thread(target=cache.get_or_set, args=("k", compute))
    thread.start()
    assert compute.entered.wait(60)
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        good = cache.get_or_set("k", lambda: 8) == 8 and cache.get("k") == 8
        os._exit(0 if good else 1)
    compute.go.set()
    thread.join(60)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert cache.get("k") == 7


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("asked", ["by a thread", "by the forking thread", "by a loop"])
@pytest.mark.parametrize("shared", [False, True])
def test_a_fork_from_within_a_loop(asked: str, shared: bool) -> None:
    """The child's copy of the loop says that it runs; what it computed goes on in the parent alone."""

    async def answer() -> int:
        return 8

    def ask(cache: Any, found: list[int]) -> None:
        if asked == "by a loop":
            found.append(asyncio.run(cache.get_or_set_async("k", answer)))
        else:
            found.append(cache.get_or_set("k", lambda: 8))

    def ask_in_child(cache: Any, may_go: int) -> None:
        signal.alarm(60)
        os.write(may_go, b".")
        found: list[int] = []
        if asked == "by the forking thread":
            ask(cache, found)
        else:
            thread = threading.Thread(target=ask, args=(cache, found))
            thread.start()
            thread.join()
        os._exit(0 if found[0] in ((7, 8) if shared else (8,)) else 1)

    async def main() -> None:
        entered, go = asyncio.Event(), asyncio.Event()

        async def compute() -> int:
            entered.set()
            await go.wait()
            return 7

        with Cache(100, serializer="json", shared=":memory:" if shared else None) as cache:
            computing = asyncio.create_task(cache.get_or_set_async("k", compute))
            await entered.wait()
            begun, may_go = os.pipe()
            child = os.fork()
            if child == 0:
                ask_in_child(cache, may_go)
            await asyncio.to_thread(os.read, begun, 1)
            await asyncio.sleep(0.1)  # the child waits, if the cache is shared
            go.set()
            assert await computing == 7 and cache.get("k") == 7
            status = (await asyncio.to_thread(os.waitpid, child, 0))[1]
            assert os.waitstatus_to_exitcode(status) == 0
            os.close(begun)
            os.close(may_go)

    asyncio.run(main())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_by_who_computes(cache: Any) -> None:
    """The child goes on, and what it computes is not stored: the claim stayed the parent's."""
    statuses: list[int] = []

    def compute() -> int:
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            return -1
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return 7

    here = os.getpid()
    found = cache.get_or_set("k", compute)
    if os.getpid() != here:
        os._exit(0 if found == -1 and "k" not in cache else 1)
    assert found == 7 and statuses == [0] and cache.get("k") == 7


# ---- A cache that is closed meanwhile ------------------------------------------------------------


@pytest.mark.parametrize("how", ["cancelled", "fails", "returns"])
def test_closed_while_tasks_wait(cache: Any, how: str) -> None:
    async def main() -> None:
        entered, go = asyncio.Event(), asyncio.Event()

        async def compute() -> int:
            entered.set()
            await go.wait()
            if how == "fails":
                raise OSError("away")
            return 7

        known = asyncio.all_tasks()
        waiting = [asyncio.create_task(cache.get_or_set_async("k", compute)) for _ in range(3)]
        await entered.wait()
        await asyncio.sleep(0.01)
        cache.close()
        if how == "cancelled":
            for task in asyncio.all_tasks() - known - set(waiting):
                task.cancel()
        go.set()
        ended, pending = await asyncio.wait(waiting, timeout=60)
        assert not pending
        kinds = {type(task.exception()) for task in ended if not task.cancelled()}
        assert kinds == {OSError if how == "fails" else ClosedError}
        assert len(cache._under_way) == 0

    asyncio.run(main())


@pytest.mark.parametrize("error", [None, OSError("away")])
def test_closed_while_threads_wait(cache: Any, error: Exception | None) -> None:
    compute = Held(7 if error is None else error)

    def work(number: int) -> None:
        if number < 3:
            with pytest.raises((ClosedError, OSError)):
                cache.get_or_set("k", compute)
        else:
            assert compute.entered.wait(60)
            time.sleep(0.1)
            cache.close()
            compute.go.set()

    assert run_threads(4, work) == [] and compute.calls == 1


# ---- Who would wait for himself ------------------------------------------------------------------


def test_a_computation_that_wants_itself(cache: Any) -> None:
    def compute(depth: int) -> int:
        return depth if depth == 3 else cache.get_or_set("k", lambda: compute(depth + 1))

    assert cache.get_or_set("k", lambda: compute(1)) == 3 == cache.get("k")

    async def compute_async(depth: int) -> int:
        if depth == 3:
            return depth
        return await cache.get_or_set_async("a", lambda: compute_async(depth + 1))

    assert asyncio.run(cache.get_or_set_async("a", lambda: compute_async(1))) == 3


def test_two_that_want_each_other(cache: Any) -> None:
    together = threading.Barrier(2)

    def compute(other: str, deep: bool) -> str:
        if deep:
            return "deep"
        together.wait(60)
        return str(cache.get_or_set(other, lambda: compute("none", True)))

    def ask(number: int) -> None:
        mine, other = ("a", "b") if number else ("b", "a")
        cache.get_or_set(mine, lambda: compute(other, False))

    assert run_threads(2, ask) == []


def test_a_thread_that_waits_for_a_task_of_its_own_loop(cache: Any) -> None:
    async def compute() -> int:
        await asyncio.sleep(0.05)
        return 7

    async def main() -> None:
        task = asyncio.create_task(cache.get_or_set_async("k", compute))
        await asyncio.sleep(0.01)
        assert cache.get_or_set("k", lambda: 8) == 8  # the loop could not go on
        assert await task == 7

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_loop_that_runs_inside_of_a_computation(cache: Any) -> None:
    async def inner() -> Awaitable[int] | int:
        return await cache.get_or_set_async("k", answer)

    async def answer() -> int:
        return 7

    assert cache.get_or_set("k", lambda: asyncio.run(inner())) == 7
