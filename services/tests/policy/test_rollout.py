"""The feature flag."""

from __future__ import annotations

import pytest

from cachecore_services.policy import (
    InvalidationError,
    PolicyCache,
    PolicyCaches,
    RedisPolicyCache,
    Rollout,
    bucket,
    close_policy_cache,
)

from .conftest import Q
from .test_wrapper import ALLOW

USERS = [f"user-{number}" for number in range(2000)]


def test_a_user_always_has_the_same_bucket() -> None:
    assert [bucket("cachecore", user) for user in USERS[:5]] == [46, 81, 24, 98, 71]


def test_about_so_many_have_it_and_nobody_loses_it_on_the_way_up() -> None:
    flags = Rollout()
    had: set[str] = set()
    for percentage in (0, 5, 25, 50, 100):
        flags.set_rollout_pct("f", percentage)
        have = {user for user in USERS if flags.is_enabled("f", user)}
        assert had <= have
        assert abs(len(have) / len(USERS) - percentage / 100) < 0.05
        had = have


def test_percentages_and_rollback() -> None:
    flags = Rollout({"f": 30, "g": 40})
    assert flags.get_all_rollouts() == {"f": 30, "g": 40}
    flags.rollback("f")
    assert flags.get_all_rollouts() == {"f": 0, "g": 40}
    flags.rollback_all()
    assert flags.get_all_rollouts() == {"f": 0, "g": 0}
    assert flags.get_rollout_pct("unheard of") == 0
    for wrong in (-1, 101):
        with pytest.raises(ValueError, match="0 to 100"):
            flags.set_rollout_pct("f", wrong)


async def test_each_user_gets_one_and_an_invalidation_reaches_both() -> None:
    flags = Rollout({"cachecore": 50})
    caches = PolicyCaches(PolicyCache(), PolicyCache(), flags)
    chosen = [caches.for_user(user) for user in USERS[:100]]
    assert set(map(id, chosen)) == {id(caches.native), id(caches.fallback)}
    for user, cache in zip(USERS, chosen):
        await cache.set(user, *Q[1:], ALLOW)
    flags.rollback("cachecore")
    assert caches.for_user(USERS[4]) is caches.fallback
    assert await caches.invalidate(resource=Q[2]) == 100


@pytest.mark.parametrize("failing", ["native", "fallback"])
async def test_an_invalidation_that_fails_in_one_is_an_error_and_reaches_the_other(
    failing: str,
) -> None:
    caches = PolicyCaches(PolicyCache(), PolicyCache(), Rollout())
    assert caches.native is not None
    for cache in (caches.native, caches.fallback):
        await cache.set(*Q, ALLOW)
    broken, other = caches.native, caches.fallback
    if failing == "fallback":
        broken, other = other, broken
    await broken.close()
    with pytest.raises(InvalidationError):
        await caches.invalidate(Q[0])
    assert await other.get(*Q) is None


async def test_a_redis_that_is_away_is_an_error_for_invalidations() -> None:
    caches = PolicyCaches(PolicyCache(), RedisPolicyCache(url="redis://127.0.0.1:1/0"), Rollout())
    assert caches.native is not None
    await caches.native.set(*Q, ALLOW)
    for work in (caches.invalidate(Q[0]), caches.fallback.invalidate_pattern("*")):
        with pytest.raises(InvalidationError):
            await work
    assert await caches.native.get(*Q) is None and await caches.fallback.get(*Q) is None
    await caches.fallback.close()


async def test_from_the_environment(redis_url: str) -> None:
    off = PolicyCaches.from_environment(environment={})
    assert off.native is None
    old_names = {
        "SARK_RUST_CACHE_ENABLED": "true",
        "SARK_RUST_CACHE_ROLLOUT_PCT": "100",
        "SARK_RUST_CACHE_MAX_SIZE": "70",
        "SARK_RUST_CACHE_TTL_SECONDS": "30",
    }
    on = PolicyCaches.from_environment(environment=old_names)
    assert on.native is not None and on.for_user("anybody") is on.native
    assert (on.native.max_size, on.native.ttl_seconds) == (70, 30)
    await close_policy_cache()
    five = {**old_names, "CACHECORE_POLICY_ROLLOUT_PCT": "5"}
    assert PolicyCaches.from_environment(environment=five).flags.get_rollout_pct("cachecore") == 5
    await close_policy_cache()
