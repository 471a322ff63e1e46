"""``@cached``."""

from __future__ import annotations

import copy
import gc
import inspect
import os
import pickle
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from cachecore import Cache, CacheInfo, ObjectCache, cached


def test_bare_and_with_options() -> None:
    @cached
    def bare(x: int) -> list[int]:
        """Its text."""
        return [x]

    @cached(maxsize=2)
    def small(x: int) -> list[int]:
        return [x]

    assert bare(1) is bare(1) and bare(2) == [2]
    assert bare.cache_info() == CacheInfo(1, 2, 128, 2) == (1, 2, 128, 2)
    assert bare.__doc__ == "Its text." and bare.__name__ == "bare"
    assert bare.__wrapped__(1) is not bare(1)
    assert bare.cache_parameters() == {"maxsize": 128, "typed": False}
    first = small(1)
    small(2), small(1), small(3)
    assert small(1) is first and small.cache_info().currsize == 2
    small.cache_clear()
    assert small.cache_info() == (0, 0, 2, 0) and small(1) is not first


def test_invalidating_one_call() -> None:
    @cached
    def f(x: int, y: int = 0) -> object:
        return object()

    first = f(1, y=2)
    assert f.cache_contains(1, y=2) and not f.cache_contains(1, 3)
    assert f.cache_key(1, y=2) == f.cache_key(1, y=2) != f.cache_key(1, 3)
    assert f.cache_invalidate(1, y=2) and not f.cache_invalidate(1, y=2)
    assert f(1, y=2) is not first


def test_none_is_a_result() -> None:
    calls: list[int] = []

    @cached
    def f(x: int) -> None:
        calls.append(x)

    assert f(1) is None and f(1) is None and calls == [1]


def test_exceptions_are_not_kept() -> None:
    calls: list[int] = []

    @cached
    def f(x: int) -> None:
        calls.append(x)
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError) as raised:
            f(1)
        assert raised.value.__context__ is None
    assert calls == [1, 1]


def test_sizes() -> None:
    @cached(maxsize=None)
    def everything(x: int) -> int:
        return x

    @cached(maxsize=0)
    def nothing(x: int) -> object:
        return object()

    for number in range(1000):
        everything(number)
    assert everything.cache_info() == (0, 1000, None, 1000)
    assert nothing(1) is not nothing(1)
    assert nothing.cache_info() == (0, 2, 0, 0) and nothing.cache is None
    assert not nothing.cache_invalidate(1)


@pytest.mark.parametrize("options", [{"ttl": 0}, {"ttl": -1}, {"stale": 1}, {"ignore": ["z"]}])
def test_options_out_of_range(options: Any) -> None:
    with pytest.raises(ValueError):
        cached(**options)(lambda x: x)


def test_options_that_do_not_go_together() -> None:
    for options in (
        {"key": len, "typed": True},
        {"key": len, "ignore": ["x"]},
        {"cache": ObjectCache[Any, Any](1), "maxsize": 5},
    ):
        with pytest.raises(TypeError):
            cached(**options)(lambda x: x)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="by name"):
        cached(5)  # type: ignore[call-overload]


def test_results_are_kept_in_an_object_cache_alone() -> None:
    for cache in ({}, Cache(10), ObjectCache):
        with pytest.raises(TypeError, match="must be an ObjectCache"):
            cached(cache=cache)  # type: ignore[call-overload]


def test_typed() -> None:
    @cached(typed=True)
    def f(x: Any, *, y: Any = None) -> object:
        return object()

    assert f(3) is not f(3.0) and f(3) is f(3)
    assert f(1, y=1) is not f(1, y=True)


def test_key() -> None:
    @cached(key=lambda request: request["id"])
    def f(request: dict[str, int]) -> object:
        return object()

    assert f({"id": 1, "a": 1}) is f({"id": 1, "b": 2}) and f({"id": 2}) is not f({"id": 1})


def test_ignore() -> None:
    @cached(ignore=("session", "rest"))
    def f(session: object, x: int, *rest: int, verbose: bool = False) -> object:
        return object()

    assert f(1, 5) is f(2, 5) is f([], 5, 7, 8)
    assert f(1, 5) is not f(1, 6) and f(1, 5) is not f(1, 5, verbose=True)
    assert f(session={}, x=5) is f(session=[], x=5)


def test_condition() -> None:
    @cached(condition=lambda result: result is not None)
    def f(x: int) -> int | None:
        calls.append(x)
        return x or None

    calls: list[int] = []
    for _ in range(3):
        f(0), f(1)
    assert calls == [0, 1, 0, 0]


