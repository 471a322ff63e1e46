"""``@cached`` on methods and on all kinds of callables, and what its helpers take for one call."""

from __future__ import annotations

import array
import asyncio
import contextlib
import copy
import csv
import functools
import inspect
import io
import itertools
import os
import pickle
import re
import sqlite3
import tempfile
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from unittest import mock

import pytest

from cachecore import ObjectCache, cached


class Shop:
    def __init__(self) -> None:
        self.number = 0

    def count(self) -> int:
        self.number += 1
        return self.number

    @cached
    def price(self, article: str, currency: str = "EUR") -> int:
        """What it costs."""
        return self.count()

    @cached(ttl=60, ignore=("session",))
    def stock(self, session: object, article: str, *, exact: bool = False) -> int:
        return self.count()

    @cached(cache=ObjectCache(100))
    def shared(self, article: str) -> int:
        return self.count()

    @cached
    async def later(self, article: str) -> int:
        return self.count()

    @classmethod
    @cached
    def of_class(cls, x: int) -> list[Any]:
        return [cls, x]

    @cached(ttl=60)
    @classmethod
    def over_class(cls, x: int) -> list[Any]:
        return [cls, x]

    @staticmethod
    @cached
    def static(x: int) -> list[int]:
        return [x]

    @cached(ttl=60)
    @staticmethod
    def over_static(x: int) -> list[int]:
        return [x]

    @property
    @cached
    def name(self) -> list[str]:
        return ["shop"]


shop = Shop()


def test_the_helpers_of_a_bound_method() -> None:
    one, other = Shop(), Shop()
    for method in (one.price, one.shared):
        assert method("a") == method(article="a") and method.cache_contains("a")
        before = method("a")
        assert method.cache_invalidate("a") and not method.cache_invalidate("a")
        assert not method.cache_contains("a") and method("a") == before + 1
    other.price("a")
    one.price("a")
    assert one.price.cache_invalidate("a") and other.price.cache_contains("a")
    assert one.price.cache_key("a") == Shop.price.cache_key(one, "a") != other.price.cache_key("a")
    assert Shop.price.cache_invalidate(other, "a")
    assert one.shared.cache_invalidate(one, "a")  # given again, as other caches want it
    assert one.price.cache_info() == Shop.price.cache_info()


def test_ignored_parameters_through_the_instance() -> None:
    one = Shop()
    assert one.stock("db", "a") == one.stock(object(), article="a", exact=False)
    assert one.stock.cache_invalidate("other", "a") and one.stock("db", "a") == 2


def test_class_and_static_methods() -> None:
    class Other(Shop): ...

    for name in ("of_class", "over_class"):
        method, other = getattr(Shop, name), getattr(Other, name)
        assert method(1) is getattr(Shop(), name)(x=1) and method(1) == [Shop, 1]
        assert other(1) == [Other, 1]
    assert Shop.over_class.cache_invalidate(1) and not Shop.over_class.cache_contains(1)
    assert Shop.over_class(1) is Shop.over_class(1) and Other.over_class.cache_contains(1)
    for method in (Shop.static, Shop.over_static):
        first = method(1)
        assert first is method(x=1) and first == [1]
        assert method.cache_invalidate(1) and method(1) is not first
    assert Shop.static(1) is Shop().static(1) and Shop.over_static(1) is Shop().over_static(1)
    assert shop.name is shop.name


def test_a_bound_method_is_like_one() -> None:
    assert shop.price == shop.price and hash(shop.price) == hash(shop.price)
    assert shop.price != Shop().price and shop.price != 5
    assert shop.price.__name__ == "price" and shop.price.__doc__ == "What it costs."
    assert shop.price.__self__ is shop and "price" in repr(shop.price)
    assert list(inspect.signature(shop.price).parameters) == ["article", "currency"]
    assert list(inspect.signature(Shop.price).parameters) == ["self", "article", "currency"]
    assert inspect.iscoroutinefunction(shop.later) and inspect.iscoroutinefunction(Shop.later)
    assert not inspect.iscoroutinefunction(shop.price)
    assert weakref.WeakMethod(shop.price)() == shop.price  # type: ignore[arg-type]
    assert pickle.loads(pickle.dumps(shop_price)) is shop_price
    before = shop.price("w")
    assert shop.price.__wrapped__("w") == before + 1 and shop.price("w") == before
    with pytest.raises(AttributeError):
        _ = shop.price.nothing  # type: ignore[attr-defined]

    class Sub(Shop):
        def price(self, article: str, currency: str = "EUR") -> int:  # type: ignore[override]
            return -super().price(article, currency)

    assert Sub().price("a") == -1


@cached
def shop_price(x: int) -> int:
    return x


