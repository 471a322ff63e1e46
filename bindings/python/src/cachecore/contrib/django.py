"""A backend for Django's cache framework.

::

    CACHES = {
        "default": {
            "BACKEND": "cachecore.contrib.django.CacheCoreCache",
            "LOCATION": "default",
            "OPTIONS": {"MAX_ENTRIES": 50_000, "MAX_BYTES": 64 << 20},
        }
    }
"""

# mypy: disable-error-code="import-not-found,import-untyped,misc,no-any-return"

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any

from .extras import needs

needs("django", "django")

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from ..cache import Cache
from ..durations import NEVER
from .contents import seconds
from .pickled import MISSING, PickledCache

_DEFAULT_MAX_ENTRIES = 10_000

_opening = Lock()
_by_location: dict[str, Cache[bytes]] = {}


def _engine(location: str, options: Mapping[str, Any]) -> Cache[bytes]:
    """The cache of a location; the first alias that names it says how large it is."""
    with _opening:
        if location not in _by_location:
            max_entries, max_bytes = options.get("MAX_ENTRIES"), options.get("MAX_BYTES")
            if max_entries is None and max_bytes is None:
                max_entries = _DEFAULT_MAX_ENTRIES
            _by_location[location] = Cache(
                max_entries,
                max_bytes=max_bytes,
                policy=options.get("POLICY", "lru"),
                shared=options.get("SHARED"),
            )
        return _by_location[location]


class CacheCoreCache(BaseCache):
    """Values pickled, in the memory of this process; aliases of one LOCATION share a cache.  With
    the option SHARED (as ``shared`` of cachecore.Cache) all processes that name the same place do.

    Timeouts are Django's: None is for ever, 0 and less is at once.  A full cache forgets what was
    used longest ago, so that CULL_FREQUENCY means nothing here.

    ``get_or_set`` calls a default once for all threads and tasks that miss the key at the same time; who
    deletes or sets the key meanwhile prevents that the result is stored.

    The asynchronous methods call the engine where they are, without a thread: it never waits.
    """

    def __init__(self, location: str, params: Mapping[str, Any]) -> None:
        super().__init__(params)
        #: The cachecore.Cache: statistics, the sweeper, ...
        self.engine = _engine(location, params.get("OPTIONS", {}))
        self._values = PickledCache(self.engine)

    def _lifetime(self, timeout: Any) -> float:
        if timeout is DEFAULT_TIMEOUT:
            timeout = self.default_timeout
        return NEVER if timeout is None else seconds(timeout)

    def _key(self, key: Any, version: int | None) -> str:
        return str(self.make_and_validate_key(key, version=version))

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        made = self._key(key, version)
        return self._values.add(made, value, self._lifetime(timeout))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._values.get(self._key(key, version), default)

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        made = self._key(key, version)
        self._values.set(made, value, self._lifetime(timeout))

    def get_or_set(
        self, key: Any, default: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> Any:
        made, compute = self._key(key, version), default if callable(default) else lambda: default
        return self._values.get_or_set(made, compute, self._lifetime(timeout))

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        made = self._key(key, version)
        return self._values.touch(made, self._lifetime(timeout))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self.engine.delete(self._key(key, version))

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        names = {key: self._key(key, version) for key in keys}  # 1 and "1" are one name
        found = self._values.get_many(set(names.values()))
        return {key: found[name] for key, name in names.items() if name in found}

    def set_many(
        self,
        data: Mapping[Any, Any],
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> list[Any]:
        made = {self._key(key, version): key for key in data}
        values = {name: data[key] for name, key in made.items()}
        return [made[key] for key in self._values.set_many(values, self._lifetime(timeout))]

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        self.engine.delete_many([self._key(key, version) for key in keys])

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        total = self._values.add_to(self._key(key, version), delta)
        if total is MISSING:
            raise ValueError("incr: the key is not there")
        return total

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return self.engine.contains(self._key(key, version))

    def clear(self) -> None:
        self.engine.clear()

    def close(self, **kwargs: Any) -> None:
        """Django calls this after each request; the cache stays."""

    # -- The same, awaited -----------------------------------------------------------------------

    async def aadd(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        return self.add(key, value, timeout, version)

    async def aget(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self.get(key, default, version)

    async def aset(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        self.set(key, value, timeout, version)

    async def aget_or_set(
        self, key: Any, default: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> Any:
        made, compute = self._key(key, version), default if callable(default) else lambda: default
        return await self._values.get_or_set_async(made, compute, self._lifetime(timeout))

    async def atouch(
        self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        return self.touch(key, timeout, version)

    async def adelete(self, key: Any, version: int | None = None) -> bool:
        return self.delete(key, version)

    async def aget_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        return self.get_many(keys, version)

    async def aset_many(
        self,
        data: Mapping[Any, Any],
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> list[Any]:
        return self.set_many(data, timeout, version)

    async def adelete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        self.delete_many(keys, version)

    async def aincr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return self.incr(key, delta, version)

    async def ahas_key(self, key: Any, version: int | None = None) -> bool:
        return self.has_key(key, version)

    async def aclear(self) -> None:
        self.clear()

    async def aclose(self, **kwargs: Any) -> None:
        self.close(**kwargs)