def test_methods() -> None:
    class C:
        @cached(maxsize=10)
        def method(self, x: int) -> object:
            return object()

        @classmethod
        @cached
        def of_class(cls, x: int) -> object:
            return object()

        @staticmethod
        @cached
        def static(x: int) -> object:
            return object()

    one, other = C(), C()
    assert one.method(1) is one.method(1) is not other.method(1)
    assert C.of_class(1) is one.of_class(1) and C.static(1) is one.static(1)
    assert C.method.cache_invalidate(one, 1)
    gone = weakref.ref(one)
    del one
    C.method.cache_clear()
    gc.collect()
    assert gone() is None


def test_a_dropped_function_drops_its_results() -> None:
    class Thing: ...

    def make() -> Any:
        @cached
        def f() -> Thing:
            return Thing()

        return weakref.ref(f()), weakref.ref(f)

    refs = make()
    gc.collect()
    assert refs[0]() is None and refs[1]() is None


@cached
def at_module_level(x: int) -> int:
    return x


def test_copies_are_the_function() -> None:
    assert copy.copy(at_module_level) is copy.deepcopy(at_module_level) is at_module_level
    assert pickle.loads(pickle.dumps(at_module_level)) is at_module_level
    assert list(inspect.signature(at_module_level).parameters) == ["x"]


def test_a_shared_cache() -> None:
    cache = ObjectCache[Any, Any](10)

    @cached(cache=cache)
    def f(x: int) -> str:
        return "f"

    @cached(cache=cache)
    def g(x: int) -> str:
        return "g"

    assert (f(1), g(1), f(1), len(cache)) == ("f", "g", "f", 2)
    assert f.cache is cache


# ---- Single flight -----------------------------------------------------------------------------


def in_threads(count: int, work: Callable[[int], object]) -> list[Any]:
    results: list[Any] = [None] * count

    def run(number: int) -> None:
        try:
            results[number] = work(number)
        except BaseException as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return results


def test_one_computes_for_all() -> None:
    calls: list[int] = []

    @cached
    def f(x: int) -> object:
        calls.append(x)
        time.sleep(0.1)
        return object()

    results = in_threads(8, lambda number: f(1))
    assert len(calls) == 1 and len(set(map(id, results))) == 1
    assert f.cache_info()[:2] == (7, 1)


def test_all_get_the_exception() -> None:
    calls: list[int] = []
    together = threading.Barrier(5)

    @cached
    def f(x: int) -> None:
        calls.append(x)
        time.sleep(0.2)
        raise ZeroDivisionError

    def work(number: int) -> None:
        together.wait()
        f(1)

    results = in_threads(5, work)
    assert all(isinstance(result, ZeroDivisionError) for result in results)
    assert len(calls) < 5 and not f.cache_contains(1)


def test_without_single_flight() -> None:
    together = threading.Barrier(4)

    @cached(single_flight=False)
    def f(x: int) -> int:
        together.wait(10)
        return x

    assert in_threads(4, lambda number: f(1)) == [1] * 4


def test_interrupted_computations_are_taken_over() -> None:
    started = threading.Event()

    class Interrupt(BaseException): ...

    @cached
    def f(x: int) -> str:
        if not started.is_set():
            started.set()
            time.sleep(0.1)
            raise Interrupt
        return "done"

    def work(number: int) -> str:
        if number:
            started.wait()
        return f(1)

    results = in_threads(4, work)
    assert isinstance(results[0], Interrupt) and results[1:] == ["done"] * 3


def test_a_function_that_calls_itself() -> None:
    @cached(maxsize=None)
    def fibonacci(n: int) -> int:
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    @cached
    def same(depth: list[int]) -> int:
        raise NotImplementedError

    assert fibonacci(150) == 9969216677189303386214405760200
    depth = 0

    @cached
    def itself() -> int:
        nonlocal depth
        depth += 1
        return itself() + 1 if depth < 4 else 0

    assert itself() == 3


def test_two_that_want_each_other() -> None:
    inside = threading.Barrier(2)
    entered = [False, False]

    @cached
    def f(x: int) -> int:
        if not entered[x]:
            entered[x] = True
            inside.wait(10)
            return f(1 - x) + 1
        return 0

    assert sorted(in_threads(2, f)) in ([1, 1], [1, 2])


def test_an_eq_that_calls_the_function() -> None:
    @cached(maxsize=10)
    def f(x: object) -> str:
        return str(x)

    class Double:
        def __init__(self, x: int) -> None:
            self.x = x
            f(self)

        def __hash__(self) -> int:
            return self.x

        def __eq__(self, other: object) -> bool:
            if self.x == 2:
                f(Double(1))
            return self.x == getattr(other, "x", other)

    f(Double(1)), f(Double(2)), f(Double(1))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_in_the_middle_of_a_computation() -> None:
    inside, go_on = threading.Event(), threading.Event()

    @cached
    def f(x: int) -> int:
        inside.set()
        go_on.wait(30)
        return x

    thread = threading.Thread(target=f, args=(1,))
    thread.start()
    inside.wait()
    child = os.fork()
    if child == 0:
        go_on.set()
        os._exit(f(1))  # and does not wait for a thread that is not there
    go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