def test_what_stands_for_the_function_takes_attributes() -> None:
    shop_price.note = 1  # type: ignore[attr-defined]
    assert copy.deepcopy(shop_price).note == 1  # type: ignore[attr-defined]
    assert weakref.ref(shop_price)() is shop_price
    twice = cached(shop_price)
    assert twice.__wrapped__ is shop_price and twice(1) == 1 and twice.cache is not shop_price.cache


# ---- One call, one key --------------------------------------------------------------------------


def plain(x: Any, y: Any = 0) -> object:
    return object()


def unhashable(x: Any, y: Any = []) -> object:  # noqa: B006
    return object()


def by_position(x: Any, /, **more: Any) -> object:
    return object()


def by_name(x: Any = 1, *, y: Any = 2) -> object:
    return object()


def many(x: Any, *more: Any, y: Any = 0, **named: Any) -> object:
    return object()


def rest(x: Any, *more: Any) -> object:
    return object()


def call(*arguments: Any, **named: Any) -> tuple[Any, Any]:
    return arguments, named


SAME: list[tuple[Callable[..., object], list[Any]]] = [
    (plain, [call(1), call(1, 0), call(x=1), call(y=0, x=1), call(1, y=0)]),
    (plain, [call("a", None), call("a", y=None), call(y=None, x="a")]),
    (unhashable, [call(1), call(x=1)]),
    (by_name, [call(), call(1), call(y=2), call(x=1, y=2), call(1, y=2)]),
    (many, [call(1), call(x=1), call(1, y=0)]),
    (many, [call(1, 2, z=3), call(1, 2, z=3, y=0)]),
]
DIFFERENT: list[tuple[Callable[..., object], list[Any]]] = [
    (plain, [call(1), call(2), call(1, 1), call((1, 0)), call(0, 1)]),
    (by_position, [call(1), call(1, x=1), call(1, x=2), call(1, y=1), call(2)]),
    (by_name, [call(), call(2), call(y=1), call(2, y=1)]),
    (many, [call(1), call(1, 0), call(1, y=1), call(1, z=0), call(1, 0, z=0), call(1, a=1, b=2)]),
    (rest, [call(1), call(1, 2), call(1, 2, 3), call((1, 2))]),
]


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize(("function", "calls"), SAME)
def test_one_call_is_one_key(function: Callable[..., object], calls: Any, typed: bool) -> None:
    f = cached(typed=typed)(function)
    assert len({id(f(*arguments, **named)) for arguments, named in calls}) == 1
    for arguments, named in calls:
        for others, other_named in calls:
            f(*others, **other_named)
            assert f.cache_contains(*arguments, **named)
            assert f.cache_invalidate(*arguments, **named)


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize(("function", "calls"), DIFFERENT)
def test_other_calls_are_other_keys(
    function: Callable[..., object], calls: Any, typed: bool
) -> None:
    f = cached(typed=typed)(function)
    kept = [f(*arguments, **named) for arguments, named in calls]
    assert len(set(map(id, kept))) == len(calls)
    assert kept == [f(*arguments, **named) for arguments, named in calls]


def test_what_is_no_call() -> None:
    f = cached(plain)
    for arguments, named in (call(), call(1, 2, 3), call(1, x=1), call(1, z=1)):
        for function in (f, f.cache_key, f.cache_contains, f.cache_invalidate):
            with pytest.raises(TypeError):
                function(*arguments, **named)
    with pytest.raises(TypeError):
        cached(by_name)(1, 2)  # and 2 is not taken for y
    with pytest.raises(TypeError, match="article"):
        Shop.price.cache_invalidate("a")  # type: ignore[call-arg]  # no instance
    with pytest.raises(TypeError):
        f([])


def test_under_another_decorator() -> None:
    """It may give arguments of its own: what was left out is not taken for a default."""

    def inject(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*arguments: Any, **named: Any) -> Any:
            return function(*arguments, **{"session": "injected", **named})

        return wrapper

    @cached
    @inject
    def f(x: int, session: Any = None) -> Any:
        return session

    @cached
    @inject
    def g(x: int, session: Any) -> Any:
        return session

    assert f(1) == "injected" and f(1, session=None) is None and f.cache_contains(x=1)
    assert g(1) == "injected" and g.cache_invalidate(1)


def test_callables_that_do_not_say_what_they_take() -> None:
    assert cached(max)(1, 2) == 2
    assert cached(dict)(a=1) == {"a": 1}
    assert cached(functools.partial(plain, y=5))(1) is not None
    with pytest.raises(ValueError):
        cached(ignore=["x"])(max)


# ---- Kinds of callables -------------------------------------------------------------------------


async def pair(x: int, y: int = 0) -> list[int]:
    await asyncio.sleep(0)
    return [x, y]


class Act:
    async def __call__(self, x: int) -> list[int]:
        return await pair(x)

    async def method(self, x: int) -> list[int]:
        return await pair(x)


