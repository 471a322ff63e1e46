"""``@cachedmethod``: a cache for each instance, which goes with it."""

from __future__ import annotations

import asyncio
import copy
import functools
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
from conftest import eventually

from cachecore import cached, cachedmethod


class Shop:
    def __init__(self, name: str = "") -> None:
        self.name = name
        self.number = 0

    def count(self) -> int:
        self.number += 1
        return self.number

    @cachedmethod
    def price(self, article: str, currency: str = "EUR") -> int:
        """What it costs."""
        return self.count()

    @cachedmethod(ttl=60, ignore=("session",), maxsize=2)
    def stock(self, session: object, article: str) -> int:
        return self.count()

    @cachedmethod(ttl=60)
    async def later(self, article: str) -> int:
        await asyncio.sleep(0)
        return self.count()

    @cachedmethod
    def itself(self) -> Shop:
        return self

    @property
    @cachedmethod
    def sign(self) -> list[str]:
        return [self.name]


class Unhashable(Shop):
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unhashable)


def test_each_instance_has_results_of_its_own() -> None:
    for kind in (Shop, Unhashable):
        one, other = kind(), kind()
        other.number = 10
        assert one.price("a") == one.price(article="a", currency="EUR") == 1
        assert other.price("a") == 11 and one.price("a") == 1
        assert one.price.cache is not other.price.cache is not other.stock.cache
        assert one.price.cache_info()[:2] == (2, 1) and other.price.cache_info()[:2] == (0, 1)


def test_the_helpers_concern_one_instance() -> None:
    one, other = Shop(), Shop()
    for shop in (one, other):
        shop.price("a")
        shop.price("b")
    assert one.price.cache_contains("a") and one.price.cache_key("a") == other.price.cache_key("a")
    assert one.price.cache_invalidate(article="a") and not one.price.cache_invalidate("a")
    assert not one.price.cache_contains("a") and other.price.cache_contains("a")
    one.price.cache_clear()
    assert one.price.cache_info() == (0, 0, 128, 0) and other.price.cache_info().currsize == 2
    assert one.price.cache_parameters() == Shop.price.cache_parameters()
    for helper in (one.price, one.price.cache_key, one.price.cache_contains):
        with pytest.raises(TypeError):
            helper()  # type: ignore[call-arg]


def test_the_instance_goes_when_its_last_reference_goes() -> None:
    gc.collect()
    gc.disable()
    try:
        shop = Shop()
        shop.price("a")
        asyncio.run(shop.later("a"))
        gone, cache = weakref.ref(shop), weakref.ref(shop.price.cache)  # type: ignore[type-var]
        del shop
        assert gone() is None and cache() is None
    finally:
        gc.enable()


def test_a_result_may_refer_to_the_instance() -> None:
    shop = Shop()
    assert shop.itself() is shop
    gone = weakref.ref(shop)
    del shop
    gc.collect()
    assert gone() is None


def test_a_bound_method_keeps_its_instance() -> None:
    price = Shop().price
    assert price("a") == price("a") == 1


def test_the_options_are_those_of_cached() -> None:
    shop = Shop()
    assert shop.stock("db", "a") == shop.stock(object(), article="a") == 1
    shop.stock("db", "b")
    shop.stock("db", "c")
    assert shop.stock.cache_info()[2:] == (2, 2) and not shop.stock.cache_contains("db", "a")

    class Other(Shop):
        @cachedmethod(key=lambda self, article: (self.name, article.lower()))
        def by_key(self, article: str) -> int:
            return self.count()

        @cachedmethod(typed=True)
        def typed(self, x: float) -> int:
            return self.count()

        @cachedmethod(maxsize=0)
        def uncached(self, x: float) -> int:
            return self.count()

        @cachedmethod(maxsize=None)
        def unbounded(self, x: float) -> int:
            return self.count()

    other = Other()
    assert other.by_key("a") == other.by_key("A") and other.by_key.cache_contains("A")
    assert other.typed(3) != other.typed(3.0)
    assert other.uncached(1) != other.uncached(1) and other.uncached.cache is None
    assert other.uncached.cache_info() == (0, 2, 0, 0)
    for x in range(500):
        other.unbounded(x)
    assert other.unbounded.cache_info()[2:] == (None, 500)


def test_a_stale_result_is_served_while_the_next_is_computed() -> None:
    class Slow(Shop):
        @cachedmethod(ttl=0.01, stale=60)
        def value(self) -> int:
            return self.count()

    slow = Slow()
    assert slow.value() == 1
    time.sleep(0.05)
    assert slow.value() == 1 and eventually(lambda: slow.value() > 1)


def test_one_thread_computes_for_all_that_use_the_instance() -> None:
    class Slow(Shop):
        @cachedmethod
        def value(self) -> int:
            time.sleep(0.1)
            return self.count()

    slow, other = Slow(), Slow()
    start = threading.Barrier(8)
    found: list[int] = []

    def ask() -> None:
        start.wait()
        found.append(slow.value())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 8 and slow.value.cache_info().misses == 1 and other.number == 0


