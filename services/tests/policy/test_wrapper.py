"""The 43 scenarios of the original wrapper's tests, on the real engine."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from programs import run_python

from cachecore_services.policy import (
    PolicyCache,
    availability,
    close_policy_cache,
    get_cachecore_policy_cache,
    is_cachecore_available,
)

from .conftest import Q, Timed

ALLOW = {"allow": True, "reason": "test"}


def without_library(code: str) -> subprocess.CompletedProcess[str]:
    """Runs a program on a machine without the library."""
    return run_python(code, CACHECORE_LIBRARY="/nowhere/libcachecore.so")


class TestAvailability:
    def test_is_cachecore_available_when_available(self) -> None:
        assert is_cachecore_available() is True

    def test_is_cachecore_available_when_unavailable(self) -> None:
        run = without_library(
            "from cachecore_services.policy import is_cachecore_available as ask; print(ask())"
        )
        assert (run.stdout, run.stderr) == ("False\n", "")

    def test_initialization_fails_without_library(self) -> None:
        run = without_library("from cachecore_services.policy import PolicyCache; PolicyCache()")
        assert "RuntimeError: cachecore is not available: " in run.stderr


class TestInitialization:
    def test_default_initialization(self) -> None:
        cache = PolicyCache()
        assert (cache.max_size, cache.ttl_seconds) == (10_000, 300)
        assert cache.enabled and cache.use_optimized_ttl and cache.stale_while_revalidate

    def test_custom_initialization(self) -> None:
        cache = PolicyCache(max_size=500, ttl_seconds=120, enabled=False, use_optimized_ttl=False)
        assert (cache.max_size, cache.ttl_seconds) == (500, 120)
        assert not cache.enabled and not cache.use_optimized_ttl


class TestKeyGeneration:
    def test_generate_cache_key_without_context(self, cache: PolicyCache) -> None:
        key = cache._generate_cache_key(*Q, None)
        assert key == "policy:decision:user-123:execute:tool%3Acalculator:none"

    def test_generate_cache_key_with_context(self, cache: PolicyCache) -> None:
        key = cache._generate_cache_key(*Q, {"param1": "value1", "param2": "value2"})
        assert key.startswith("policy:decision:user-123:execute:tool%3Acalculator:")
        assert len(bytes.fromhex(key.rpartition(":")[2])) == 32

    def test_generate_cache_key_consistent_with_same_context(self, cache: PolicyCache) -> None:
        one = cache._generate_cache_key(*Q, {"a": 1, "b": [2, 3]})
        assert one == cache._generate_cache_key(*Q, {"b": [2, 3], "a": 1})

    def test_generate_cache_key_different_with_different_context(self, cache: PolicyCache) -> None:
        keys = {
            cache._generate_cache_key(*Q, context) for context in ({"p": 1}, {"p": 2}, {}, None)
        }
        assert len(keys) == 4

    def test_generate_cache_key_handles_special_characters(self, cache: PolicyCache) -> None:
        key = cache._generate_cache_key("u", "a", "tool:calculator/v2*?[x]\\%", None)
        assert key == "policy:decision:u:a:tool%3Acalculator/v2%2A%3F%5Bx%5D%5C%25:none"


class TestTTLManagement:
    def test_get_ttl_default(self, cache: PolicyCache) -> None:
        assert cache._get_ttl_for_sensitivity(None) == 60

    def test_get_ttl_for_sensitivity_when_disabled(self, cache: PolicyCache) -> None:
        cache.use_optimized_ttl = False
        assert cache._get_ttl_for_sensitivity("public") == 60

    @pytest.mark.parametrize(
        ("sensitivity", "seconds"),
        [("critical", 60), ("confidential", 120), ("internal", 180), ("public", 300), ("new", 120)],
    )
    def test_get_ttl_for(self, cache: PolicyCache, sensitivity: str, seconds: int) -> None:
        assert cache._get_ttl_for_sensitivity(sensitivity) == seconds


class TestOperations:
    async def test_get_cache_hit(self, cache: PolicyCache) -> None:
        await cache.set(*Q, ALLOW)
        assert await cache.get(*Q) == ALLOW
        metrics = cache.metrics
        assert (metrics.hits, metrics.misses, metrics.total_requests) == (1, 0, 1)

    async def test_get_cache_miss(self, cache: PolicyCache) -> None:
        assert await cache.get(*Q) is None
        metrics = cache.metrics
        assert (metrics.hits, metrics.misses, metrics.total_requests) == (0, 1, 1)

    async def test_get_when_disabled(self, cache: PolicyCache) -> None:
        await cache.set(*Q, ALLOW)
        cache.enabled = False
        assert await cache.get(*Q) is None
        assert cache.metrics.total_requests == 0

    async def test_get_with_invalid_json(self, timed: Timed) -> None:
        timed.cache.set(timed.policy._generate_cache_key(*Q), b"invalid json {")
        assert await timed.policy.get(*Q) is None
        assert timed.policy.get_metrics()["errors_by_operation"] == {"get": 1}

    async def test_set_success(self, timed: Timed) -> None:
        assert await timed.policy.set(*Q, ALLOW) is True
        assert json.loads(timed.cache[timed.policy._generate_cache_key(*Q)]) == ALLOW

    async def test_set_with_custom_ttl(self, timed: Timed) -> None:
        await timed.policy.set(*Q, ALLOW, ttl_seconds=250, sensitivity="critical")
        assert timed.cache.ttl(timed.policy._generate_cache_key(*Q)) == 250

    async def test_set_with_sensitivity(self, timed: Timed) -> None:
        await timed.policy.set(*Q, ALLOW, sensitivity="confidential")
        assert timed.cache.ttl(timed.policy._generate_cache_key(*Q)) == 120

    async def test_set_when_disabled(self, cache: PolicyCache) -> None:
        cache.enabled = False
        assert await cache.set(*Q, ALLOW) is False
        assert await cache.size() == 0

    async def test_set_tracks_evictions(self) -> None:
        timed = Timed(max_size=2)
        for resource in ("one", "two", "two", "three"):
            await timed.policy.set("u", "a", resource, ALLOW)
        assert timed.policy.get_metrics()["evictions"] == 1  # replacing one is none

    async def test_delete_success(self, cache: PolicyCache) -> None:
        await cache.set(*Q, ALLOW)
        assert await cache.delete(*Q) is True
        assert await cache.get(*Q) is None

    async def test_delete_key_not_found(self, cache: PolicyCache) -> None:
        assert await cache.delete(*Q) is False

    async def test_clear(self, cache: PolicyCache) -> None:
        await cache.set(*Q, ALLOW)
        assert await cache.clear() is True
        assert await cache.size() == 0

    async def test_size(self, timed: Timed) -> None:
        for number in range(42):
            await timed.policy.set("u", "a", str(number), ALLOW, ttl_seconds=1 + number % 2)
        assert await timed.policy.size() == 42
        timed.later(1.5)
        assert await timed.policy.size() == 21  # what has expired does not count

    async def test_cleanup_expired(self, timed: Timed) -> None:
        for number in range(5):
            await timed.policy.set("u", "a", str(number), ALLOW, ttl_seconds=1)
        timed.later(2)
        assert await timed.policy.cleanup_expired() == 5


class TestMetrics:
    async def test_metrics_initial_state(self, cache: PolicyCache) -> None:
        metrics = cache.get_metrics()
        assert (metrics["hits"], metrics["misses"], metrics["total_requests"]) == (0, 0, 0)
        assert (metrics["hit_rate"], metrics["miss_rate"]) == (0.0, 0.0)  # of nothing, nothing

    async def test_metrics_after_operations(self, cache: PolicyCache) -> None:
        await cache.set(*Q, ALLOW)
        await cache.get(*Q)
        await cache.get(*Q)
        await cache.get("user-123", "execute", "another")
        metrics = cache.get_metrics()
        assert (metrics["hits"], metrics["misses"], metrics["total_requests"]) == (2, 1, 3)
        assert (metrics["hit_rate"], metrics["miss_rate"]) == (66.67, 33.33)
        assert metrics["avg_cache_latency_ms"] > 0

    async def test_reset_metrics(self, cache: PolicyCache) -> None:
        await cache.set(*Q, ALLOW)
        await cache.get(*Q)
        cache.reset_metrics()
        assert (cache.get_metrics()["hits"], cache.get_metrics()["misses"]) == (0, 0)


class TestHealthCheck:
    async def test_health_check_success(self, timed: Timed) -> None:
        before = timed.cache.stats()
        assert await timed.policy.health_check() is True
        assert timed.cache.stats() == before  # it leaves no trace

    async def test_health_check_failure(self, timed: Timed) -> None:
        timed.cache.close()
        assert await timed.policy.health_check() is False


class TestGlobalInstance:
    async def test_get_policy_cache_creates_instance(self) -> None:
        cache = get_cachecore_policy_cache(max_size=200, ttl_seconds=90)
        assert (cache.max_size, cache.ttl_seconds) == (200, 90)
        await close_policy_cache()

    async def test_get_policy_cache_returns_same_instance(self) -> None:
        cache = get_cachecore_policy_cache(max_size=200)
        assert get_cachecore_policy_cache() is cache
        assert get_cachecore_policy_cache(max_size=200) is cache
        with pytest.raises(ValueError, match="has been made with"):
            get_cachecore_policy_cache(max_size=300)
        await close_policy_cache()
        assert availability._one.cache is None

    def test_get_cachecore_policy_cache_without_library_raises(self) -> None:
        run = without_library(
            "from cachecore_services.policy import get_cachecore_policy_cache as get; get()"
        )
        assert "RuntimeError: cachecore is not available" in run.stderr


class TestErrorHandling:
    """A cache that has been closed is one where everything fails."""

    @pytest.fixture
    def broken(self, timed: Timed) -> PolicyCache:
        timed.cache.close()
        return timed.policy

    @staticmethod
    def errors(cache: PolicyCache) -> dict[str, int]:
        counted: dict[str, int] = cache.get_metrics()["errors_by_operation"]
        return counted

    async def test_get_handles_exception(self, broken: PolicyCache) -> None:
        assert await broken.get(*Q) is None
        assert self.errors(broken) == {"get": 1}
        assert broken.get_metrics()["error_rate"] == 100.0

    async def test_set_handles_exception(self, broken: PolicyCache) -> None:
        assert await broken.set(*Q, ALLOW) is False
        assert self.errors(broken) == {"set": 1}

    async def test_delete_handles_exception(self, broken: PolicyCache) -> None:
        assert await broken.delete(*Q) is False
        assert self.errors(broken) == {"delete": 1}

    async def test_clear_handles_exception(self, broken: PolicyCache) -> None:
        assert await broken.clear() is False
        assert self.errors(broken) == {"clear": 1}

    async def test_size_handles_exception(self, broken: PolicyCache) -> None:
        assert await broken.size() == 0
        assert self.errors(broken) == {"size": 1}

    async def test_cleanup_handles_exception(self, broken: PolicyCache) -> None:
        assert await broken.cleanup_expired() == 0
        assert self.errors(broken) == {"cleanup_expired": 1}


def test_scenarios_are_all_there() -> None:
    """3 + 2 + 5 + 5 + 14 + 3 + 2 + 3 + 6, of which one stands for three lifetimes here."""
    classes = [
        kind for name, kind in vars(sys.modules[__name__]).items() if name.startswith("Test")
    ]
    names = [name for kind in classes for name in vars(kind) if name.startswith("test_")]
    assert len(names) + 2 == 43
