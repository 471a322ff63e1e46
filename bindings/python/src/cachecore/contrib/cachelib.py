"""A cache for cachelib, and so for Flask-Session and others built on it.

::

    cache = CacheCoreCache(threshold=10_000, default_timeout=300)
"""

# mypy: disable-error-code="import-not-found,import-untyped,misc"

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from .extras import needs

needs("cachelib", "cachelib")

from cachelib import BaseCache

from ..cache import Cache
from ..durations import NEVER
from ..sharing import Place
from .contents import seconds
from .pickled import MISSING, PickledCache

Timeout = int | timedelta | None


def _rounded(timeout: int | timedelta) -> int:
    return math.ceil(seconds(timeout)) if isinstance(timeout, timedelta) else timeout


class CacheCoreCache(BaseCache):
    """Values pickled, in the memory of this process.

    Timeouts are cachelib's: None is the default, 0 for ever, -1 at once; a timedelta is rounded up
    to the second.
    """

    def __init__(
        self,
        threshold: int | None = None,
        default_timeout: int | timedelta = 300,
        ignore_delete_many_errors: bool = True,
        *,
        max_bytes: int | None = None,
        policy: Literal["lru", "adaptive"] = "lru",
        shared: Place | None = None,
        cache: Cache[bytes, Any] | None = None,
    ) -> None:
        """threshold: most entries; without it and without max_bytes: 10000.  shared: as of
        cachecore.Cache.  cache: use this.

        ignore_delete_many_errors has no effect: a deletion does not fail.
        """
        super().__init__(_rounded(default_timeout))
        self.ignore_delete_many_errors = ignore_delete_many_errors
        if threshold is None and max_bytes is None:
            threshold = 10_000
        #: The cachecore.Cache: statistics, the sweeper, ...
        self.engine = (
            Cache(threshold, max_bytes=max_bytes, policy=policy, shared=shared)
            if cache is None
            else cache
        )
        self._values = PickledCache(self.engine)

    def _lifetime(self, timeout: Timeout) -> float:
        return _rounded(self.default_timeout if timeout is None else timeout) or NEVER

    def get(self, key: str) -> Any:
        return self._values.get(key)

    def set(self, key: str, value: Any, timeout: Timeout = None) -> bool:
        return self._values.set(key, value, self._lifetime(timeout))

    def add(self, key: str, value: Any, timeout: Timeout = None) -> bool:
        return self._values.add(key, value, self._lifetime(timeout))

    def delete(self, key: str) -> bool:
        return self.engine.delete(key)

    def delete_many(self, *keys: str) -> list[str]:
        """All the keys: one that was absent counts as deleted, as in cachelib."""
        self.engine.delete_many(keys)
        return list(keys)

    def has(self, key: str) -> bool:
        return self.engine.contains(key)

    def clear(self) -> bool:
        self.engine.clear()
        return True

    def get_many(self, *keys: str) -> list[Any]:
        found = self._values.get_many(keys)
        return [found.get(key) for key in keys]

    def set_many(self, mapping: Mapping[str, Any], timeout: Timeout = None) -> list[Any]:
        failed = set(self._values.set_many(mapping, self._lifetime(timeout)))
        return [key for key in mapping if key not in failed]

    def inc(self, key: str, delta: int = 1) -> Any:
        """Atomic; an entry that is there keeps its deadline, a new one has the default."""
        while True:
            total = self._values.add_to(key, delta)
            if total is not MISSING:
                return total
            if self._values.add(key, delta, self._lifetime(None)):
                return delta

    def dec(self, key: str, delta: int = 1) -> Any:
        return self.inc(key, -delta)
