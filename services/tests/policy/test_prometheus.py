"""What Prometheus is told of a policy cache."""

from __future__ import annotations

import pytest

from cachecore_services.policy import PolicyCache

prometheus = pytest.importorskip("prometheus_client")

from cachecore_services.policy.prometheus import PolicyCollector  # noqa: E402


def value(registry: object, name: str, **labels: str) -> float | None:
    found: float | None = registry.get_sample_value(name, labels)  # type: ignore[attr-defined]
    return found


async def test_a_policy_cache() -> None:
    registry = prometheus.CollectorRegistry()
    policy = PolicyCache()
    registry.register(PolicyCollector(policy))
    await policy.set("u", "a", "r", {"allow": True})
    await policy.get("u", "a", "r")
    await policy.get("u", "a", "other")
    await policy.close()
    await policy.get("u", "a", "r")
    here = {"implementation": "cachecore"}
    name = "cachecore_policy_requests_total"
    counted = {
        r: value(registry, name, result=r, **here) for r in ("hit", "miss", "stale", "error")
    }
    assert counted == {"hit": 1, "miss": 1, "stale": 0, "error": 1}
    assert value(registry, "cachecore_policy_errors_total", operation="get", **here) == 1
    assert value(registry, "cachecore_policy_lookup_duration_seconds_count", **here) == 3
