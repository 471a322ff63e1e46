"""The permissions of users, remembered for a quarter of an hour."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeAlias

from ...cache import Cache
from ...durations import NEVER
from ...errors import CacheCoreError, RefusedError
from ...maintenance.clock import Clock, SystemClock
from ...latency import Latency
from .experiment import TTLExperiment
from .forecast import TTLForecast

log = logging.getLogger("cachecore.permissions")

PREFIX: Final = "permissions:"
TTL: Final = 900.0

#: Looks a user's permissions up where they are kept.
Loader: TypeAlias = Callable[[str], Awaitable[list[str]]]


class PermissionCache:
    """``await cache.get_or_load("ann", load)``; any other method from any thread.

    An entry is ``{"userId", "permissions", "cachedAt", "expiresAt"}``, moments in milliseconds
    since 1970.  No method raises because the cache failed: that is counted, and is a miss.
    """

    def __init__(
        self,
        max_users: int = 100_000,
        *,
        max_bytes: int | None = 64 << 20,
        ttl: float = TTL,
        experiment: TTLExperiment | None = None,
        clock: Clock | None = None,
        manual_clock: bool = False,
    ) -> None:
        """experiment: gives some of the users another lifetime.

        clock, manual_clock: of the entries, and of the cache, for tests.
        """
        self.cache: Cache[Any] = Cache(
            max_users, max_bytes=max_bytes, ttl=ttl, serializer="json", manual_clock=manual_clock
        )
        self.ttl = ttl
        self.experiment = experiment
        self._clock: Clock = SystemClock() if clock is None else clock
        self.forecast = TTLForecast(ttl, self._clock)
        self.lookups = Latency()
        self.loads = Latency()
        self.failures = 0  #: operations that failed, without those the cache counts itself
        self._lock = threading.Lock()
        self._loading: dict[str, asyncio.Future[list[str]]] = {}
        self._cleared = 0

    def close(self) -> None:
        self.cache.close()
        self.forecast.close()

    # -- Reading ---------------------------------------------------------------------------------

    def get(self, user: str) -> dict[str, Any] | None:
        """The entry, or None."""
        begun = time.perf_counter_ns()
        try:
            entry: dict[str, Any] | None = self.cache.get(PREFIX + user)
        except (CacheCoreError, ValueError, TypeError) as error:
            self._failed("get", error)
            entry = None
        with self._lock:
            self.lookups.record(time.perf_counter_ns() - begun)
        self.forecast.read(user)
        if self.experiment is not None:
            self.experiment.read(user, entry is not None)
        return entry

    async def get_or_load(self, user: str, load: Loader) -> list[str]:
        """The permissions, loaded and remembered if they are not known.

        Whoever asks for a user who is being loaded waits for that.  What was loaded while the
        user was invalidated is answered, and not remembered.
        """
        entry = self.get(user)
        if entry is not None:
            known: list[str] = entry["permissions"]
            return known
        loading = self._loading.get(user)
        if loading is None:
            loading = asyncio.ensure_future(self._load(user, load))
            self._loading[user] = loading
            loading.add_done_callback(lambda done: self._forget_loading(user, done))
        return await asyncio.shield(loading)

    async def _load(self, user: str, load: Loader) -> list[str]:
        cleared, begun = self._cleared, time.perf_counter_ns()
        permissions = await load(user)
        with self._lock:
            self.loads.record(time.perf_counter_ns() - begun)
        if self._cleared == cleared and self._loading.get(user) is asyncio.current_task():
            self.set(user, permissions)
        return permissions

    def _forget_loading(self, user: str, done: asyncio.Future[list[str]]) -> None:
        if self._loading.get(user) is done:
            del self._loading[user]
        if not done.cancelled():
            done.exception()  # whoever still waits is told; nobody need be

    def exists(self, user: str) -> bool:
        return self.cache.contains(PREFIX + user)

    def get_ttl(self, user: str) -> int:
        """Whole seconds left; -1: for ever, -2: not there.  As Redis says it."""
        left = self.cache.ttl_of(PREFIX + user)
        return -2 if left is None else -1 if left == NEVER else round(left)

    def recent_users(self, count: int = 100) -> list[str]:
        """Those whose entries were used last, latest first."""
        idle = []
        for key in self.cache.scan(PREFIX):
            info = self.cache.inspect(key)
            if info is not None:
                idle.append((info.idle, key.decode().removeprefix(PREFIX)))
        return [user for _, user in sorted(idle)[:count]]

    # -- Writing ---------------------------------------------------------------------------------

    def set(self, user: str, permissions: Iterable[str]) -> bool:
        """Remembers the permissions; whether that worked."""
        ttl = self.ttl if self.experiment is None else self.experiment.arm(user).ttl
        now = round(self._clock.now().wall * 1000)
        entry = {
            "userId": user,
            "permissions": list(permissions),
            "cachedAt": now,
            "expiresAt": now + round(ttl * 1000),
        }
        try:
            self.cache.set(PREFIX + user, entry, ttl)
        except (CacheCoreError, ValueError, TypeError) as error:
            self._failed("set", error)
            return False
        return True

    def invalidate(self, user: str) -> bool:
        """Forgets a user, whose permissions have changed; whether there was something."""
        return self.invalidate_many([user]) == 1

    def invalidate_many(self, users: Iterable[str]) -> int:
        users = list(users)
        for user in users:
            self._loading.pop(user, None)
            self.forecast.invalidated(user)
        try:
            return self.cache.delete_many([PREFIX + user for user in users])
        except (CacheCoreError, ValueError) as error:
            self._failed("invalidate", error)
            return 0

    def clear_all(self) -> int:
        self._cleared += 1
        self._loading.clear()
        self.forecast.clear()
        return self.cache.delete_prefix(PREFIX)

    # -- Metrics ---------------------------------------------------------------------------------

    def _failed(self, operation: str, error: Exception) -> None:
        if not isinstance(error, RefusedError):
            with self._lock:
                self.failures += 1
        log.warning("permission cache: %s failed: %s", operation, error)

    @property
    def errors(self) -> int:
        """Operations that failed, and writes that the cache refused."""
        return self.failures + self.cache.stats().refused

    def get_metrics(self) -> dict[str, Any]:
        """Rates are percent, None before the first read; times milliseconds."""
        stats = self.cache.stats()
        reads = stats.hits + stats.misses
        return {
            "hits": stats.hits,
            "misses": stats.misses,
            "errors": self.errors,
            "hitRate": round(100 * stats.hits / reads, 1) if reads else None,
            "totalKeys": stats.entries,
            "avgLoadTime": round(self.loads.mean_ms, 3),
        }

    def reset_metrics(self) -> None:
        self.cache.reset_stats()
        with self._lock:
            self.failures = 0
