"""How deep a function under @cached may call itself: on the compiled path as deep as under functools."""

from __future__ import annotations

import functools
import gc
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

import cachecore
from cachecore import cached

LIMIT = 600  # frames above those of the test
AT_THE_END = 10  # frames that the last call needs of its own


def depth_here() -> int:
    frame, depth = sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def with_limit(call: Callable[[], Any]) -> Any:
    before = sys.getrecursionlimit()
    gc.disable()  # finalizers of what others left need frames, too
    sys.setrecursionlimit(depth_here() + LIMIT)
    try:
        return call()
    finally:
        sys.setrecursionlimit(before)
        gc.enable()


def deepest(decorate: Callable[[Any], Any]) -> int:
    """The largest n of which the n-th Fibonacci number can be computed."""

    def works(n: int) -> bool:
        @decorate
        def fib(n: int) -> int:
            return n if n < 2 else fib(n - 1) + fib(n - 2)

        try:
            return bool(with_limit(lambda: fib(n)) >= 0)
        except RecursionError:
            return False

    most, least = 2 * LIMIT, 1
    while most - least > 1:
        middle = (most + least) // 2
        least, most = (middle, most) if works(middle) else (least, middle)
    return least


@pytest.mark.parametrize(
    "options", [{}, {"ttl": 60}, {"ttl": 60, "stale": 60, "single_flight": False}]
)
def test_as_deep_as_functools(options: dict[str, Any]) -> None:
    with_functools = deepest(functools.lru_cache(maxsize=None))
    with_ours = deepest(cached(maxsize=None, **options))
    factor = (
        1 if cachecore.compiled else 2.1
    )  # ctypes: a frame of ours for each one of the function's
    assert with_ours * factor >= with_functools - AT_THE_END


def test_methods_too() -> None:
    class Numbers:
        @cached(maxsize=None)
        def ours(self, n: int) -> int:
            return n if n < 2 else self.ours(n - 1) + self.ours(n - 2)

        @functools.lru_cache(maxsize=None)  # noqa: B019
        def theirs(self, n: int) -> int:
            return n if n < 2 else self.theirs(n - 1) + self.theirs(n - 2)

    depth = LIMIT // 2 - 2 * AT_THE_END if cachecore.compiled else LIMIT // 6
    numbers = Numbers()
    assert with_limit(lambda: numbers.ours(depth)) == with_limit(lambda: numbers.theirs(depth))


def test_what_is_left_where_the_stack_ended() -> None:
    """The function can be called again, by any thread, and nobody waits for the calls that failed."""

    @cached(maxsize=None)
    def down(n: int) -> int:
        return 0 if n == 0 else 1 + down(n - 1)

    for _ in range(3):
        with pytest.raises(RecursionError):
            with_limit(lambda: down(10**6))
    results: list[int] = []
    thread = threading.Thread(target=lambda: results.append(down(5)))
    thread.start()
    thread.join(30)
    assert results == [5]
    assert down.cache is not None
    under_way = down.cache._under_way
    under_way.sweep()
    assert len(under_way) == 0
