"""CPython's tests of functools.lru_cache, on @cached."""

from __future__ import annotations

import functools
import platform
import unittest
from collections.abc import Callable
from typing import Any

import suite
from test import test_functools

import cachecore


class Module:
    """What the tests take for functools: its lru_cache is ours."""

    _CacheInfo = cachecore.CacheInfo
    partial = functools.partial
    WRAPPER_ASSIGNMENTS = functools.WRAPPER_ASSIGNMENTS
    single_flight = True

    @classmethod
    def lru_cache(cls, maxsize: Any = 128, typed: bool = False) -> Callable[..., Any]:
        if callable(maxsize):
            return cachecore.cached(maxsize)
        if maxsize is not None and not isinstance(maxsize, int):
            raise TypeError("maxsize must be an int or None")
        return cachecore.cached(maxsize=maxsize, typed=typed, single_flight=cls.single_flight)


class ModuleWithoutSingleFlight(Module):
    single_flight = False


@cachecore.cached
def cached_func(x: int, y: int) -> int:
    return 3 * x + y


class Cached(test_functools.TestLRU, unittest.TestCase):  # type: ignore[misc]
    module = Module
    cached_func = (cached_func,)

    @cachecore.cached
    def cached_meth(self, x: int, y: int) -> int:
        return 3 * x + y

    @staticmethod
    @cachecore.cached
    def cached_staticmeth(x: int, y: int) -> int:
        return 3 * x + y


class Alone(unittest.TestCase):
    """What asks for several threads inside the function with the same arguments."""

    module = ModuleWithoutSingleFlight
    test_lru_cache_threaded2 = test_functools.TestLRU.test_lru_cache_threaded2


if __name__ == "__main__":
    suite.run(
        f"CPython {platform.python_version()} TestLRU on @cached",
        [Cached, Alone],
        {
            "test_lru_cache_threaded2": "wants threads inside the function at once for the same"
            " arguments, which single flight prevents; it is run, and counted, with"
            " single_flight=False",
            "test_lru_with_types": "wants square(3) and square(x=3) to be two calls; here they are one",
            "test_common_signatures": "wants cache_info without an annotation; ours has one",
        },
    )
