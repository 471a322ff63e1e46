"""What a tier tells of itself, and what it needs to be imported."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import redis
from conftest import eventually, run_python

from cachecore.contrib.prometheus import _TIER_COUNTERS, TierCollector
from cachecore.tiered import TieredCache, TierStats

from .conftest import Stand, here


def test_health_and_stats(stand: Stand, other: redis.Redis) -> None:
    tier = stand.tier
    before = tier.health()
    assert not before.synced and before.lag is None and not before.listening and not before.ok
    stand.synced()
    other.set("t:a", b"1")
    here(tier, "a")
    health, stats = tier.health(), tier.stats()
    assert health.ok and health.listening and 0 <= (health.lag or 0) < 2 and health.error == ""
    assert stats.server_reads >= stats.server_hits >= 1 and stats.floors == 1 and stats.errors == 0
    assert eventually(lambda: tier.stats().invalidated >= 1)


def test_a_lost_connection_is_logged_once(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    tier = stand.synced()
    with caplog.at_level(logging.WARNING, "cachecore.tiered"):
        stand.listening.refuses = True
        stand.listening.reset()
        assert eventually(lambda: stand.listening.faults["refused"] >= 4, 60)
    assert len([one for one in caplog.records if "heard again" in one.getMessage()]) == 1
    assert tier.health().error
    stand.listening.refuses = False
    assert eventually(lambda: not tier.health().error, 60)


def test_metrics(tier: TieredCache[Any], other: redis.Redis) -> None:
    assert tuple(_TIER_COUNTERS) == TierStats._fields
    other.set("t:a", b"1")
    here(tier, "a")
    found = {
        sample.name: sample.value
        for metric in TierCollector({"prices": tier}).collect()
        for sample in metric.samples
        if sample.labels == {"tier": "prices"}
    }
    assert found["cachecore_tier_server_hits_total"] >= 1 and found["cachecore_tier_synced"] == 1
    assert found["cachecore_tier_queued_writes"] == 0 and 0 <= found["cachecore_tier_lag_seconds"] < 60
    assert len(found) == 15


def test_importing_needs_no_client_package() -> None:
    code = """
import sys
sys.modules["redis"] = sys.modules["valkey"] = None
import cachecore, cachecore.tiered
from cachecore.tiered import TieredCache
try:
    TieredCache(cachecore.Cache(10), object())
except TypeError as error:
    assert "redis-py or valkey-py" in str(error)
else:
    raise AssertionError
"""
    run = run_python(code)
    assert (run.returncode, run.stderr) == (0, "")
