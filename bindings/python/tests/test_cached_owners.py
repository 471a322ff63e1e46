"""@cached: computations whose owner is interrupted, cancelled or gone."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import sys
import threading
import time
from typing import Any

import pytest
from concurrent_calls import ended, in_thread

from cachecore import cached, flight, scratch, single_flight

# ---- Owners that are gone -----------------------------------------------------------------------

LINES_OF = {
    f"{name}.py"
    for name in ("results", "cached_call", "single_flight", "flight", "under_way", "claims")
}


class Interrupt(BaseException): ...


def test_interrupted_anywhere() -> None:
    """An exception before any line of the package that a first call runs: the next call works."""

    def run(limit: int) -> int:
        lines = 0

        def trace(frame: Any, event: str, argument: object) -> Any:
            nonlocal lines
            if frame.f_code.co_filename.rpartition("/")[2] not in LINES_OF:
                return None
            if event == "line":
                lines += 1
                if lines == limit:
                    raise Interrupt
            return trace

        f = cached(lambda x: x)
        kept: BaseException | None = None
        sys.settrace(trace)
        try:
            f(1)
        except Interrupt as error:
            kept = error  # and its frames with it, as a debugger does
        finally:
            sys.settrace(None)
        assert (kept is not None) == (lines >= limit)
        thread, results = in_thread(lambda: f(1))
        assert ended(thread) and results == [1], f"line {limit}"
        assert f(1) == 1
        kept = None
        return lines

    before = sys.gettrace()
    try:
        lines = run(10**6)
        assert lines > 20
        for limit in range(1, lines + 1):
            run(limit)
    finally:
        sys.settrace(before)


def test_a_signal_leaves_nothing_behind() -> None:
    armed = False

    def interrupt(*_: object) -> None:
        if armed:
            raise Interrupt

    f = cached(maxsize=10)(lambda x: x)
    assert f.cache is not None
    before = signal.signal(signal.SIGALRM, interrupt)
    hit = number = 0
    try:
        while hit < 200:
            signal.setitimer(signal.ITIMER_REAL, 20e-6 + number % 97 * 1e-6)
            armed = True
            try:
                for _ in range(200):
                    number += 1
                    f(number)
            except Interrupt:
                hit += 1
            armed = False
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    under_way = f.cache._under_way
    assert len(under_way) <= 64
    under_way.sweep()
    assert len(under_way) == 0


def test_waiters_of_an_owner_that_is_gone() -> None:
    """They are there already when the owner leaves without a word."""
    f = cached(lambda x: x)
    assert f.cache is not None
    key = f.cache_key(1)
    entered, leave = threading.Event(), threading.Event()
    kept: list[flight.ThreadFlight] = []
    results_of = single_flight.SingleFlight(f.cache, lambda x: x)

    def owner() -> None:
        mine = flight.ThreadFlight(results_of._claim(), f.cache._under_way, {owner.__code__})
        kept.append(mine)
        assert results_of._board(mine, key, (1,), {}) is scratch.ABSENT
        entered.set()
        assert leave.wait(30)

    gone, _ = in_thread(owner)
    assert entered.wait(30)
    waiting, results = in_thread(lambda: f(1))
    time.sleep(0.05)
    assert results == []
    leave.set()
    assert ended(gone) and ended(waiting) and results == [1]


def test_the_thread_that_computes_asks_in_another_context() -> None:
    depth = 0

    @cached
    def f() -> int:
        nonlocal depth
        depth += 1
        return 0 if depth > 1 else contextvars.Context().run(f) + 1

    thread, results = in_thread(f)
    assert ended(thread) and results == [1]


def test_cancelled_before_the_first_step() -> None:
    @cached
    async def f(x: int) -> int:
        await asyncio.sleep(0)
        return x

    async def main() -> None:
        before = asyncio.all_tasks()
        caller = asyncio.create_task(f(1))
        await asyncio.sleep(0)
        for task in asyncio.all_tasks() - before:
            task.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        assert await f(1) == 1

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_computation_that_is_cancelled_from_inside() -> None:
    calls = 0

    @cached
    async def f(x: int) -> int:
        nonlocal calls
        calls += 1
        first = calls == 1
        await asyncio.sleep(0.01)
        if first:
            raise asyncio.CancelledError("from inside")
        return calls

    async def main() -> None:
        first, *others = await asyncio.gather(*(f(1) for _ in range(5)), return_exceptions=True)
        assert isinstance(first, asyncio.CancelledError) and others == [2] * 4

    asyncio.run(asyncio.wait_for(main(), 30))


def test_the_last_to_leave_waits_for_the_cleaning_up() -> None:
    cleaned = False

    @cached
    async def f() -> None:
        nonlocal cleaned
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            cleaned = True

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(f(), 0.01)
        assert cleaned

    asyncio.run(asyncio.wait_for(main(), 30))


def test_a_loop_that_ended_in_the_middle() -> None:
    @cached
    async def f(x: int) -> int:
        if first:
            await asyncio.sleep(60)
        return x

    first = True
    loop = asyncio.new_event_loop()
    waiters = [loop.create_task(f(1)) for _ in range(3)]
    loop.run_until_complete(asyncio.sleep(0.01))
    first = False
    assert asyncio.run(asyncio.wait_for(f(1), 30)) == 1
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.gather(*waiters, return_exceptions=True))
    loop.close()


def test_who_computes_for_long_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who wait look at it again and again, whether it has a frame there or not."""
    monkeypatch.setattr(flight, "_LOOK", 0.005)
    calls: list[int] = []

    @cached
    def f(x: int) -> int:
        calls.append(x)
        time.sleep(0.2)
        return x

    asked = [in_thread(lambda: f(1)) for _ in range(4)]
    assert all(ended(thread) for thread, _ in asked)
    assert [results for _, results in asked] == [[1]] * 4 and calls == [1]
