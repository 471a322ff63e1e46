"""The 31 scenarios of the Redis cache that the wrapper claimed to replace, on either store.

Redis is a real server.  What is asked of it is asked of the engine in the same words: whoever falls
back notices nothing but the time it takes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cachecore_services.policy import PolicyCache, RedisPolicyCache, close_policy_cache, get_policy_cache
from cachecore_services.policy.redis import connect

from .conftest import Q

ALLOW = {"allow": True, "reason": "test"}
Opened = Callable[..., Any]


@pytest.fixture(params=["cachecore", "redis"])
def opened(request: pytest.FixtureRequest) -> Opened:
    """``async with opened() as cache``: an empty cache."""

    @asynccontextmanager
    async def native(**options: Any) -> AsyncIterator[PolicyCache]:
        async with PolicyCache(**options) as cache:
            yield cache

    @asynccontextmanager
    async def redis(**options: Any) -> AsyncIterator[PolicyCache]:
        client = connect(request.getfixturevalue("redis_url"))
        await client.flushall()
        async with RedisPolicyCache(client, **options) as cache:
            yield cache

    return native if request.param == "cachecore" else redis


@asynccontextmanager
async def broken(opened: Opened) -> AsyncIterator[PolicyCache]:
    async with opened() as cache:
        if cache.store.implementation == "redis":
            await cache.store.close()
            cache.store.client = connect("unix:///nowhere/redis.sock")
        else:
            await cache.store.close()
        yield cache


async def fill(cache: PolicyCache) -> None:
    for user in ("user-1", "user-12", "user-*"):
        for action in ("read", "write"):
            for resource in ("tool:a", "tool:b"):
                assert await cache.set(user, action, resource, ALLOW, {"at": user})


class TestKeyGeneration:
    def test_generate_cache_key_without_context(self) -> None:
        key = PolicyCache()._generate_cache_key(*Q)
        assert key.endswith(":none")

    def test_generate_cache_key_with_context(self) -> None:
        assert not PolicyCache()._generate_cache_key(*Q, {"ip": "::1"}).endswith(":none")

    def test_generate_cache_key_consistency(self) -> None:
        cache = PolicyCache()
        assert cache._generate_cache_key(*Q, {"a": 1, "b": 2}) == cache._generate_cache_key(
            *Q, {"b": 2, "a": 1}
        )

    def test_generate_cache_key_special_characters(self) -> None:
        cache = PolicyCache()
        keys = {
            cache._generate_cache_key("u", "a", r) for r in ("tool:a/b", "tool_a_b", "tool/a:b")
        }
        assert len(keys) == 3


class TestGet:
    async def test_get_cache_hit(self, opened: Opened) -> None:
        async with opened() as cache:
            await cache.set(*Q, ALLOW)
            assert await cache.get(*Q) == ALLOW
            assert cache.metrics.hits == 1

    async def test_get_cache_miss(self, opened: Opened) -> None:
        async with opened() as cache:
            assert await cache.get(*Q) is None
            assert cache.metrics.misses == 1

    async def test_get_cache_disabled(self, opened: Opened) -> None:
        async with opened(enabled=False) as cache:
            assert await cache.get(*Q) is None
            assert await cache.get_batch([(*Q, None)] * 2) == [None, None]
            assert cache.metrics.total_requests == 0

    async def test_get_cache_error(self, opened: Opened) -> None:
        async with broken(opened) as cache:
            assert await cache.get(*Q) is None
            assert cache.get_metrics()["errors"] == 1


class TestSet:
    async def test_set_success(self, opened: Opened) -> None:
        async with opened() as cache:
            assert await cache.set(*Q, ALLOW) is True

    async def test_set_custom_ttl(self, opened: Opened) -> None:
        async with opened() as cache:
            await cache.set(*Q, ALLOW, ttl_seconds=250)
            found = await cache.store.find(cache._generate_cache_key(*Q))
            assert 240 < found.ttl <= 250

    async def test_set_disabled(self, opened: Opened) -> None:
        async with opened(enabled=False) as cache:
            assert await cache.set(*Q, ALLOW) is False
            assert await cache.set_batch([(*Q, ALLOW, None, None)]) == 0

    async def test_set_error(self, opened: Opened) -> None:
        async with broken(opened) as cache:
            assert await cache.set(*Q, ALLOW) is False
            assert await cache.set_batch([(*Q, ALLOW, None, None)]) == 0
            assert cache.get_metrics()["errors_by_operation"] == {"set": 1, "set_batch": 1}


class TestInvalidate:
    async def test_invalidate_all(self, opened: Opened) -> None:
        async with opened() as cache:
            await fill(cache)
            assert await cache.invalidate() == 12
            assert await cache.get_cache_size() == 0

    async def test_invalidate_user(self, opened: Opened) -> None:
        async with opened() as cache:
            await fill(cache)
            assert await cache.invalidate("user-1") == 4  # and not user-12
            assert await cache.invalidate("user-*") == 4  # and not everybody
            assert await cache.get_cache_size() == 4

    async def test_invalidate_user_and_action(self, opened: Opened) -> None:
        async with opened() as cache:
            await fill(cache)
            assert await cache.invalidate("user-1", "read") == 2
            assert await cache.invalidate("user-1", "write", "tool:a") == 1
            assert await cache.invalidate(action="read") == 4
            assert await cache.invalidate(resource="tool:b") == 3
            assert await cache.invalidate("user-12", resource="tool:a") == 1
            assert await cache.get_cache_size() == 1

    async def test_invalidate_pattern(self, opened: Opened) -> None:
        async with opened() as cache:
            await fill(cache)
            assert await cache.invalidate_pattern("policy:decision:user-1:*") == 4
            assert await cache.invalidate_pattern("*:wri[a-z]e:*b:*") == 2
            assert await cache.invalidate_pattern("policy:decision:user-1?:re[^x]d:*") == 2

    async def test_invalidate_no_matches(self, opened: Opened) -> None:
        async with opened() as cache:
            await fill(cache)
            assert await cache.invalidate("nobody") == 0
            assert await cache.invalidate_pattern("policy:nothing:*") == 0


async def test_clear_all(opened: Opened) -> None:
    async with opened() as cache:
        await fill(cache)
        assert await cache.clear_all() is True
        assert await cache.get_cache_size() == 0


class TestMetrics:
    async def test_metrics_hit_rate(self, opened: Opened) -> None:
        async with opened() as cache:
            await cache.set(*Q, ALLOW)
            for name in ("execute", "execute", "execute", "other"):
                await cache.get("user-123", name, "tool:calculator")
            assert cache.get_metrics()["hit_rate"] == 75.0
            assert cache.get_metrics()["effective_hit_rate"] == 75.0

    async def test_metrics_zero_requests(self, opened: Opened) -> None:
        async with opened() as cache:
            metrics = cache.get_metrics()
            rates = [metrics[f"{name}_rate"] for name in ("hit", "effective_hit", "miss", "error")]
            assert rates == [0.0] * 4

    async def test_get_metrics(self, opened: Opened) -> None:
        async with opened() as cache:
            names = "hits misses stale_hits revalidations batch_operations total_requests hit_rate"
            names += " effective_hit_rate miss_rate avg_cache_latency_ms avg_opa_latency_ms"
            assert set(names.split()) <= set(cache.get_metrics())

    async def test_reset_metrics(self, opened: Opened) -> None:
        async with opened() as cache:
            await cache.get(*Q)
            cache.reset_metrics()
            assert cache.get_metrics()["total_requests"] == 0

    async def test_record_opa_latency(self, opened: Opened) -> None:
        async with opened() as cache:
            cache.record_opa_latency(10)  # also before the first miss
            cache.record_opa_latency(20)
            assert cache.get_metrics()["avg_opa_latency_ms"] == 15


async def test_get_cache_size(opened: Opened) -> None:
    async with opened() as cache:
        await fill(cache)
        assert await cache.get_cache_size() == 12


class TestHealthCheck:
    async def test_health_check_success(self, opened: Opened) -> None:
        async with opened() as cache:
            assert await cache.health_check() is True
            assert cache.metrics.total_requests == 0
            cache.enabled = False
            assert await cache.health_check() is True

    async def test_health_check_failure(self, opened: Opened) -> None:
        async with broken(opened) as cache:
            assert await cache.health_check() is False


async def test_close(opened: Opened) -> None:
    async with opened() as cache:
        await cache.close()
        await cache.close()


async def test_hit_miss_workflow(opened: Opened) -> None:
    async with opened() as cache:
        assert await cache.get(*Q) is None
        await cache.set(*Q, ALLOW)
        assert await cache.get(*Q) == ALLOW
        await cache.invalidate(Q[0])
        assert await cache.get(*Q) is None
        assert (cache.metrics.hits, cache.metrics.misses) == (1, 2)


async def test_singleton() -> None:
    assert get_policy_cache() is get_policy_cache()
    await close_policy_cache()


async def test_complex_context(opened: Opened) -> None:
    async with opened() as cache:
        context = {"roles": ["a", "b"], "at": {"hour": 7, "zone": None}, "name": "Zoë:*?"}
        await cache.set(*Q, ALLOW, context)
        assert await cache.get(*Q, dict(reversed(context.items()))) == ALLOW
        assert await cache.get(*Q, {**context, "name": "Zoe"}) is None


async def test_concurrent_operations(opened: Opened) -> None:
    async with opened() as cache:
        users = [f"user-{number}" for number in range(50)]
        stored = await asyncio.gather(*(cache.set(user, *Q[1:], {"allow": user}) for user in users))
        found = await asyncio.gather(*(cache.get(user, *Q[1:]) for user in users))
        assert all(stored) and [decision["allow"] for decision in found] == users


def test_scenarios_are_all_there() -> None:
    module = vars(sys.modules[__name__])
    names = [name for name in module if name.startswith("test_")]
    names += [n for kind, tests in module.items() if kind.startswith("Test") for n in vars(tests)]
    assert sum(name.startswith("test_") for name in names) - 1 == 31
