"""A cache for aiocache.

::

    cache = CacheCoreCache(ttl=60)
    caches.set_config({"default": {"cache": "cachecore.contrib.aiocache.CacheCoreCache"}})
"""

# mypy: disable-error-code="import-not-found,import-untyped,misc"

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from aiocache.base import BaseCache
from aiocache.serializers import JsonSerializer

from ..cache import Cache
from ..durations import NEVER


def _content(value: Any) -> bytes:
    """What a serializer made, as Redis would store it: text in UTF-8, a number in digits."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (str, int, float)):
        return str(value).encode()
    raise TypeError(f"the serializer must make text or bytes, not {type(value).__name__!r}")


def _lifetime(ttl: float | None) -> float:
    """None and 0 alike are for ever."""
    return ttl or NEVER


class CacheCoreCache(BaseCache):
    """Values serialized, as JSON unless told otherwise, in the memory of this process.

    No method waits for anything; ``timeout`` never strikes.
    """

    NAME = "cachecore"

    def __init__(
        self,
        serializer: Any = None,
        *,
        max_entries: int | None = None,
        max_bytes: int | None = None,
        policy: Literal["lru", "adaptive"] = "lru",
        cache: Cache[bytes] | None = None,
        **kwargs: Any,
    ) -> None:
        """cache: use this one.  Without it and without a bound: 10000 entries."""
        super().__init__(serializer=serializer or JsonSerializer(), **kwargs)
        if max_entries is None and max_bytes is None:
            max_entries = 10_000
        #: The cachecore.Cache: statistics, the sweeper, ...
        self.engine = (
            Cache(max_entries, max_bytes=max_bytes, policy=policy) if cache is None else cache
        )

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
        if _cas_token is None:
            self.engine.set(key, _content(value), _lifetime(ttl))
            return True
        info = self.engine.inspect(key)
        if info is None or self.engine.get(key) != _content(_cas_token):
            return 0
        content, lifetime = _content(value), _lifetime(ttl)
        return int(self.engine.compare_and_set(key, content, info.version, lifetime))

    async def _multi_set(
        self, pairs: Iterable[tuple[str, Any]], ttl: float | None = None, _conn: Any = None
    ) -> bool:
        contents = {key: _content(value) for key, value in pairs}
        self.engine.set_many(contents, _lifetime(ttl))
        return True

    async def _add(self, key: str, value: Any, ttl: float | None = None, _conn: Any = None) -> bool:
        if not self.engine.add(key, _content(value), _lifetime(ttl)):
            raise ValueError(f"Key {key} already exists, use .set to update the value")
        return True

    async def _exists(self, key: str, _conn: Any = None) -> bool:
        return self.engine.contains(key)

    async def _increment(self, key: str, delta: int, _conn: Any = None) -> int:
        """Atomic; TypeError for what is no number, OverflowError past 64 bits."""
        return self.engine.increment(key, delta, ttl=NEVER)

    async def _expire(self, key: str, ttl: float, _conn: Any = None) -> bool:
        return self.engine.touch(key, _lifetime(ttl))

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
        """Between the two steps no other task of this loop can get in."""
        return int(self.engine.get(key) == _content(value) and self.engine.delete(key))
