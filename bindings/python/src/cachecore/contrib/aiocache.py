"""A cache for aiocache.

::

    cache = CacheCoreCache(ttl=60)
    caches.set_config({"default": {"cache": "cachecore.contrib.aiocache.CacheCoreCache"}})
"""

# mypy: disable-error-code="import-not-found,import-untyped,misc"

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Literal

from .extras import needs

needs("aiocache", "aiocache")

from aiocache.base import BaseCache
from aiocache.serializers import JsonSerializer

from ..cache import Cache
from ..durations import NEVER
from ..sharing import Place
from .contents import Contents, seconds


def _content(value: Any) -> bytes:
    """What a serializer made, as Redis would store it: text in UTF-8, a number in digits."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (str, int, float)):
        return str(value).encode()
    raise TypeError(f"the serializer must make text or bytes, not {type(value).__name__!r}")


def _lifetime(ttl: float | timedelta | None) -> float:
    """None and 0 alike are for ever; less than 0 is over at once."""
    return seconds(ttl or NEVER)


class CacheCoreCache(BaseCache):
    """Values serialized, as JSON unless told otherwise, in the memory of this process.

    No method waits for anything, so that ``timeout`` has no effect.  A value that is larger than the
    cache can hold is logged and not stored.
    """

    NAME = "cachecore"

    def __init__(
        self,
        serializer: Any = None,
        *,
        max_entries: int | None = None,
        max_bytes: int | None = None,
        policy: Literal["lru", "adaptive"] = "lru",
        shared: Place | None = None,
        cache: Cache[bytes, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """shared: as of cachecore.Cache.  cache: use this one.  Without it and without a bound: 10000 entries."""
        super().__init__(serializer=serializer or JsonSerializer(), **kwargs)
        if max_entries is None and max_bytes is None:
            max_entries = 10_000
        #: The cachecore.Cache: statistics, the sweeper, ...
        self.engine = (
            Cache(max_entries, max_bytes=max_bytes, policy=policy, shared=shared)
            if cache is None
            else cache
        )
        self._contents = Contents(self.engine)

    @classmethod
    def parse_uri_path(cls, path: str) -> dict[str, str]:
        return {}

    async def _get(self, key: str, encoding: str | None = "utf-8", _conn: Any = None) -> Any:
        content = self.engine.get(key)
        return content if encoding is None or content is None else content.decode(encoding)

    async def _gets(self, key: str, encoding: str | None = "utf-8", _conn: Any = None) -> Any:
        return await self._get(key, encoding)

    async def _multi_get(
        self, keys: Sequence[str], encoding: str | None = "utf-8", _conn: Any = None
    ) -> list[Any]:
        found = self.engine.get_many(keys)
        contents = map(found.get, keys)
        return [c if encoding is None or c is None else c.decode(encoding) for c in contents]

    async def _set(
        self,
        key: str,
        value: Any,
        ttl: float | None = None,
        _cas_token: Any = None,
        _conn: Any = None,
    ) -> Any:
        """False if there was no room; with a token, 0 if that is no longer the value."""
        content, lifetime = _content(value), _lifetime(ttl)
        if _cas_token is None:
            return self._contents.set(key, content, lifetime) or lifetime <= 0
        info = self.engine.inspect(key)
        if info is None or self.engine.peek(key) != _content(_cas_token):
            return 0
        return int(self._contents.compare_and_set(key, content, info.version, lifetime))

    async def _multi_set(
        self, pairs: Iterable[tuple[str, Any]], ttl: float | None = None, _conn: Any = None
    ) -> bool:
        contents = {key: _content(value) for key, value in pairs}
        return not self._contents.set_many(contents, _lifetime(ttl))

    async def _add(self, key: str, value: Any, ttl: float | None = None, _conn: Any = None) -> bool:
        stored = self._contents.add(key, _content(value), _lifetime(ttl))
        if not stored and self.engine.contains(key):
            raise ValueError(f"Key {key} already exists, use .set to update the value")
        return stored

    async def _exists(self, key: str, _conn: Any = None) -> bool:
        return self.engine.contains(key)

    async def _increment(self, key: str, delta: int, _conn: Any = None) -> int:
        """Atomic; TypeError for what is no number, OverflowError past 64 bits."""
        return self.engine.increment(key, delta, ttl=NEVER)

    async def _expire(self, key: str, ttl: float, _conn: Any = None) -> bool:
        return self._contents.touch(key, _lifetime(ttl))

    async def _delete(self, key: str, _conn: Any = None) -> int:
        return int(self.engine.delete(key))

    async def _clear(self, namespace: str | None = None, _conn: Any = None) -> bool:
        if namespace:
            self.engine.delete_prefix(namespace)
        else:
            self.engine.clear()
        return True

    async def _raw(
        self, command: str, *args: Any, encoding: Any = None, _conn: Any = None, **kwargs: Any
    ) -> Any:
        """A method of the engine's cache, by name."""
        return getattr(self.engine, command)(*args, **kwargs)

    async def _redlock_release(self, key: str, value: Any) -> int:
        """No other task of this loop runs between the two steps; one of another thread may."""
        return int(self.engine.get(key) == _content(value) and self.engine.delete(key))
