"""The permissions of users, remembered for a quarter of an hour."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeAlias
from uuid import UUID

from cachecore import NEVER, Cache, CacheCoreError, ClosedError, RefusedError, TimedOutError

from ..maintenance.clock import Clock, SystemClock
from ..errors import InvalidationError
from ..generations import Generations
from ..latency import Latency
from .experiment import TTLExperiment
from .forecast import TTLForecast

log = logging.getLogger("cachecore.permissions")

PREFIX: Final = "permissions:"
TTL: Final = 900.0
_KEY_SIZE_MAX: Final = 65_535  # of the engine, in bytes

#: Who it is about; one who is written alike is the same, so that 7 is "7".
User: TypeAlias = str | int | UUID

#: Looks a user's permissions up where they are kept; it is given what was asked for.
Loader: TypeAlias = Callable[[Any], Awaitable[Iterable[str]]]


class PermissionCache:
    """``await cache.get_or_load("ann", load)``; any other method from any thread.

    An entry is ``{"userId", "permissions", "cachedAt", "expiresAt"}``, moments in milliseconds
    since 1970.  No method raises because the cache failed: that is counted, and is a miss.  Only those
    that forget do, with InvalidationError: nobody may take that for "there was nothing".
    TypeError for a user who is no str, int or UUID.

    With ``generations`` it is for one event loop, an entry has its "generation" too, and ``withdraw`` and
    ``withdraw_all`` forget on every machine; what forgets here alone is a RuntimeError.
    """

    def __init__(
        self,
        max_users: int = 100_000,
        *,
        max_bytes: int | None = 64 << 20,
        ttl: float = TTL,
        experiment: TTLExperiment | None = None,
        shared: str | None = None,
        generations: Generations | None = None,
        clock: Clock | None = None,
        manual_clock: bool = False,
    ) -> None:
        """experiment: gives some of the users another lifetime.

        shared: where the cache is that all processes of this machine have, as ``Cache`` takes it.
        generations: by which machines hear of each other's invalidations.
        clock, manual_clock: of the entries, and of the cache, for tests.
        """
        self.cache: Cache[Any] = Cache(
            max_users,
            max_bytes=max_bytes,
            ttl=ttl,
            serializer="json",
            shared=shared,
            manual_clock=manual_clock,
        )
        self.is_shared = shared is not None
        self.ttl = ttl
        self._generations = generations
        self.experiment = experiment
        self._clock: Clock = SystemClock() if clock is None else clock
        self.forecast = TTLForecast(ttl, self._clock)
        self.lookups = Latency()
        self.loads = Latency()
        self.failures = 0  #: operations that failed, without those the cache counts itself
        self._lock = threading.Lock()

    def close(self) -> None:
        self.cache.close()
        self.forecast.close()

    # -- Reading ---------------------------------------------------------------------------------

    def get(self, user: User) -> dict[str, Any] | None:
        """The entry, or None."""
        name, begun = _name(user), time.perf_counter_ns()
        try:
            entry: dict[str, Any] | None = self.cache.get(PREFIX + name)
        except (CacheCoreError, ValueError, TypeError) as error:
            self._failed("get", error)
            entry = None
        if entry is not None and not self._stands(name, entry):
            entry = None
        self._looked(name, begun, found=entry is not None)
        return entry

    def _stands(self, name: str, entry: dict[str, Any]) -> bool:
        """Whether it has not been withdrawn; False also where that is not known here."""
        if self._generations is None:
            return True
        generation = self._generations.seen(name)
        return generation is not None and entry.get("generation") == generation

    def _looked(self, name: str, begun: int, *, found: bool) -> None:
        with self._lock:
            self.lookups.record(time.perf_counter_ns() - begun)
        self.forecast.read(name)
        if self.experiment is not None:
            self.experiment.read(name, found, self._clock.now().steady)

    async def get_or_load(self, user: User, load: Loader) -> list[str]:
        """The permissions, loaded and remembered if they are not known; a list of the caller's own.

        Whoever asks for a user who is being loaded waits for that, in any event loop.  What was loaded
        while the user was invalidated is answered, and not remembered; nor is it while nobody can say
        whether others have withdrawn something.
        """
        name, begun = _name(user), time.perf_counter_ns()

        async def permissions() -> list[str]:
            begun = time.perf_counter_ns()
            loaded = await load(user)
            if isinstance(loaded, str):  # whose characters are no permissions
                raise TypeError("the permissions of a user are several texts, not one")
            answer = list(loaded)
            with self._lock:
                self.loads.record(time.perf_counter_ns() - begun)
            return answer

        generation = None
        if self._generations is not None:
            generation = await self._generations.current(name)
            if generation is None:
                self._looked(name, begun, found=False)
                return await permissions()
        try:
            known = self.cache.contains(PREFIX + name)
        except (CacheCoreError, ValueError) as error:
            self._failed("get", error)
            return await permissions()
        entry = self.get(user) if known else None
        if entry is None:
            if not known:
                self._looked(name, begun, found=False)
            entry = await self._load(name, permissions, generation)
            while self._generations is not None and entry.get("generation") != generation:
                # Loaded before something was withdrawn, and by another, or long ago.
                try:
                    self.cache.delete(PREFIX + name)
                except CacheCoreError as error:
                    self._failed("get", error)
                    return await permissions()
                generation = await self._generations.current(name)
                if generation is None:
                    return await permissions()
                entry = await self._load(name, permissions, generation)
        return list(entry["permissions"])

    async def _load(
        self, name: str, permissions: Callable[[], Awaitable[list[str]]], generation: str | None
    ) -> dict[str, Any]:
        """The entry of a user: computed, or another's who asked at the same time."""
        ttl, entry = self._ttl(name), None

        async def compute() -> dict[str, Any]:
            nonlocal entry
            entry = self._entry(name, await permissions(), ttl, generation)
            return entry

        try:
            found: dict[str, Any] = await self.cache.get_or_set_async(PREFIX + name, compute, ttl)
            return found
        except (ClosedError, TimedOutError) as error:
            self._failed("get", error)
            return await compute() if entry is None else entry
        except TypeError as error:
            if entry is None:
                raise
            self._failed("set", error)  # what was loaded is not JSON
            return entry

    def exists(self, user: User) -> bool:
        name = _name(user)
        try:
            if self._generations is None:
                return self.cache.contains(PREFIX + name)
            entry: dict[str, Any] | None = self.cache.peek(PREFIX + name)
        except (CacheCoreError, ValueError) as error:
            self._failed("exists", error)
            return False
        return entry is not None and self._stands(name, entry)

    def get_ttl(self, user: User) -> int:
        """Whole seconds left; -1: for ever, -2: not there.  As Redis says it."""
        if self._generations is not None and not self.exists(user):
            return -2
        try:
            left = self.cache.ttl(PREFIX + _name(user))
        except (CacheCoreError, ValueError) as error:
            self._failed("get_ttl", error)
            return -2
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

    def set(self, user: User, permissions: Iterable[str]) -> bool:
        """Remembers the permissions; whether that worked."""
        name = _name(user)
        ttl = self._ttl(name)
        try:
            generation = None if self._generations is None else self._generations.seen(name)
            entry = self._entry(name, list(permissions), ttl, generation)
            self.cache.set(PREFIX + name, entry, ttl)
        except (CacheCoreError, ValueError, TypeError) as error:
            self._failed("set", error)
            return False
        return True

    def _ttl(self, name: str) -> float:
        return self.ttl if self.experiment is None else self.experiment.arm(name).ttl

    def _entry(
        self, name: str, permissions: list[str], ttl: float, generation: str | None
    ) -> dict[str, Any]:
        now = round(self._clock.now().wall * 1000)
        entry = {
            "userId": name,
            "permissions": permissions,
            "cachedAt": now,
            "expiresAt": now + round(ttl * 1000),
        }
        return entry if generation is None else entry | {"generation": generation}

    def invalidate(self, user: User) -> bool:
        """Forgets a user, whose permissions have changed; whether there was something.

        InvalidationError if that may still be there.
        """
        return self.invalidate_many([user]) == 1

    def invalidate_many(self, users: Iterable[User]) -> int:
        """As ``invalidate``; how many there were."""
        self._ensure_alone()
        return self._forget_users(users)

    def _ensure_alone(self) -> None:
        if self._generations is not None:
            raise RuntimeError("other machines are to be told: await withdraw() or withdraw_all()")

    def _forget_users(self, users: Iterable[User]) -> int:
        names = {_name(user) for user in users}
        keys = [key for key in (PREFIX + name for name in names) if _is_key(key)]

        def forget() -> int:
            removed = self.cache.delete_many(keys)
            for name in names:
                self.forecast.invalidated(name)
            return removed

        return self._forget(forget)

    def clear_all(self) -> int:
        """Forgets everybody; how many."""
        self._ensure_alone()
        return self._forget_all()

    async def withdraw(self, users: Iterable[User]) -> int:
        """Forgets users whose permissions have changed, on every machine that has the generations; how many
        there were on this one.

        InvalidationError if some may still be there, anywhere.
        """
        given = list(users)
        try:
            return self._forget_users(given)
        finally:
            if self._generations is not None:
                await self._generations.end(map(_name, given))

    async def withdraw_all(self) -> int:
        """As ``withdraw``, of everybody."""
        try:
            return self._forget_all()
        finally:
            if self._generations is not None:
                await self._generations.end(None)

    def _forget_all(self) -> int:
        def forget() -> int:
            removed = self.cache.delete_prefix(PREFIX)
            self.forecast.clear()
            return removed

        return self._forget(forget)

    def _forget(self, work: Callable[[], int]) -> int:
        try:
            return work()
        except (CacheCoreError, ValueError) as error:
            self._failed("invalidate", error)
            raise InvalidationError("permissions may still be there") from error

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


def _is_key(text: str) -> bool:
    """Whether there can be an entry under it: no half of a surrogate pair, and not too long."""
    try:
        return len(text.encode()) <= _KEY_SIZE_MAX
    except UnicodeEncodeError:
        return False


def _name(user: User) -> str:
    if isinstance(user, bool) or not isinstance(user, (str, int, UUID)):
        raise TypeError(f"a user is a str, int or UUID, not {type(user).__name__!r}")
    return str(user)
