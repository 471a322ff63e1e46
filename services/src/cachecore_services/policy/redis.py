"""Decisions in Redis or Valkey, through redis-py: what a policy cache falls back to."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from cachecore.contrib.cleanup import NothingToSweep, Sweeping

from ..extras import needs
from ..loads import Loads
from .keys import KEY_PREFIX, Selection, glob_expression
from .store import Found

if TYPE_CHECKING:
    from redis.asyncio import Redis

_DELETED_AT_ONCE: Final = 500

_REPLACE: Final = """
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('set', KEYS[1], ARGV[2], 'px', ARGV[3])
end
return false
"""


def connect(url: str = "redis://localhost:6379/0", *, patience: float | None = None) -> Redis:
    """A client with a pool of connections, none of which is open yet; ImportError without redis-py.

    ValueError or TypeError for an address that is none, also for options in it that nobody knows.

    patience: seconds that a server has to answer in, once more where a connection was lost; None: as redis-py
        has it.  An option in the address goes before.
    """
    needs("redis", "redis")
    from redis.asyncio import Redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    options: dict[str, Any] = {}
    if patience is not None:
        options = {"socket_timeout": patience, "socket_connect_timeout": patience}
        options["retry"] = Retry(NoBackoff(), 1)
    client = Redis.from_url(url, **options)
    pool: Any = client.connection_pool
    pool.connection_class(**pool.connection_kwargs)  # which is where the options are looked at
    return client


def _milliseconds(ttl: float) -> int:
    if not ttl > 0:
        raise ValueError("ttl must be greater than 0")
    return math.ceil(ttl * 1000)


class RedisStore:
    """Entries expire by themselves, and there is nothing to sweep.  One event loop per store.

    What is evaluated is known in this store alone: it is evaluated once for all who ask here, and what is written
    or invalidated here is stronger than it.
    """

    implementation = "redis"
    get_now = None
    evictions = 0  # Redis says so only for the whole server

    def __init__(self, client: Redis) -> None:
        self.client: Any = client
        self._loads = Loads[str, bytes]()
        self._renewing: set[str] = set()

    def may_have(self, key: str) -> bool:
        return True

    async def get_or_evaluate(
        self,
        key: str,
        evaluate: Callable[[], Awaitable[bytes]],
        ttl: float,
        kept: Callable[[Exception | None], None],
    ) -> bytes:
        async def keep(text: bytes) -> None:
            try:
                await self.client.set(key, text, px=_milliseconds(ttl))
            except Exception as error:
                kept(error)
            else:
                kept(None)

        return await self._loads.run(key, evaluate, keep)

    async def _forget(self, matches: Callable[[str], object] | None = None) -> None:
        """What is evaluated now is not kept, and what was being kept is there."""
        if being_kept := self._loads.forget(matches):
            await asyncio.wait(being_kept)

    async def get(self, key: str) -> bytes | None:
        return _bytes(await self.client.get(key))

    async def find(self, key: str) -> Found | None:
        async with self.client.pipeline(transaction=True) as both:
            text, left_ms = await both.get(key).pttl(key).execute()
        if text is None:
            return None
        ttl = left_ms / 1000 if left_ms >= 0 else math.inf
        return Found(text.encode() if isinstance(text, str) else text, ttl, None, None)

    async def set(self, key: str, text: bytes, ttl: float) -> None:
        await self._forget(key.__eq__)
        await self.client.set(key, text, px=_milliseconds(ttl))

    async def begin_renewal(self, key: str, found: Found) -> Callable[[], object] | None:
        if key in self._renewing:
            return None
        self._renewing.add(key)
        return partial(self._renewing.discard, key)

    async def renew(self, key: str, text: bytes, ttl: float, found: Found) -> bool:
        milliseconds = _milliseconds(ttl)
        return bool(await self.client.eval(_REPLACE, 1, key, found.text, text, milliseconds))

    async def delete(self, key: str) -> bool:
        await self._forget(key.__eq__)
        return bool(await self.client.delete(key))

    async def get_many(self, keys: Iterable[str]) -> list[bytes | None]:
        return [_bytes(text) for text in await self.client.mget(list(keys))]

    async def set_many(self, texts: Mapping[str, bytes], ttl: float) -> int:
        milliseconds = _milliseconds(ttl)
        await self._forget(texts.__contains__)
        async with self.client.pipeline(transaction=False) as batch:
            for key, text in texts.items():
                batch.set(key, text, px=milliseconds)
            return sum(map(bool, await batch.execute()))

    async def invalidate(self, selection: Selection) -> int:
        return await self.invalidate_pattern(selection.glob)

    async def invalidate_pattern(self, pattern: str) -> int:
        await self._forget(glob_expression(pattern).fullmatch)
        removed, doomed = 0, []
        async for key in self.client.scan_iter(match=pattern, count=_DELETED_AT_ONCE):
            doomed.append(key)
            if len(doomed) == _DELETED_AT_ONCE:
                removed += int(await self.client.unlink(*doomed))
                doomed = []
        return removed + (int(await self.client.unlink(*doomed)) if doomed else 0)

    async def size(self) -> int:
        keys = self.client.scan_iter(match=f"{KEY_PREFIX}:*", count=_DELETED_AT_ONCE)
        return len({key async for key in keys})  # a scan may name a key twice

    async def cleanup_expired(self) -> int:
        return 0

    async def ping(self) -> None:
        await self.client.ping()

    async def close(self) -> None:
        await self.client.aclose()

    @property
    def sweeper(self) -> Sweeping:
        return NothingToSweep()


def _bytes(text: bytes | str | None) -> bytes | None:
    """Also for a client that decodes responses."""
    return text.encode() if isinstance(text, str) else text
