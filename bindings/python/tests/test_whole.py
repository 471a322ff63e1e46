"""The cache as a whole: bounds, scans, statistics, the manual clock."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from cachecore import (
    NEVER,
    ArgumentError,
    Cache,
    FullError,
    RangeError,
    ScanRecord,
    StateError,
    Stats,
)


def test_options() -> None:
    with Cache(
        1000,
        max_bytes=1 << 20,
        ttl=timedelta(seconds=5),
        tti=3.5,
        policy="adaptive",
        no_evict=True,
        manual_clock=True,
        shards=4,
        hash_seed=2**64 - 1,
    ) as cache:
        stats = cache.stats()
        assert (stats.entries_limit, stats.bytes_limit, stats.shard_count) == (1000, 1 << 20, 4)
        cache.set("k", b"v")
        assert cache.ttl("k") == 3.5
        cache.set("k", b"v", 1)
        assert cache.ttl("k") == 1


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_entries": 0},
        {"max_entries": -1},
        {"max_entries": 2**64},
        {"max_bytes": 0},
        {"max_bytes": 65535},
        {"max_entries": 1, "shards": 257},
        {"max_entries": 1, "shards": -1},
        {"max_entries": 1, "shards": 2**32},
        {"max_entries": 1, "hash_seed": 2**64},
        {"max_entries": 1, "policy": "fifo"},
    ],
)
def test_options_out_of_range(options: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        Cache(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"max_entries": 1.5},
        {"max_entries": "1"},
        {"max_entries": 1, "shards": 1.0},
        {"max_entries": 1, "ttl": "1"},
    ],
)
def test_options_of_a_wrong_type(options: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Cache(**options)


def test_only_the_first_bound_is_positional() -> None:
    with pytest.raises(TypeError):
        Cache(10, 300)


def test_count(cache: Cache) -> None:
    assert len(cache) == cache.count() == 0
    cache.set("a", b"", 1)
    cache.set("b", b"")
    assert len(cache) == cache.count() == 2
    cache.advance_clock(1)
    assert len(cache) == 1  # removed or not, it has expired


def test_clear(cache: Cache) -> None:
    cache.set_many({f"{number}": b"v" for number in range(50)})
    cache.clear()
    assert len(cache) == 0 and list(cache) == []
    assert cache.stats().deletes == 50
    cache.clear()
    cache.set("k", b"v")
    assert cache.get("k") == b"v"


def test_cleanup_expired(cache: Cache) -> None:
    cache.set_many({f"short {number}": b"" for number in range(20)}, ttl=1)
    cache.set_many({f"long {number}": b"" for number in range(10)}, ttl=5)
    assert cache.cleanup_expired() == 0
    cache.advance_clock(1)
    assert cache.cleanup_expired(max_entries=5) == 5
    assert cache.cleanup_expired() == 15
    assert cache.cleanup_expired() == 0
    assert len(cache) == 10 and cache.stats().expirations == 20
    for nonsense in (-1, 2**64):
        with pytest.raises(ValueError):
            cache.cleanup_expired(nonsense)


def test_scan() -> None:
    with Cache(10_000, manual_clock=True) as cache:
        entries = {b"key %d" % number: bytes(number % 50) for number in range(3000)}
        cache.set_many(entries, ttl=2)
        cache.set("other", b"12345")
        cache.set("x" * 65535, b"")
        assert set(cache.scan("key")) == set(entries)
        assert set(cache) == set(entries) | {b"other", b"x" * 65535}
        assert sorted(cache.keys()) == sorted(set(cache))
        records = {record.key: record for record in cache.scan_records("key")}
        assert records.keys() == entries.keys()
        assert all(records[key].value_size == len(entries[key]) for key in entries)
        assert {record.ttl for record in records.values()} == {2}
        assert list(cache.scan_records("oth")) == [ScanRecord(b"other", 5, NEVER)]
        assert list(cache.scan("nothing")) == []
        cache.advance_clock(2)
        assert sorted(cache) == [b"other", b"x" * 65535]
        stats = cache.stats()
        assert (stats.hits, stats.misses) == (0, 0)


def test_scan_while_the_cache_changes() -> None:
    with Cache(10_000) as cache:
        lasting = {b"lasting %d" % number for number in range(1000)}
        cache.set_many({key: b"v" for key in lasting})
        seen = set()
        for turn, key in enumerate(cache):
            seen.add(key)
            cache.set(f"passing {turn % 500}", b"x" * (turn % 1000))
            cache.delete(f"passing {(turn + 250) % 500}")
            if turn > 100_000:
                pytest.fail("the scan does not end")
        assert lasting <= seen


def test_an_abandoned_scan(cache: Cache) -> None:
    cache.set_many({f"{number}": b"" for number in range(50)})
    scan = cache.scan()
    next(scan)
    del scan
    assert len(list(cache)) == 50


def test_delete_prefix(cache: Cache) -> None:
    cache.set_many({f"{letter}{number}": b"" for letter in "ab" for number in range(20)})
    assert cache.delete_prefix("a") == 20
    assert cache.delete_prefix(b"a") == 0
    assert cache.delete_prefix("b1") == 11
    assert len(cache) == 9
    with pytest.raises(ArgumentError):
        cache.delete_prefix("")
    assert len(cache) == 9


def test_resize() -> None:
    with Cache(100, shards=1) as cache:
        cache.set_many({f"{number}": b"v" for number in range(100)})
        cache.resize(10)
        assert len(cache) == 10 and cache.stats().evictions == 90
        assert sorted(cache) == sorted(b"%d" % number for number in range(90, 100))
        cache.resize(1000)
        cache.set_many({f"{number}": b"v" for number in range(100)})
        assert len(cache) == 100
        cache.resize(max_bytes=1 << 20)
        stats = cache.stats()
        assert (stats.entries_limit, stats.bytes_limit) == (0, 1 << 20)
        for call in (
            lambda: cache.resize(),
            lambda: cache.resize(0),
            lambda: cache.resize(max_bytes=1),
            lambda: cache.resize(-5),
        ):
            with pytest.raises(ValueError):
                call()


def test_resize_without_eviction() -> None:
    with Cache(10, no_evict=True, shards=1) as cache:
        cache.set_many({f"{number}": b"" for number in range(10)})
        with pytest.raises(FullError):
            cache.resize(5)
        assert len(cache) == 10 and cache.stats().entries_limit == 10


def test_stats(cache: Cache) -> None:
    assert cache.stats().hit_rate == 0.0
    cache.set("a", b"1")
    cache.set("a", b"2")
    cache.set("b", b"1", 1)
    for key in ("a", "a", "b", "absent"):
        cache.get(key)
    cache.delete("a")
    cache.advance_clock(1)
    cache.cleanup_expired()
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.hit_rate) == (3, 1, 0.75)
    assert (stats.inserts, stats.updates, stats.deletes) == (2, 1, 1)
    assert (stats.expirations, stats.evictions, stats.refused) == (1, 0, 0)
    assert (stats.entries, stats.entries_limit, stats.bytes_limit) == (0, 100, 0)
    assert stats.bytes_used > 0 and stats.bytes_resident >= stats.bytes_used
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.hits = 0
    cache.set("c", b"")
    cache.reset_stats()
    again = cache.stats()
    assert isinstance(again, Stats)
    assert (again.hits, again.misses, again.inserts, again.deletes) == (0, 0, 0, 0)
    assert again.entries == 1


def test_manual_clock(cache: Cache) -> None:
    cache.advance_clock(0)
    cache.advance_clock(timedelta(days=1))
    for seconds in (10 * 366 * 86400, 1e300):
        with pytest.raises(RangeError):
            cache.advance_clock(seconds)
    with Cache(1) as real, pytest.raises(StateError):
        real.advance_clock(1)


def test_repr(cache: Cache) -> None:
    cache.set("k", b"v")
    assert repr(cache).startswith("<cachecore.Cache of 1 entries, ")
    cache.close()
    assert repr(cache) == "<cachecore.Cache closed>"


def test_a_cache_that_was_never_open() -> None:
    half = Cache.__new__(Cache)
    with pytest.raises(ValueError):
        half.__init__()
    assert half.closed
    half.close()
