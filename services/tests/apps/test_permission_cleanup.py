"""The audit of the fourth seed: its options, results, rules, texts, thresholds and log lines."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

pytest.importorskip("httpx2")

from fastapi.testclient import TestClient  # noqa: E402

from cachecore import NEVER  # noqa: E402
from cachecore_services.cleanup import Advice, Misses  # noqa: E402
from cachecore_services.maintenance import Cron, Status  # noqa: E402
from cachecore_services.permissions import PermissionCacheCleanup  # noqa: E402
from cachecore_services.permissions.app import create_app  # noqa: E402
from cachecore_services.permissions.findings import Figures, issues, recommendations  # noqa: E402
from cachecore_services.permissions.settings import PermissionSettings  # noqa: E402

from .conftest import DAY, HOUR, eventually, said  # noqa: E402
from .serving import serving  # noqa: E402
from .test_permissions import Timed  # noqa: E402


@asynccontextmanager
async def audited(**options: Any) -> AsyncIterator[tuple[Timed, PermissionCacheCleanup]]:
    timed = Timed(**options)
    cleanup = PermissionCacheCleanup(timed.permissions, clock=timed.clock)
    yield timed, cleanup
    await cleanup.stop()
    timed.permissions.close()


def stale(timed: Timed, count: int) -> None:
    """Somebody stores entries that never expire, past the service."""
    for number in range(count):
        timed.permissions.cache.set(f"permissions:stale-{number}", {}, NEVER)


async def test_keys_without_ttl_are_removed_and_reported() -> None:
    async with audited() as (timed, cleanup):
        for number in range(250):
            await timed.get(f"user-{number}")
        stale(timed, 3)
        timed.permissions.cache.set("other:never", {}, NEVER)  # not permissions
        report = (await cleanup.run_cleanup_now()).report
        assert report["scannedKeys"] == 253
        assert report["cleanedKeys"] == report["staleTTLKeys"] == 3
        assert report["inactiveUserCaches"] == 0
        assert report["currentMetrics"] == {"hitRate": 0.0, "totalKeys": 251, "avgTTL": 900.0}
        assert "Found 3 keys without TTL - this indicates a caching bug" in report["issues"]
        assert any(line.startswith("URGENT") for line in report["recommendations"])
        assert "other:never" in timed.permissions.cache
        again = (await cleanup.run_cleanup_now()).report
        assert again["staleTTLKeys"] == again["cleanedKeys"] == 0


async def test_the_result_has_exactly_the_seeds_shape_and_three_figures_more() -> None:
    async with audited() as (timed, cleanup):
        report = (await cleanup.run_cleanup_now()).report
        assert set(report) == {
            "scannedKeys",
            "cleanedKeys",
            "staleTTLKeys",
            "inactiveUserCaches",
            "currentMetrics",
            "recommendations",
            "issues",
        } | {"evidence", "hitRate24h", "errorRate"}
        # Nothing is wrong with a cache that nobody has used.
        assert report["recommendations"] == report["issues"] == []
        assert report["currentMetrics"] == {"hitRate": None, "totalKeys": 0, "avgTTL": None}


async def test_aggressive_cleanup_goes_by_real_idle_time() -> None:
    async with audited(ttl=90 * DAY) as (timed, cleanup):
        for number in range(10):
            await timed.get(f"user-{number}")
        await timed.later(20 * DAY)
        for number in range(4):
            await timed.get(f"user-{number}")
        await timed.later(11 * DAY)
        stale(timed, 1)
        modest = (await cleanup.run_cleanup_now()).report
        assert modest["cleanedKeys"] == 1 and modest["inactiveUserCaches"] == 0
        report = (await cleanup.run_cleanup_now(aggressive_cleanup=True)).report
        assert report["cleanedKeys"] == report["inactiveUserCaches"] == 6
        assert sorted(timed.permissions.recent_users()) == [f"user-{n}" for n in range(4)]
        soon = await cleanup.run_cleanup_now(aggressive_cleanup=True, inactivity_threshold_days=10)
        assert soon.report["inactiveUserCaches"] == 4


@pytest.mark.parametrize("batch", [1, 7, 100])
async def test_batches_of_any_size_find_the_same(batch: int) -> None:
    async with audited() as (timed, cleanup):
        for number in range(300):
            await timed.get(f"user-{number}")
        stale(timed, 25)
        dry = (await cleanup.run_cleanup_now(dry_run=True, scan_batch_size=batch)).report
        assert (dry["scannedKeys"], dry["staleTTLKeys"], dry["cleanedKeys"]) == (325, 25, 0)
        report = (await cleanup.run_cleanup_now(scan_batch_size=batch)).report
        assert (report["scannedKeys"], report["cleanedKeys"]) == (325, 25)


async def test_without_a_report() -> None:
    async with audited() as (timed, cleanup):
        stale(timed, 1)
        report = (await cleanup.run_cleanup_now(generate_report=False)).report
        assert report["recommendations"] == report["issues"] == [] and report["cleanedKeys"] == 1
        with pytest.raises(TypeError):
            await cleanup.run_cleanup_now(agressive=True)


def figures(advice: list[Advice], **more: Any) -> Figures:
    values: dict[str, Any] = {
        "hit_rate": 78.5,
        "hits": 1000,
        "errors": 0,
        "keys": 10,
        "stale": 0,
        "average_ttl": 450.0,
        "ttl": 900.0,
    }
    return Figures(advice, **(values | more))


def test_the_seeds_sentences() -> None:
    assert recommendations(figures([Advice.HIT_RATE_GOOD, Advice.TTL_LOW])) == [
        "Good cache hit rate (78.5%). Current configuration is working well.",
        "Most caches are near expiration (avg TTL: 450s). This suggests high invalidation rate.",
    ]
    (critical,) = recommendations(figures([Advice.HIT_RATE_CRITICAL], hit_rate=40.0))
    assert critical.startswith("CRITICAL") and "15min → 30min" in critical
    for misses in Misses:
        (critical,) = recommendations(figures([Advice.HIT_RATE_CRITICAL], misses=misses))
        assert ("15min → 30min" in critical) is (misses is Misses.EXPIRED)
    bad = figures([Advice.ERRORS, Advice.HIT_RATE_CRITICAL], stale=3, errors=12)
    assert issues(bad) == [
        "Found 3 keys without TTL - this indicates a caching bug",
        "High cache error rate: 12 errors vs 1000 hits",
        "Hit rate below 50% - cache not effective",
    ]
    for one in Advice:
        assert len(recommendations(figures([one]))) == 1


@pytest.mark.parametrize(
    ("hits", "begins"),
    [(49, "CRITICAL"), (50, "Low"), (69, "Low"), (70, "Good"), (89, "Good"), (90, "Excellent")],
)
async def test_hit_rates(hits: int, begins: str) -> None:
    async with audited() as (timed, cleanup):
        timed.permissions.set("ann", [])
        for number in range(1000):
            timed.permissions.get("ann" if number < 10 * hits else f"nobody-{number}")
        report = (await cleanup.run_cleanup_now()).report
        assert report["recommendations"] == []  # nothing has had the time to expire
        assert "observed for 0 s of 15 min" in report["evidence"]["tooLittle"]
        await timed.later(900)
        report = (await cleanup.run_cleanup_now()).report
        assert report["recommendations"][0].startswith(begins)
        assert report["evidence"]["lookUps"] == 1000 and report["evidence"]["tooLittle"] == []


async def test_a_few_cold_misses_are_no_reason_to_advise_anything() -> None:
    async with audited() as (timed, cleanup):
        for number in range(99):
            timed.permissions.get(f"nobody-{number}")
        timed.permissions.failures = 1
        await timed.later(2 * HOUR)
        report = (await cleanup.run_cleanup_now()).report
        assert report["recommendations"] == report["issues"] == []
        assert report["errorRate"] is None and report["currentMetrics"]["hitRate"] == 0
        assert cleanup.store_health()["status"] == "healthy"


async def test_low_ttl_many_keys_errors() -> None:
    async with audited(max_bytes=None) as (timed, cleanup):
        await timed.later(900)
        for number in range(10_000):
            timed.permissions.set(f"user-{number}", [])
        for _ in range(1000):
            timed.permissions.get("user-1")
        await timed.later(300)
        for number in range(10_000):  # all of them live as long from here on
            timed.permissions.set(f"user-{number}", [])

        async def advised() -> list[str]:
            found: list[str] = (await cleanup.run_cleanup_now()).report["recommendations"]
            return [line.split()[0] for line in found]

        assert await advised() == ["Excellent"]
        timed.permissions.set("one-more", [])
        assert await advised() == ["Excellent", "High"]
        await timed.later(629)
        assert await advised() == ["Excellent", "High"]
        await timed.later(2)  # less than 270 of 900 s left
        assert await advised() == ["Excellent", "Most", "High"]
        timed.permissions.failures = 10
        assert len(await advised()) == 3
        timed.permissions.failures = 11  # more than 1 % of the hits
        assert (await advised())[-1] == "High"
        report = (await cleanup.run_cleanup_now()).report
        assert report["issues"] == ["High cache error rate: 11 errors vs 1000 hits"]
        assert report["errorRate"] == 1.1


async def test_memory() -> None:
    async with audited(max_bytes=1 << 20) as (timed, cleanup):
        for number in range(3000):
            timed.permissions.set(f"user-{number}", ["x" * 500])
        advised = (await cleanup.run_cleanup_now()).report["recommendations"]
        assert any(line.startswith("Cache memory usage is high (") for line in advised)
        health = cleanup.get_cleanup_statistics()["redisHealth"]
        assert health["status"] == "degraded" and health["memoryUsagePercent"] > 85


async def test_the_thresholds_fire() -> None:
    heard: list[str] = []
    timed = Timed()
    cleanup = PermissionCacheCleanup(
        timed.permissions, clock=timed.clock, on_alert=lambda alert: heard.append(alert.rule)
    )
    async with cleanup.runner:
        stale(timed, 10)
        await cleanup.run_cleanup_now()
        assert not cleanup.runner.alarm.firing
        stale(timed, 11)
        await cleanup.run_cleanup_now()
        await eventually(lambda: heard == ["staleTTLKeys-above"])
        timed.permissions.set("ann", [])
        for _ in range(100):
            timed.permissions.get("ann")
        timed.permissions.failures = 2
        await cleanup.run_cleanup_now()
        assert ("errorRate-above", "permission-cache-cleanup") in cleanup.runner.alarm.firing
    timed.permissions.close()


async def test_a_hit_rate_below_half_for_a_day_fires_and_for_less_does_not() -> None:
    async with audited() as (timed, cleanup):
        for hour in range(26):
            timed.permissions.get("nobody")
            report = (await cleanup.run_cleanup_now()).report
            firing = ("hitRate24h-below", "permission-cache-cleanup") in cleanup.runner.alarm.firing
            assert firing is (report["hitRate24h"] is not None) is (hour >= 23)
            await timed.later(HOUR)


async def test_every_six_hours_tried_twice(caplog: pytest.LogCaptureFixture) -> None:
    async with audited() as (timed, cleanup):
        await cleanup.start()
        timed.permissions.cache.close()
        await timed.clock.settle()
        due = cleanup.runner.due_in("permission-cache-cleanup")
        assert due is not None and 0 < due <= 6 * HOUR
        timed.clock.set_wall(timed.clock.now().wall + due)
        await timed.clock.advance(60)
        await eventually(lambda: "again in 30 s" in caplog.text)
        await timed.clock.settle()
        await timed.clock.advance(30)
        history = cleanup.runner.histories["permission-cache-cleanup"]
        await eventually(lambda: len(history) == 1)
        assert history.last is not None and history.last.attempts == 2
        assert history.last.status is Status.FAILED
        assert history.failures == 1
        assert cleanup.store_health() == {
            "status": "unhealthy",
            "latency": -1,
            "memoryUsagePercent": 0,
        }


async def test_the_seeds_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    timed = Timed()
    cleanup = PermissionCacheCleanup(timed.permissions, clock=timed.clock)
    await timed.later(450)
    for number in range(1229):
        timed.permissions.set(f"user-{number}", [])
    stale(timed, 5)
    for number in range(2000):
        timed.permissions.get("user-1" if number < 1570 else f"nobody-{number}")
    with caplog.at_level(logging.INFO, "cachecore.permissions"):
        await cleanup.start()
        await timed.later(450)
        await cleanup.run_cleanup_now()
        await cleanup.stop()
    assert said(caplog, "cachecore.permissions") == [
        "[PermissionCacheCleanup] ✓ Scheduled cleanup job (cron: 0 */6 * * *)",
        "[PermissionCacheCleanup] Starting cleanup process...",
        "[PermissionCacheCleanup] Scan batch size: 100",
        "[PermissionCacheCleanup] Aggressive cleanup: false",
        "[PermissionCacheCleanup] Total permission keys found: 1234",
        "[PermissionCacheCleanup] Deleting 5 keys...",
        "[PermissionCacheCleanup] Cleanup complete: "
        "{ scanned: 1234, cleaned: 5, hitRate: '78.5%', avgTTL: '450s' }",
        "[PermissionCacheCleanupWorker] Recommendations:",
        "  1. Good cache hit rate (78.5%). Current configuration is working well. "
        "(78.5% of 2000 look-ups, observed for 15 min)",
        "  2. URGENT: 5 keys have no TTL. Find out who stores them.",
        "[PermissionCacheCleanupWorker] Issues detected:",
        "  1. Found 5 keys without TTL - this indicates a caching bug",
    ]
    timed.permissions.close()


# -- The service ---------------------------------------------------------------------------------


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(create_app(PermissionSettings())) as client:
        yield client


def test_from_look_up_to_statistics(client: TestClient) -> None:
    answer = client.get("/api/permissions/admin-ann").json()
    assert answer == {"userId": "admin-ann", "permissions": ["read", "write"]}
    client.get("/api/permissions/admin-ann")
    assert client.delete("/api/permissions/admin-ann").json() == {"invalidated": True}
    admin = "/api/admin/permissions/cache"
    assert client.get(f"{admin}/metrics").json()["hitRate"] == 50.0
    for action, answer in (
        ({"action": "warm", "users": ["a", "b", "c"]}, {"warmed": 3}),
        ({"action": "invalidate", "users": ["a"]}, {"invalidated": 1}),
        ({"action": "clear"}, {"cleared": 2}),
        ({"action": "reset-metrics"}, {"reset": True}),
    ):
        assert client.post(f"{admin}/metrics", json=action).json() == answer
    assert client.post(f"{admin}/metrics", json={"action": "explode"}).status_code == 422
    report = client.post(f"{admin}/cleanup", json={"aggressiveCleanup": True}).json()
    assert report["scannedKeys"] == 0
    assert client.post(f"{admin}/cleanup", json={"scanBatchSize": 0}).status_code == 422
    statistics = client.get(f"{admin}/statistics").json()
    assert statistics["jobQueue"] == {"waiting": 1, "active": 0, "completed": 1, "failed": 0}
    assert set(statistics["cacheHealth"]) == {"hitRate", "totalKeys", "hits", "misses", "errors"}
    assert set(statistics["redisHealth"]) == {"status", "latency", "memoryUsagePercent"}
    assert client.get(f"{admin}/forecast").json() == {
        "forecasts": [],
        "advice": None,
        "experiment": None,
    }


def test_the_environment_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = PermissionSettings()
    assert (defaults.cron, defaults.aggressive, defaults.inactivity_days) == (
        "0 */6 * * *",
        False,
        30,
    )
    for name, value in (
        ("PERMISSION_CACHE_CLEANUP_CRON", "0 2 * * *"),
        ("AGGRESSIVE_CACHE_CLEANUP", "true"),
        ("CACHE_INACTIVITY_THRESHOLD_DAYS", "7"),
        ("PERMISSION_CACHE_TTL_B_SECONDS", "1800"),
    ):
        monkeypatch.setenv(name, value)
    told = PermissionSettings()
    assert told.options().aggressive_cleanup and told.options().inactivity_threshold_days == 7
    timed = Timed(experiment=told.experiment())
    assert told.schedule(timed.permissions) == Cron("0 2 * * *")
    monkeypatch.setenv("PERMISSION_CACHE_GROWTH_KEYS", "1000")
    assert "1000 new keys" in str(PermissionSettings().schedule(timed.permissions))
    timed.permissions.close()
    monkeypatch.setenv("PERMISSION_CACHE_CLEANUP_CRON", "sometimes")
    with pytest.raises(ValueError, match="cron"):
        PermissionSettings()


def test_sigterm_ends_the_service_in_good_order() -> None:
    pytest.importorskip("uvicorn")
    with serving("permissions") as address:
        with urllib.request.urlopen(f"{address}/api/permissions/ann", timeout=20) as answer:
            assert answer.status == 200
