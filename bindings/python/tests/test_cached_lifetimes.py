"""@cached: how long a result is kept, and what serves when it is stale."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from conftest import eventually

from cachecore import NEVER, ObjectCache, cached


def test_lifetime() -> None:
    cache = ObjectCache[Any, Any](10, manual_clock=True)

    @cached(cache=cache, ttl=timedelta(seconds=2))
    def f(x: int) -> object:
        return object()

    first = f(1)
    cache.advance_clock(1.999)
    assert f(1) is first
    cache.advance_clock(0.001)
    assert f(1) is not first
    assert f.cache_parameters() == {"maxsize": 10, "typed": False, "ttl": timedelta(seconds=2)}


def test_lifetime_by_result() -> None:
    cache = ObjectCache[Any, Any](10, manual_clock=True)

    @cached(cache=cache, ttl=lambda result: result)
    def f(x: float | None) -> float | None:
        return x

    for value in (5, None, NEVER, 0):
        f(value)
    lifetimes = {key: cache.ttl(key) for key in cache}
    assert sorted(lifetimes.values(), key=str) == [5, NEVER, NEVER]
    assert not f.cache_contains(0)


# ---- Stale while revalidate --------------------------------------------------------------------


def test_stale_results_while_one_refreshes() -> None:
    refreshing, go_on = threading.Event(), threading.Event()
    calls: list[int] = []

    @cached(ttl=0.05, stale=1000)
    def f(x: int) -> int:
        calls.append(x)
        if len(calls) > 1:
            refreshing.set()
            go_on.wait(30)
        return len(calls)

    assert f(1) == f(1) == 1
    time.sleep(0.06)
    assert [f(1) for _ in range(5)] == [1] * 5
    assert refreshing.wait(30) and len(calls) == 2
    assert f(1) == 1
    go_on.set()
    assert eventually(lambda: f.__wrapped__ is not None and f(1) >= 2)


def test_a_refresh_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    @cached(ttl=0.02, stale=1000)
    def f(x: int) -> int:
        calls.append(x)
        if len(calls) > 1:
            raise ZeroDivisionError
        return 1

    f(1)
    time.sleep(0.03)
    assert f(1) == 1
    assert eventually(lambda: "the stale value stays" in caplog.text)
    assert f(1) == 1
    assert eventually(lambda: len(calls) == 3)


def test_jitter_shortens_lifetimes_by_up_to_as_much() -> None:
    with ObjectCache[Any, int](1000, manual_clock=True) as cache:

        @cached(ttl=60, jitter=20, cache=cache)
        def double(x: int) -> int:
            return 2 * x

        assert [double(x) for x in range(500)] == [2 * x for x in range(500)]
        cache.advance_clock(39.9)
        assert len(cache) == 500
        cache.advance_clock(10)
        assert 100 < len(cache) < 400  # a half
        cache.advance_clock(10.2)
        assert len(cache) == 0


def test_jitter_and_lifetimes_that_end_before_it() -> None:
    with ObjectCache[Any, int](1000, manual_clock=True) as cache:

        @cached(ttl=lambda result: result, jitter=3600, cache=cache)
        def same(x: int) -> int:
            return x

        for x in (-1, 0, 1, 60):
            assert same(x) == x
        assert len(cache) == 2
        cache.advance_clock(60)
        assert len(cache) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jitter": 5}, "needs a ttl"),
        ({"ttl": 5, "jitter": 5}, "less than"),
        ({"ttl": 5, "jitter": -1}, "jitter"),
        ({"ttl": 5, "jitter": float("nan")}, "jitter"),
    ],
)
def test_jitter_that_makes_no_sense(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cached(**options)(abs)