def test_one_task_computes_for_all_that_use_the_instance() -> None:
    async def main() -> None:
        shop, other = Shop(), Shop()
        assert await asyncio.gather(*(shop.later("a") for _ in range(5))) == [1] * 5
        assert await Shop.later(shop, article="a") == 1 and await other.later("a") == 1
        assert shop.later.cache_invalidate("a") and await shop.later("a") == 2

    asyncio.run(main())
    assert inspect.iscoroutinefunction(Shop.later) and inspect.iscoroutinefunction(Shop().later)
    assert not inspect.iscoroutinefunction(Shop.price)


def test_what_is_invalidated_while_it_is_computed_is_not_stored() -> None:
    class Slow(Shop):
        @cachedmethod
        def value(self) -> int:
            self.value.cache_invalidate()
            return self.count()

    slow = Slow()
    assert (slow.value(), slow.value()) == (1, 2)


def test_copies_and_pickles_have_no_results() -> None:
    shop = Shop()
    asyncio.run(shop.later("a"))
    shop.price("a")
    made: list[Callable[[Shop], Shop]] = [
        copy.copy,
        copy.deepcopy,
        lambda one: pickle.loads(pickle.dumps(one)),  # type: ignore[no-any-return]
    ]
    for make in made:
        other = make(shop)
        assert other.number == 2 and not other.price.cache_contains("a")
        assert other.price("a") == 3 and shop.price("a") == 2
        assert make(other).price("a") == 4


def test_subclasses() -> None:
    class Sub(Shop):
        @cachedmethod
        def price(self, article: str, currency: str = "EUR") -> int:
            return -super().price(article, currency)

    sub = Sub()
    assert sub.price("a") == sub.price("a") == -1
    assert super(Sub, sub).price.cache_info().hits == 0


def test_it_is_like_a_method() -> None:
    shop = Shop("s")
    assert Shop.price(shop, "a") == shop.price("a") == 1
    assert shop.price == shop.price != Shop().price and hash(shop.price) == hash(shop.price)
    assert shop.price.__name__ == Shop.price.__name__ == "price"
    assert shop.price.__doc__ == Shop.price.__doc__ == "What it costs."
    assert list(inspect.signature(shop.price).parameters) == ["article", "currency"]
    assert shop.price.__wrapped__("a") == 2 and shop.price("a") == 1
    assert shop.sign is shop.sign and shop.sign == ["s"]
    method = pickle.loads(pickle.dumps(shop.price))
    assert method("a") == 3


def test_a_recursive_method() -> None:
    class Numbers:
        @cachedmethod(maxsize=None)
        def fibonacci(self, n: int) -> int:
            return n if n < 2 else self.fibonacci(n - 1) + self.fibonacci(n - 2)

    assert Numbers().fibonacci(80) == 23416728348467685


def test_a_method_that_hides_its_parameters() -> None:
    def hide(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    class Other(Shop):
        @cachedmethod
        @hide
        def hidden(self, x: int) -> int:
            return self.count()

        @cachedmethod
        @functools.wraps(Shop.count)
        def wrapped(self, x: int = 0) -> int:
            return self.count()

    one, other = Other(), Other()
    assert one.hidden(1) == one.hidden(1) == 1 and one.hidden(2) == 2 and other.hidden(1) == 1
    assert one.wrapped() == one.wrapped() == 3


def test_instances_that_cannot_have_caches() -> None:
    class Slots:
        __slots__ = ()

        @cachedmethod
        def f(self) -> int:
            return 1

    class NoWeakReference:
        __slots__ = ("__dict__",)

        @cachedmethod
        def f(self) -> int:
            return 1

    class Enough:
        __slots__ = ("__dict__", "__weakref__")

        @cachedmethod
        def f(self) -> list[int]:
            return []

    kinds: tuple[Any, ...] = (Slots, NoWeakReference)
    for kind in kinds:
        with pytest.raises(TypeError, match=f"__dict__ and __weakref__, which '{kind.__name__}'"):
            kind().f()
        with pytest.raises(TypeError, match="@cachedmethod"):
            kind.f(kind())
    enough = Enough()
    assert enough.f() is enough.f()


def test_what_is_no_method() -> None:
    for thing in (5, "name", staticmethod(len), classmethod(type), property(len)):
        for decorate in (cachedmethod, cachedmethod(ttl=5)):
            with pytest.raises(TypeError, match="takes a method"):
                decorate(thing)  # type: ignore[operator]
    with pytest.raises(TypeError, match="instance"):
        cachedmethod(lambda: 1)  # type: ignore[arg-type, misc]
    with pytest.raises(TypeError, match="generator"):
        cachedmethod(lambda self: (yield))
    with pytest.raises(ValueError, match="stale needs a ttl"):
        cachedmethod(stale=5)(lambda self: 1)
    with pytest.raises(ValueError, match="no parameter 'y'"):
        cachedmethod(ignore=["y"])(lambda self, x: 1)
    with pytest.raises(TypeError, match="__dict__"):
        Shop.price("a", "b")  # type: ignore[arg-type]


def test_a_forked_child_has_caches_of_its_own() -> None:
    shop = Shop()
    shop.price("a")
    child = os.fork()
    if child == 0:
        right = shop.price("a") == 1 and shop.price("b") == 2 and Shop().price("a") == 1
        os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0 and not shop.price.cache_contains("b")


def test_cached_over_it() -> None:
    """The cache of the outer one is that of all instances, and keeps them alive, as it does."""

    class Other(Shop):
        outer = cached(Shop.price)

    other = Other()
    assert other.outer("a") == other.outer("a") == 1
