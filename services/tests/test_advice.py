"""Advice: what is said, on how much evidence, and what is left unsaid."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cachecore import Cache, ClosedError
from cachecore_services.cleanup import Advice, Misses, Report, Thresholds, advise

TTL = 900.0


@pytest.fixture
def cache() -> Iterator[Cache[bytes]]:
    with Cache(20_000, ttl=TTL, manual_clock=True) as made:
        yield made


def look_up(cache: Cache[bytes], hits: int, misses: int) -> None:
    cache.set("k", b"")
    for _ in range(hits):
        cache.get("k")
    for number in range(misses):
        cache.get(f"absent-{number}")


def codes(report: Report) -> list[str]:
    return [one.name for one in report.advice]


def test_a_few_cold_misses_are_no_evidence(cache: Cache[bytes]) -> None:
    assert advise(cache).advice == ()
    look_up(cache, 0, 50)
    report = advise(cache, cache.audit(), ttl=TTL)
    assert report.advice == () and report.misses is None
    assert report.evidence.lookups == 50 and report.evidence.hit_rate == 0
    assert report.evidence.missing == (
        "50 of 1000 look-ups",
        "observed for 0 s of 15 min",
        "1 of 30 entries that expire",
    )


def test_neither_many_look_ups_nor_much_time_is_enough_alone(cache: Cache[bytes]) -> None:
    look_up(cache, 0, 5000)
    cache.advance_clock(TTL - 1)  # nothing has had the time to expire
    assert advise(cache, ttl=TTL).evidence.missing == ("observed for 15 min of 15 min",)
    assert advise(cache, ttl=TTL).advice == ()
    cache.advance_clock(1)
    assert advise(cache, ttl=TTL).advice == (Advice.HIT_RATE_CRITICAL,)
    assert advise(cache, ttl=TTL, window=60).evidence.lookups <= 5000
    with Cache(10, manual_clock=True) as idle:
        idle.advance_clock(86_400)
        look_up(idle, 0, 999)
        assert advise(idle).evidence.missing == ("999 of 1000 look-ups",)
        assert advise(idle).advice == ()


def test_a_lifetime_of_months_is_not_waited_for(cache: Cache[bytes]) -> None:
    look_up(cache, 1000, 0)
    cache.advance_clock(86_400)
    assert codes(advise(cache, ttl=90 * 86_400)) == ["HIT_RATE_EXCELLENT"]


@pytest.mark.parametrize(
    ("hits", "code"),
    [
        (499, "HIT_RATE_CRITICAL"),
        (500, "HIT_RATE_LOW"),
        (699, "HIT_RATE_LOW"),
        (700, "HIT_RATE_GOOD"),
        (899, "HIT_RATE_GOOD"),
        (900, "HIT_RATE_EXCELLENT"),
    ],
)
def test_hit_rates_and_what_they_go_by(cache: Cache[bytes], hits: int, code: str) -> None:
    cache.advance_clock(TTL)
    look_up(cache, hits, 1000 - hits)
    report = advise(cache, ttl=TTL)
    assert codes(report) == [code]
    assert f"{hits / 10:.1f}% of 1000 look-ups, observed for 15 min" in report.text(report.advice[0])
    assert report.to_dict()["advice"][0]["code"] == code


def test_what_most_misses_come_of(cache: Cache[bytes]) -> None:
    cache.advance_clock(TTL)
    look_up(cache, 0, 1000)
    assert advise(cache).misses is Misses.NEW
    with Cache(100, ttl=1, manual_clock=True) as expiring:
        for _ in range(100):
            for key in range(10):
                expiring.get(str(key))
                expiring.set(str(key), b"")
            expiring.advance_clock(10)
        report = advise(expiring)
        assert report.misses is Misses.EXPIRED
        assert "doubling" in report.text(Advice.HIT_RATE_CRITICAL)
    with Cache(10, manual_clock=True) as small:
        small.advance_clock(TTL)
        for key in range(1000):
            small.get(str(key))
            small.set(str(key), b"")
        report = advise(small)
        assert report.misses is Misses.EVICTED
        assert "a larger cache" in report.text(Advice.HIT_RATE_CRITICAL)


def test_the_time_left_of_enough_entries(cache: Cache[bytes]) -> None:
    for number in range(29):
        cache.set(str(number), b"", 100)
    assert "TTL_LOW" not in codes(advise(cache, cache.audit(), ttl=TTL))
    cache.set("30", b"", 100)
    assert codes(advise(cache, cache.audit(), ttl=TTL)) == ["TTL_LOW"]
    assert advise(cache, cache.audit()).advice == ()  # no lifetime is known
    assert advise(cache, cache.audit(), ttl=300).advice == ()


def test_what_is_there_now_needs_no_evidence() -> None:
    with Cache(20_000, max_bytes=1 << 20, manual_clock=True) as cache:
        cache.set("never", b"x" * 900_000)
        report = advise(cache, cache.audit(), thresholds=Thresholds(entries_high=0))
        assert codes(report) == ["MANY_ENTRIES", "MEMORY_HIGH", "WITHOUT_EXPIRY"]


def test_errors_beside_enough_hits(cache: Cache[bytes]) -> None:
    assert advise(cache, errors=1).advice == ()
    look_up(cache, 1000, 0)
    assert advise(cache, errors=10).advice == ()
    assert codes(advise(cache, errors=11)) == ["ERRORS"]
    with Cache(10) as unused:
        assert codes(advise(unused, errors=1000)) == ["ERRORS"]


@pytest.mark.parametrize(
    "wrong", [{"ttl_low": -0.1}, {"memory_share": 1.5}, {"hit_rate_low": float("nan")}, {"min_lookups": -1}]
)
def test_thresholds_that_are_none(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Thresholds(**wrong)  # type: ignore[arg-type]


def test_a_closed_cache(cache: Cache[bytes]) -> None:
    cache.close()
    with pytest.raises(ClosedError):
        advise(cache)