ASYNC: dict[str, Callable[..., Any]] = {
    "async def": pair,
    "partial": functools.partial(pair, y=1),
    "partial of a partial": functools.partial(functools.partial(pair, y=1)),
    "async __call__": Act(),
    "partial of that": functools.partial(Act()),
    "bound method": Act().method,
    "staticmethod": staticmethod(pair),
    "cached": cached(pair),
    "bound and cached": shop.later,
}


@pytest.mark.parametrize("kind", ASYNC)
def test_what_is_async(kind: str) -> None:
    f: Any = cached(ASYNC[kind])

    async def main() -> None:
        first = await f(1)
        assert await f(1) is first and f.cache_info()[:2] == (1, 1)

    asyncio.run(main())
    assert inspect.iscoroutinefunction(f if kind != "staticmethod" else f.__func__)


def generator(x: int) -> Iterator[int]:
    yield x


async def async_generator(x: int) -> AsyncIterator[int]:
    yield x


class Generates:
    def __call__(self, x: int) -> Iterator[int]:
        yield x


def test_generators_are_refused() -> None:
    for function in (
        generator,
        async_generator,
        functools.partial(generator, 1),
        Generates(),
        staticmethod(generator),
    ):
        for decorate in (cached, cached(ttl=5)):
            with pytest.raises(TypeError, match="generator"):
                decorate(function)  # type: ignore[operator]


@pytest.mark.parametrize("maxsize", [128, 0])
def test_results_that_would_be_used_up_are_refused(maxsize: int) -> None:
    makers: list[Callable[[int], Any]] = [
        lambda x: generator(x),
        lambda x: async_generator(x),
        lambda x: (y for y in [x]),
        lambda x: map(str, [x]),
        lambda x: iter([x]),
        lambda x: itertools.count(x),
        contextlib.contextmanager(generator),
        contextlib.asynccontextmanager(async_generator),
        lambda x: reversed([x]),
        lambda x: csv.reader(["a,b"]),
        lambda x: csv.DictReader(["a,b", "1,2"]),
        lambda x: opened(os.scandir(".")),
        lambda x: re.finditer("a", "aa"),
        lambda x: opened(sqlite3.connect(":memory:")).execute("SELECT 1"),
        lambda x: opened(open(os.devnull)),
        lambda x: opened(open(os.devnull, "rb", buffering=0)),
        lambda x: io.BytesIO(b"text"),
        lambda x: opened(tempfile.NamedTemporaryFile()),
        lambda x: opened(tempfile.SpooledTemporaryFile()),
        lambda x: OwnIterator(),
        lambda x: OwnAsyncIterator(),
    ]

    async def main() -> None:
        for make in makers:
            f = cached(maxsize=maxsize)(make)
            for _ in range(2):
                with pytest.raises(TypeError, match="returned"):
                    f(1)

        for value in (generator(1), pair(1), asyncio.get_running_loop().create_future(), OwnIterator()):

            async def g(value: Any) -> Any:
                return value

            for call in (cached(maxsize=maxsize)(g), cached(maxsize=maxsize)(lambda x: g(x))):
                with pytest.raises(TypeError, match="returned"):
                    await call(value)

    with opened_files:
        asyncio.run(main())


opened_files = contextlib.ExitStack()


def opened(file: Any) -> Any:
    opened_files.callback(file.close)
    return file


class OwnIterator:
    def __iter__(self) -> Any:
        return self

    def __next__(self) -> int:
        raise StopIteration


class OwnAsyncIterator:
    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> int:
        raise StopAsyncIteration


class Deck(OwnIterator):
    """A container that begins anew each time."""

    def __len__(self) -> int:
        return 0


class Lines(OwnIterator):
    def __iter__(self) -> Any:
        return iter([1])


class Closed(OwnIterator):
    def __iter__(self) -> Any:
        raise ValueError("closed")


@pytest.mark.parametrize(
    "make",
    [Deck, Lines, Closed, lambda: [1], lambda: range(3), lambda: {1: 2}.items(), lambda: "text",
     lambda: array.array("i"), lambda: memoryview(b"a"), lambda: tempfile.gettempdir(), mock.MagicMock],
)  # fmt: skip
def test_what_can_be_gone_through_again_is_kept(make: Callable[[], Any]) -> None:
    f = cached(make)
    assert f() is f()


def test_results_with_await_of_their_own_are_kept() -> None:
    class Client:
        def __await__(self) -> Any:
            yield

    assert cached(lambda: Client())() is not None


def test_what_is_no_function() -> None:
    for thing in (5, "name", property(plain)):
        for decorate in (cached, cached(ttl=5)):
            with pytest.raises(TypeError, match="takes a function"):
                decorate(thing)  # type: ignore[operator]
