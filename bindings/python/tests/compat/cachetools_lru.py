"""cachetools' tests of its LRUCache, on ObjectCache."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar

import suite
from tests import test_lru

from cachecore import ObjectCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def _one(value: Any) -> int:
    return 1


class LRUCache(ObjectCache[K, V]):
    """ObjectCache under the names, and with the few rules, of cachetools."""

    __slots__ = ("_sizer", "maxsize")

    def __init__(self, maxsize: float, getsizeof: Callable[[Any], int] | None = None) -> None:
        if maxsize < 0:
            raise ValueError("maxsize must not be negative")
        self.maxsize = maxsize
        self._sizer = getsizeof
        bound = 2**62 if maxsize == math.inf else max(1, int(maxsize))
        super().__init__(max_weight=bound, weigher=self._weigh)

    def _weigh(self, key: Any, value: Any) -> int:
        size = self.getsizeof(value)
        if size > self.maxsize:  # theirs keeps the older value then, ours would drop it
            raise ValueError("value too large")
        return size

    @property
    def getsizeof(self) -> Callable[[Any], int]:
        return _one if self._sizer is None else self._sizer

    @property
    def currsize(self) -> int:
        return self.weight

    def __getitem__(self, key: Any) -> Any:
        try:
            return super().__getitem__(key)
        except KeyError:
            missing = getattr(self, "__missing__", None)
            if missing is None:
                raise
        return missing(key)

    def __eq__(self, other: object) -> bool:
        return dict(self) == other if isinstance(other, Mapping) else NotImplemented

    __hash__ = ObjectCache.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)})"


test_lru.LRUCache = LRUCache


NO_PICKLE = "a cache belongs to its process; pickling one is a TypeError"
NO_DEEP_COPY = "a cache does not know how to copy its objects: deep-copying one is a TypeError"


class OnObjectCache(test_lru.LRUCacheTest):  # type: ignore[misc]
    Cache = LRUCache


if __name__ == "__main__":
    suite.run(
        f"cachetools {sys.argv[1]} CacheTestMixin and LRUCacheTest on ObjectCache",
        [OnObjectCache],
        {
            **dict.fromkeys(["test_pickle", "test_pickle_maxsize"], NO_PICKLE),
            **dict.fromkeys(["test_deepcopy", "test_deepcopy_maxsize"], NO_DEEP_COPY),
        },
    )
