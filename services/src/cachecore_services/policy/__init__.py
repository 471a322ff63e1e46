"""Policy decisions remembered in the process, by sensitivity, with Redis to fall back to.

::

    from cachecore_services.policy import get_policy_cache

    cache = get_policy_cache(max_size=10_000, ttl_seconds=300)
    await cache.set("ann", "read", "file:1", {"allow": True}, sensitivity="confidential")
    await cache.get("ann", "read", "file:1")
"""

from ..errors import InvalidationError
from .availability import (
    RedisPolicyCache,
    close_policy_cache,
    get_cachecore_policy_cache,
    get_policy_cache,
)
from .cache import PolicyCache
from .keys import decision_key, key_parts
from .metrics import PolicyMetrics
from .native import is_cachecore_available
from .redis import RedisStore
from .rollout import PolicyCaches, Rollout, bucket, process_rollout
from .store import Found, Store
from .ttl import DEFAULT_TTL_SECONDS, OPTIMIZED_TTL, STALE_THRESHOLD_RATIO, ttl_for_sensitivity

__all__ = [
    "DEFAULT_TTL_SECONDS",
    "OPTIMIZED_TTL",
    "STALE_THRESHOLD_RATIO",
    "Found",
    "InvalidationError",
    "PolicyCache",
    "PolicyCaches",
    "PolicyMetrics",
    "RedisPolicyCache",
    "RedisStore",
    "Rollout",
    "Store",
    "bucket",
    "close_policy_cache",
    "decision_key",
    "get_cachecore_policy_cache",
    "get_policy_cache",
    "is_cachecore_available",
    "key_parts",
    "process_rollout",
    "ttl_for_sensitivity",
]
