"""Seconds here, milliseconds there, and never early."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from cachecore import NEVER, Cache, _native, durations


@pytest.mark.parametrize(
    ("ttl", "milliseconds"),
    [
        (None, 0),
        (NEVER, _native.TTL_NEVER),
        (1, 1000),
        (0.5, 500),
        (0.001, 1),
        (0.0011, 2),
        (0.07, 70),
        (0.1 + 0.2, 300),
        (1.0000004, 1000),  # less than a microsecond more
        (1e-9, 1),
        (5e-324, 1),
        (timedelta(microseconds=1), 1),
        (timedelta(milliseconds=2), 2),
        (timedelta(days=1, microseconds=1), 86_400_001),
        (timedelta.max, timedelta.max // timedelta(milliseconds=1) + 1),
        (10**30, _native.TTL_NEVER - 1),
        (1e300, _native.TTL_NEVER - 1),
        (True, 1000),
    ],
)
def test_lifetimes(ttl: durations.Duration | None, milliseconds: int) -> None:
    assert durations.ttl_ms(ttl) == milliseconds


def test_rounded_up_for_every_millisecond() -> None:
    for milliseconds in range(1, 5000):
        assert durations.ttl_ms(milliseconds / 1000) == milliseconds
        assert durations.ttl_ms(milliseconds / 1000 + 1e-6) == milliseconds + 1


@pytest.mark.parametrize(
    "ttl", [0, 0.0, -0.0, -1, -1e-9, -0.5, timedelta(), timedelta(-1), math.nan, -math.inf]
)
def test_lifetimes_that_are_none(ttl: durations.Duration, cache: Cache) -> None:
    calls = [
        lambda: cache.set("k", b"", ttl),
        lambda: cache.add("k", b"", ttl),
        lambda: cache.replace("k", b"", ttl),
        lambda: cache.touch("k", ttl),
        lambda: cache.increment("k", ttl=ttl),
        lambda: cache.compare_and_set("k", b"", 1, ttl),
        lambda: cache.set_many({"k": b""}, ttl),
        lambda: Cache(1, ttl=ttl),
        lambda: Cache(1, tti=ttl),
        lambda: cache.sweeper.start(interval=ttl),
        lambda: cache.sweeper.start(max_slice=ttl),
        lambda: cache.sweeper.set_interval(ttl),
        lambda: cache.sweeper.stop(timeout=ttl),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="must be greater than 0|cannot be"):
            call()
    assert len(cache) == 0


@pytest.mark.parametrize("ttl", ["1", b"1", Decimal(1), [], object()])
def test_types_that_are_no_duration(ttl: durations.Duration) -> None:
    with pytest.raises(TypeError, match="ttl must be seconds or a timedelta, not"):
        durations.ttl_ms(ttl)


def test_defaults() -> None:
    assert durations.default_ms(None, "ttl") == durations.default_ms(NEVER, "ttl") == 0
    assert durations.default_ms(0.0001, "ttl") == 1
    assert durations.interval_ms(None) == 0
    assert durations.slice_us(None) == 0
    assert durations.slice_us(0.0002) == 200
    assert durations.slice_us(1e-9) == 1


def test_timeouts() -> None:
    assert durations.timeout_ms(None) == durations.timeout_ms(NEVER) == 0
    assert durations.timeout_ms(1.5) == 1500
    assert durations.timeout_ms(10**9) == 2**32 - 1


def test_steps() -> None:
    assert durations.step_ms(0) == 0
    assert durations.step_ms(timedelta(seconds=1)) == 1000
    with pytest.raises(ValueError, match="only moves forward"):
        durations.step_ms(-1)


def test_deadlines() -> None:
    moment = datetime(2030, 1, 2, 3, 4, 5, 678_000, UTC)
    assert durations.deadline_ms(moment) == 1_893_553_445_678
    assert durations.deadline_ms(1_893_553_445.678) == 1_893_553_445_678
    assert durations.deadline_ms(1_893_553_445) == 1_893_553_445_000
    assert durations.deadline_ms(-1.5) == -1500
    assert durations.deadline_ms(1e300) == 2**63 - 1
    assert (
        durations.deadline_ms(moment.astimezone(timezone(timedelta(hours=5)))) == 1_893_553_445_678
    )
    for nonsense in (math.inf, math.nan):
        with pytest.raises(ValueError, match="when cannot be"):
            durations.deadline_ms(nonsense)


def test_there_and_back(cache: Cache) -> None:
    cache.set("k", b"", 0.0011)
    assert cache.ttl("k") == 0.002
    cache.set("k", b"", timedelta(minutes=1))
    assert cache.ttl("k") == 60
    cache.set("k", b"", NEVER)
    assert cache.ttl("k") == NEVER == math.inf
    cache.set("k", b"", 1e300)  # kept as 34 years
    left = cache.ttl("k")
    assert left is not None and 33 * 365 * 86400 < left < 35 * 366 * 86400
