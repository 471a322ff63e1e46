"""Audit, window and advice."""

from __future__ import annotations

from typing import Any

import pytest

from cachecore import Advice, Audit, Cache, Cause, ClosedError, EntryKind, Window


@pytest.fixture
def cache() -> Any:
    with Cache(100, ttl=900, manual_clock=True) as cache:
        yield cache


def test_a_dry_run_counts_by_kind(cache: Cache[bytes]) -> None:
    cache.set("a:never", b"1", float("inf"))
    cache.set("a:short", b"1", 5)
    cache.set("a:long", b"1", 7200)
    cache.set("b", b"1", 7200)
    cache.advance_clock(3600)
    cache.set("a:near", b"1", 10)
    found = cache.audit("a:", near_expiry=10, idle=3600)
    assert (found.scanned, found.expired, found.near_expiry) == (4, 1, 1)
    assert (found.without_expiry, found.idle, found.removed, found.removed_bytes) == (1, 2, 0, 0)
    assert found.average_ttl == (3600 + 10) / 2 and found.average_age == 2400
    assert found.bytes > 4 * 32 and cache.stats().expirations == 0
    assert cache.audit().scanned == 5
    nothing = cache.audit(b"c")
    assert nothing == Audit(0, 0, 0, 0, 0, 0, 0, 0, None, None)


def test_removal_is_told_to_the_listener() -> None:
    told = []
    with Cache(
        10, manual_clock=True, on_removal=lambda key, _, cause: told.append((key, cause))
    ) as cache:
        cache.set("never", b"")
        cache.set("expired", b"", 1)
        cache.set("kept", b"", 100)
        cache.advance_clock(1)
        found = cache.audit(remove=EntryKind.WITHOUT_EXPIRY | EntryKind.EXPIRED, batch_size=1)
        assert found.removed == 2 and list(cache) == [b"kept"]
        assert sorted(told) == [(b"expired", Cause.EXPIRED), (b"never", Cause.DELETED)]


def test_batches_of_any_size(cache: Cache[bytes]) -> None:
    for number in range(50):
        cache.set(str(number), b"")
    for size in (1, 33, 100, 2**32 - 1):
        assert cache.audit(batch_size=size).scanned == 50


def test_arguments(cache: Cache[bytes]) -> None:
    with pytest.raises(TypeError, match="remove"):
        cache.audit(remove=1)  # type: ignore[arg-type]
    for wrong in ({"idle": 0}, {"near_expiry": -1}, {"batch_size": 0}, {"batch_size": 2**32}):
        with pytest.raises(ValueError):
            cache.audit(**wrong)  # type: ignore[arg-type]
    for wrong in ({"ttl_low": 0}, {"memory_share": 1.5}, {"errors": -1}, {"entries_high": 0}):
        with pytest.raises(ValueError):
            cache.advice(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        cache.window(0)
    cache.close()
    for call in (cache.audit, cache.window, cache.advice):
        with pytest.raises(ClosedError):
            call()


def test_window(cache: Cache[bytes]) -> None:
    assert cache.window() == Window(0, 0, 0) and cache.window().hit_rate is None
    cache["k"] = b""
    for _ in range(64):
        cache["k"]
        cache.get("absent")
    assert cache.window().hit_rate == 0.5
    cache.advance_clock(600)
    for _ in range(64):
        cache["k"]
    cache.advance_clock(60)
    recent = cache.window(60)
    assert recent.misses == 0 and 32 <= recent.hits <= 96 and recent.span == pytest.approx(60, abs=1)
    cache.reset_stats()
    assert cache.window(float("inf")).misses == 64


def test_advice(cache: Cache[bytes]) -> None:
    assert cache.advice() == [] == cache.advice(cache.audit())
    cache.set("k", b"", 200)
    cache["k"]
    assert cache.advice(cache.audit()) == [Advice.HIT_RATE_EXCELLENT, Advice.TTL_LOW]
    assert cache.advice(cache.audit(), expected_ttl=300) == [Advice.HIT_RATE_EXCELLENT]
    cache.get("absent")
    cache.set("never", b"", float("inf"))
    assert cache.advice(cache.audit(), hit_rate_low=0.501, errors=1, entries_high=1) == [
        Advice.HIT_RATE_LOW,
        Advice.TTL_LOW,
        Advice.MANY_ENTRIES,
        Advice.ERRORS,
        Advice.WITHOUT_EXPIRY,
    ]
    assert cache.advice(window=60, hit_rate_critical=0.6) == [Advice.HIT_RATE_CRITICAL]
    texts = {advice.text for advice in Advice}
    assert len(texts) == len(Advice) and Advice.TTL_LOW.text.startswith("entries are near expiry")
