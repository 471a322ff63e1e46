"""A feature flag that is on for a percentage of users, always the same ones."""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from hashlib import md5
from threading import Lock
from typing import TYPE_CHECKING, Final

from ..errors import InvalidationError
from .availability import RedisPolicyCache, get_policy_cache
from .cache import PolicyCache
from .keys import Part
from .native import is_cachecore_available

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("cachecore.policy")

FEATURE: Final = "cachecore"


def bucket(feature: str, user_id: Part) -> int:
    """0 to 99, for ever the same for a feature and a user, in every process."""
    digest = md5(f"{feature}:{user_id}".encode(), usedforsecurity=False)
    return int.from_bytes(digest.digest(), "big") % 100


class Rollout:
    """Percentages by feature; all begin at 0.  Any method may be called from any thread.

    A user who has a feature at some percentage keeps it at every higher one.
    """

    def __init__(self, percentages: Mapping[str, int] | None = None) -> None:
        self._lock = Lock()
        self._percentages: dict[str, int] = {}
        for feature, percentage in (percentages or {}).items():
            self.set_rollout_pct(feature, percentage)

    def is_enabled(self, feature: str, user_id: Part) -> bool:
        return bucket(feature, user_id) < self.get_rollout_pct(feature)

    def get_rollout_pct(self, feature: str) -> int:
        with self._lock:
            return self._percentages.get(feature, 0)

    def set_rollout_pct(self, feature: str, percentage: int) -> None:
        """ValueError unless it is 0 to 100."""
        if not 0 <= percentage <= 100:
            raise ValueError(f"a percentage is 0 to 100, not {percentage}")
        with self._lock:
            self._percentages[feature] = percentage
        log.info("rollout_changed", extra={"feature": feature, "percentage": percentage})

    def get_all_rollouts(self) -> dict[str, int]:
        with self._lock:
            return dict(self._percentages)

    def rollback(self, feature: str) -> None:
        """Off for everybody, at once."""
        log.warning("rollout_rolled_back", extra={"feature": feature})
        self.set_rollout_pct(feature, 0)

    def rollback_all(self) -> None:
        for feature in self.get_all_rollouts():
            self.rollback(feature)


#: The process's own.
process_rollout: Final = Rollout()


class PolicyCaches:
    """Gives each user the engine's cache or Redis, as the rollout has it.

    An authorization that is revoked must be forgotten wherever it may be remembered: when the
    percentage changes, a user changes caches.  ``invalidate`` therefore reaches both.
    """

    def __init__(
        self,
        native: PolicyCache | None,
        fallback: PolicyCache,
        flags: Rollout = process_rollout,
        feature: str = FEATURE,
    ) -> None:
        self.native = native
        self.fallback = fallback
        self.flags = flags
        self.feature = feature

    def for_user(self, user_id: Part) -> PolicyCache:
        if self.native is not None and self.flags.is_enabled(self.feature, user_id):
            return self.native
        return self.fallback

    async def invalidate(
        self,
        user_id: Part | None = None,
        action: Part | None = None,
        resource: Part | None = None,
    ) -> int:
        """The number removed from both; InvalidationError if it failed in either, after both were tried."""
        removed, failure = 0, None
        for cache in (self.native, self.fallback):
            try:
                removed += 0 if cache is None else await cache.invalidate(user_id, action, resource)
            except InvalidationError as error:
                failure = error
        if failure is not None:
            raise failure
        return removed

    @classmethod
    def from_environment(
        cls, redis_client: Redis | None = None, environment: Mapping[str, str] = os.environ
    ) -> PolicyCaches:
        """As these variables say, or the older names with SARK_RUST_CACHE_ for CACHECORE_POLICY_.

        CACHECORE_POLICY_ENABLED: "true" to use the engine at all; the default is "false".
        CACHECORE_POLICY_ROLLOUT_PCT: for how many users; the default is 0.
        CACHECORE_POLICY_MAX_SIZE, CACHECORE_POLICY_TTL_SECONDS: of the engine's cache.
        """

        def read(name: str) -> str | None:
            names = (f"CACHECORE_POLICY_{name}", f"SARK_RUST_CACHE_{name}")
            return next((environment[name] for name in names if environment.get(name)), None)

        max_size, ttl_seconds = read("MAX_SIZE"), read("TTL_SECONDS")
        ttl = float(ttl_seconds) if ttl_seconds else None
        native = None
        if (read("ENABLED") or "").lower() in ("1", "true", "yes", "on"):
            if is_cachecore_available():
                native = get_policy_cache(int(max_size) if max_size else None, ttl)
            else:
                log.warning("cachecore_unavailable_using_redis")
        flags = Rollout({FEATURE: int(read("ROLLOUT_PCT") or 0)})
        return cls(native, RedisPolicyCache(redis_client, ttl), flags)
