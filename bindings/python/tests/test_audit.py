"""Audit and window."""

from __future__ import annotations

from typing import Any

import pytest

from cachecore import Audit, Cache, Cause, ClosedError, EntryKind, Window


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
    with pytest.raises(ValueError):
        cache.window(0)
    cache.close()
    for call in (cache.audit, cache.window):
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
