"""``@cached``: what was invalidated while it was computed, what is not kept, and owners that are gone."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from concurrent_calls import ended, in_thread
from conftest import eventually

from cachecore import ObjectCache, cached


class Source:
    """A value that changes, and a load of it that takes as long as the test wants."""

    def __init__(self, value: object = "old") -> None:
        self.value = value
        self.loads = 0
        self.entered, self.go_on = threading.Event(), threading.Event()

    def read(self, x: object) -> Any:
        self.loads += 1
        value = self.value
        if self.loads == 1:
            self.entered.set()
            assert self.go_on.wait(30)
        return value


INVALIDATE: dict[str, Callable[[Any], object]] = {
    "this call": lambda f: f.cache_invalidate(1),
    "all": lambda f: f.cache_clear(),
}


@pytest.mark.parametrize("single_flight", [True, False])
@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("how", INVALIDATE)
def test_invalidated_while_computed(how: str, shared: bool, single_flight: bool) -> None:
    source = Source()
    cache = ObjectCache[Any, Any](10) if shared else None
    f = cached(cache=cache, single_flight=single_flight)(source.read)
    thread, results = in_thread(lambda: f(1))
    assert source.entered.wait(30)
    source.value = "new"
    INVALIDATE[how](f)
    assert f(1) == "new"  # who asks later starts anew, and does not wait
    source.go_on.set()
    assert ended(thread) and results == ["old"]
    assert f(1) == "new" and source.loads == 2


def test_another_key_is_not_invalidated() -> None:
    source = Source()
    f = cached(source.read)
    thread, _ = in_thread(lambda: f(1))
    assert source.entered.wait(30)
    f.cache_invalidate(2)
    source.go_on.set()
    assert ended(thread) and f.cache_contains(1)


def test_clearing_clears_for_all_that_share_the_cache() -> None:
    source, cache = Source(), ObjectCache[Any, Any](10)
    f = cached(cache=cache)(source.read)
    g = cached(cache=cache)(lambda: None)
    thread, _ = in_thread(lambda: f(1))
    assert source.entered.wait(30)
    g.cache_clear()
    source.go_on.set()
    assert ended(thread) and not f.cache_contains(1)


@pytest.mark.parametrize("how", INVALIDATE)
@pytest.mark.parametrize("moment", ["condition", "ttl", "weigher"])
def test_invalidated_between_the_end_and_the_store(moment: str, how: str) -> None:
    armed = True

    def now(name: str) -> bool:
        nonlocal armed
        if armed and name == moment:
            armed = False
            INVALIDATE[how](f)
        return True

    @cached(
        cache=ObjectCache(10, max_weight=10, weigher=lambda key, value: int(now("weigher"))),
        condition=lambda result: now("condition"),
        ttl=lambda result: 60 * now("ttl"),
    )
    def f(x: object) -> object:
        return object()

    first = f(1)
    assert not armed and not f.cache_contains(1)
    assert f(1) is not first


def test_invalidated_while_a_store_is_under_way() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def weigh(key: object, value: object) -> int:
        inside.set()
        assert go_on.wait(30)
        return 1

    f = cached(cache=ObjectCache(10, max_weight=10, weigher=weigh))(lambda: object())
    thread, _ = in_thread(f)
    assert inside.wait(30)
    other, _ = in_thread(f.cache_invalidate)  # waits for the store, but not for ever
    assert ended(other)
    go_on.set()
    assert ended(thread) and not f.cache_contains()


def test_a_refresh_that_was_invalidated() -> None:
    cache = ObjectCache[Any, Any](10, manual_clock=True)
    refreshing, go_on = threading.Event(), threading.Event()
    value = "first"

    @cached(ttl=10, stale=100, cache=cache)
    def f() -> str:
        read = value
        if read == "old":
            refreshing.set()
            assert go_on.wait(30)
        return read

    f()
    value = "old"
    cache.advance_clock(20)
    assert f() == "first" and refreshing.wait(30)
    value = "new"
    f.cache_invalidate()
    assert f() == "new"
    before = threading.active_count()
    go_on.set()
    assert eventually(lambda: threading.active_count() < before)
    assert f() == "new"


@pytest.mark.parametrize("how", INVALIDATE)
@pytest.mark.parametrize("single_flight", [True, False])
def test_tasks_invalidated_while_computed(single_flight: bool, how: str) -> None:
    value, loads = "old", 0

    @cached(single_flight=single_flight)
    async def f(x: int) -> str:
        nonlocal loads
        loads += 1
        read = value
        if loads == 1:
            await go_on.wait()
        return read

    go_on = asyncio.Event()

    async def main() -> None:
        nonlocal value
        early = asyncio.create_task(f(1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        value = "new"
        await asyncio.to_thread(INVALIDATE[how], f)
        assert await f(1) == "new"
        go_on.set()
        assert await early == "old"
        assert await f(1) == "new" and loads == 2

    asyncio.run(asyncio.wait_for(main(), 30))


# ---- What is not kept ---------------------------------------------------------------------------


def lifetime_over(result: str) -> Any:
    return {"zero": 0, "negative": -1.5, "timedelta": timedelta(days=-1), "inf": -float("inf")}.get(
        result, 10
    )


@pytest.mark.parametrize("second", ["zero", "negative", "timedelta", "inf", "unwanted", "heavy"])
def test_a_result_that_is_not_kept_displaces_the_older(second: str) -> None:
    cache = ObjectCache[Any, Any](
        10,
        manual_clock=True,
        max_weight=10,
        weigher=lambda key, value: 99 if value == "heavy" else 1,
    )
    result = "first"

    @cached(
        cache=cache, ttl=lifetime_over, stale=1000, condition=lambda result: result != "unwanted"
    )
    def f() -> str:
        return result

    assert f() == "first"
    result = second
    cache.advance_clock(20)
    assert f() == "first"
    assert eventually(lambda: f() == second)
    assert not f.cache_contains()


def test_a_lifetime_that_cannot_be() -> None:
    for ttl, error in ((float("nan"), ValueError), ("60", TypeError)):
        f = cached(ttl=lambda result, ttl=ttl: ttl)(lambda: 1)
        with pytest.raises(error, match="ttl"):
            f()


def test_a_lifetime_beyond_what_a_float_holds() -> None:
    for ttl, kept in ((10**400, True), (-(10**400), False)):
        f = cached(ttl=lambda result, ttl=ttl: ttl)(lambda: 1)
        assert f() == 1 and f.cache_contains() is kept


@pytest.mark.parametrize("wrong", ["condition", "ttl"])
def test_a_refresh_whose_options_fail(wrong: str, caplog: pytest.LogCaptureFixture) -> None:
    cache = ObjectCache[Any, Any](10, manual_clock=True)
    calls: list[int] = []

    def fails(name: str) -> int:
        if name == wrong and len(calls) == 2:
            raise ZeroDivisionError
        return 10

    @cached(
        cache=cache,
        stale=1000,
        ttl=lambda result: fails("ttl"),
        condition=lambda result: fails("condition"),
    )
    def f() -> int:
        calls.append(1)
        return len(calls)

    assert f() == 1
    cache.advance_clock(20)
    assert f() == 1
    assert eventually(lambda: "the stale value stays" in caplog.text)
    assert f() == 1
    assert eventually(lambda: f() == 3)


def test_a_result_that_is_too_heavy_is_returned() -> None:
    cache = ObjectCache[Any, Any](max_weight=10, weigher=lambda key, value: len(value))
    f = cached(cache=cache)(lambda size: "x" * size)
    assert f(50) == "x" * 50 and f(5) == "x" * 5
    assert not f.cache_contains(50) and f.cache_contains(5)


def test_a_cache_that_is_closed_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    cache = ObjectCache[Any, Any](10)

    @cached(cache=cache)
    def f() -> int:
        cache.close()
        return 1

    with caplog.at_level(logging.WARNING, "cachecore"):
        assert f() == 1
    assert "could not be kept" in caplog.text


# ---- The cache's own clock ----------------------------------------------------------------------


def test_staleness_by_the_manual_clock() -> None:
    cache = ObjectCache[Any, Any](10, manual_clock=True)
    calls: list[int] = []

    @cached(ttl=0.02, stale=600, cache=cache)
    def f() -> int:
        calls.append(1)
        return len(calls)

    f()
    time.sleep(0.05)  # real time, which is not the cache's
    assert f() == 1 and calls == [1]
    cache.advance_clock(0.019)
    assert f() == 1 and calls == [1]
    cache.advance_clock(0.001)
    assert f() == 1 and eventually(lambda: f() == 2)


def test_staleness_whatever_stands_for_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    @cached(ttl=0.02, stale=600)
    def f() -> object:
        return object()

    monkeypatch.setattr(time, "monotonic", lambda: 10.0**12)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    first = f()
    monkeypatch.undo()
    time.sleep(0.03)
    f()
    assert eventually(lambda: f() is not first)
