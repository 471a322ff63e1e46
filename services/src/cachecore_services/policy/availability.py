"""Whether the engine is there, and what is used when it is not.

The library is looked for when a cache is first wanted, never when this package is imported: an
application starts without it and falls back to Redis.
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

from .cache import PolicyCache
from .native import is_cachecore_available
from .redis import RedisStore, connect

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("cachecore.policy")


class RedisPolicyCache(PolicyCache):
    """A policy cache in Redis or Valkey, with the constructor the Redis cache always had.

    One event loop per cache: redis-py's connections belong to it.
    """

    def __init__(
        self,
        redis_client: Redis | None = None,
        ttl_seconds: float | None = None,
        enabled: bool = True,
        stale_while_revalidate: bool = True,
        use_optimized_ttl: bool = True,
        *,
        url: str = "redis://localhost:6379/0",
    ) -> None:
        """ImportError without redis-py, if no client is given.  Connects at the first use."""
        super().__init__(
            ttl_seconds=ttl_seconds,
            enabled=enabled,
            use_optimized_ttl=use_optimized_ttl,
            stale_while_revalidate=stale_while_revalidate,
            store=RedisStore(connect(url) if redis_client is None else redis_client),
        )


class _Singleton:
    """One cache for the process, and what it was made with."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.cache: PolicyCache | None = None
        self.arguments: dict[str, object] = {}


_one = _Singleton()
_NOT_GIVEN: dict[str, object] = {"max_size": None, "ttl_seconds": None, "enabled": True}


def get_policy_cache(
    max_size: int | None = None,
    ttl_seconds: float | None = None,
    enabled: bool = True,
    *,
    redis_client: Redis | None = None,
) -> PolicyCache:
    """The process's policy cache: the engine's, or Redis where the engine cannot be loaded.

    The first call makes it.  A later one with other arguments is a ValueError rather than a cache
    that is not what was asked for; one without arguments gets what is there.
    """
    given: dict[str, object] = {
        "max_size": max_size,
        "ttl_seconds": ttl_seconds,
        "enabled": enabled,
    }
    with _one.lock:
        if _one.cache is None:
            if is_cachecore_available():
                cache = PolicyCache(max_size, ttl_seconds, enabled)
            else:
                log.warning("cachecore_unavailable_using_redis")
                cache = RedisPolicyCache(redis_client, ttl_seconds, enabled)
            _one.cache, _one.arguments = cache, given
        elif given not in (_one.arguments, _NOT_GIVEN):
            raise ValueError(f"the policy cache has been made with {_one.arguments}")
        return _one.cache


def get_cachecore_policy_cache(
    max_size: int | None = None, ttl_seconds: float | None = None, enabled: bool = True
) -> PolicyCache:
    """As ``get_policy_cache``, but RuntimeError where the engine cannot be loaded."""
    if not is_cachecore_available():
        raise RuntimeError("cachecore is not available: its library cannot be loaded")
    return get_policy_cache(max_size, ttl_seconds, enabled)


async def close_policy_cache() -> None:
    """Closes the process's policy cache, if there is one; the next call makes a new one."""
    with _one.lock:
        cache, _one.cache = _one.cache, None
    if cache is not None:
        await cache.close()
