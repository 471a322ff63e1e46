"""Every method of one entry, the negative space included."""

from __future__ import annotations

import array
import math
import time
from datetime import UTC, datetime, timedelta

import pytest

from cachecore import (
    KEEP,
    NEVER,
    ArgumentError,
    Cache,
    EntryInfo,
    Found,
    FullError,
    NotANumberError,
    RangeError,
    RefusedError,
)


def test_get_and_set(cache: Cache) -> None:
    assert cache.get("k") is None
    assert cache.get("k", b"else") == b"else"
    assert cache.get("k", 7) == 7
    cache.set("k", b"one")
    assert cache.get("k") == b"one"
    cache.set("k", b"two")
    assert cache.get("k", None) == b"two"


def test_str_keys_are_utf8(cache: Cache) -> None:
    cache.set("schlüssel", b"v")
    assert cache.get("schlüssel".encode()) == b"v"
    assert list(cache) == ["schlüssel".encode()]
    with pytest.raises(UnicodeEncodeError):
        cache.get("\ud800")


@pytest.mark.parametrize(
    "key", [b"\0", b"a\0b", bytes(range(256)), b"k" * 1024, b"k" * 1025, b"k" * 65535]
)
def test_binary_keys(cache: Cache, key: bytes) -> None:
    cache.set(key, b"v")
    assert cache.get(key) == b"v"
    assert key in cache and key + b"\0" not in cache if len(key) < 65535 else key in cache
    assert cache.delete(key)


def test_subclasses_of_bytes_and_str(cache: Cache) -> None:
    class B(bytes): ...

    class S(str): ...

    cache.set(B(b"k"), B(b"v"))
    assert cache.get(S("k")) == b"v"
    assert type(cache.get("k")) is bytes


@pytest.mark.parametrize(
    "size", [0, 1, 255, 256, 4095, 4096, 4097, 70_000, 262_144, 262_145, 5_000_000]
)
def test_value_sizes(size: int) -> None:
    with Cache(10) as cache:
        value = (bytes(range(256)) * (size // 256 + 1))[:size]
        cache.set("k", value)
        assert cache.get("k") == value
        assert cache.peek("k") == value
        assert cache["k"] == value
        assert cache.get_many(["k"]) == {"k": value}
        with cache.acquire("k") as view:
            assert view == value


@pytest.mark.parametrize(
    "value",
    [
        bytearray(b"abc"),
        memoryview(b"abc"),
        memoryview(b"xabcx")[1:4],
        memoryview(b"aXbXc")[::2],
        array.array("B", b"abc"),
    ],
)
def test_bytes_like_values(cache: Cache, value: memoryview) -> None:
    cache.set("k", value)
    assert cache.get("k") == b"abc"
    assert cache.replace("k", value)
    cache.set_many({"m": value})
    assert cache.get("m") == b"abc"


def test_values_are_copied_in(cache: Cache) -> None:
    value = bytearray(b"abc")
    cache.set("k", value)
    value[0] = 0
    assert cache.get("k") == b"abc"


def test_mapping(cache: Cache) -> None:
    cache["k"] = b"v"
    assert cache["k"] == b"v"
    assert "k" in cache and b"k" in cache and "other" not in cache
    assert len(cache) == 1
    assert dict(cache) == {b"k": b"v"}
    del cache["k"]
    for miss in (lambda: cache["k"], lambda: cache.__delitem__("k"), lambda: cache.acquire("k")):
        with pytest.raises(KeyError, match="'k'"):
            miss()
    cache["empty"] = b""
    assert cache["empty"] == b""


def test_peek(cache: Cache) -> None:
    cache.set("k", b"v", 5)
    assert cache.peek("k") == cache.peek(b"k") == cache.peek(key="k", default=None) == b"v"
    assert cache.peek("absent") is None and cache.peek("absent", 7) == 7
    cache.set("empty", b"")
    assert cache.peek("empty") == b""
    cache.advance_clock(5)
    assert cache.peek("k", b"else") == b"else"
    with pytest.raises(ArgumentError, match="cachecore_peek: a key has 1 to 65535 bytes, this one 0"):
        cache.peek("")
    with pytest.raises(TypeError, match="bytes or str"):
        cache.peek(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        cache.peek()  # type: ignore[call-overload]


def test_peek_touches_nothing() -> None:
    with Cache(2, shards=1, manual_clock=True, tti=10) as cache:
        cache["old"] = b"v"
        cache["new"] = b"v"
        cache.advance_clock(4)
        assert cache.peek("old") == b"v" and cache.peek("absent") is None
        info = cache.inspect("old")
        assert info is not None and info.idle == 4
        assert cache.stats().hits == cache.stats().misses == 0
        cache["newer"] = b"v"
        assert "old" not in cache and "new" in cache
        cache.advance_clock(6)
        assert cache.peek("new") is None


def test_peek_with_a_serializer() -> None:
    with Cache(10, serializer="json") as cache:
        cache["k"] = [1, None, "x" * 10_000]
        assert cache.peek("k") == [1, None, "x" * 10_000]
        assert cache.peek("absent", ()) == ()
        assert cache.stats().hits == 0


def test_a_large_value_is_read_as_one_hit() -> None:
    with Cache(10) as cache:
        cache["k"] = bytes(1_000_000)
        assert len(cache["k"]) == len(cache.get_many(["k"])["k"]) == 1_000_000
        assert cache.stats().hits == 2 and cache.stats().misses == 0


def test_expiry(cache: Cache) -> None:
    cache.set("k", b"v", 1)
    cache.advance_clock(0.999)
    assert cache.get("k") == b"v" and cache.ttl("k") == 0.001
    cache.advance_clock(0.001)
    assert cache.get("k") is None and "k" not in cache and cache.ttl("k") is None
    assert len(cache) == 0


def test_default_lifetime() -> None:
    with Cache(10, ttl=2, manual_clock=True) as cache:
        cache.set("default", b"")
        cache.set("own", b"", 5)
        cache.set("never", b"", NEVER)
        assert [cache.ttl(key) for key in ("default", "own", "never")] == [2, 5, math.inf]
        cache.advance_clock(2)
        assert cache.get_many(["default", "own", "never"]).keys() == {"own", "never"}


def test_time_to_idle() -> None:
    with Cache(10, tti=2, manual_clock=True) as cache:
        cache.set("used", b"")
        cache.set("idle", b"")
        cache.set("short", b"", 1)
        assert (cache.ttl("used"), cache.ttl("short")) == (2, 1)
        cache.advance_clock(1.5)
        cache.get("used")
        assert "idle" in cache and "short" not in cache  # contains is no use
        cache.advance_clock(0.5)
        assert "used" in cache and "idle" not in cache


def test_set_until(cache: Cache) -> None:
    now = time.time()
    cache.set_until("float", b"v", now + 60)
    cache.set_until("datetime", b"v", datetime.now(UTC) + timedelta(minutes=1))
    for key in ("float", "datetime"):
        left = cache.ttl(key)
        assert left is not None and 30 < left <= 61
    cache.set_until("float", b"v", now - 1)  # has passed: the older value is dropped
    assert "float" not in cache
    cache.set_until("new", b"v", 0)
    assert "new" not in cache


def test_add(cache: Cache) -> None:
    assert cache.add("k", b"one", 1)
    assert not cache.add("k", b"two")
    assert cache.get("k") == b"one"
    cache.advance_clock(1)
    assert cache.add("k", b"two") and cache.get("k") == b"two"


def test_replace(cache: Cache) -> None:
    assert not cache.replace("k", b"one")
    assert "k" not in cache
    cache.set("k", b"zero", 1)
    assert cache.replace("k", b"one", 2)
    assert (cache.get("k"), cache.ttl("k")) == (b"one", 2)
    cache.advance_clock(2)
    assert not cache.replace("k", b"two")


def test_compare_and_set(cache: Cache) -> None:
    assert not cache.compare_and_set("k", b"v", 1)
    cache.set("k", b"one")
    info = cache.inspect("k")
    assert info is not None
    assert cache.compare_and_set("k", b"two", info.version, ttl=3)
    assert (cache.get("k"), cache.ttl("k")) == (b"two", 3)
    assert not cache.compare_and_set("k", b"three", info.version)
    assert cache.get("k") == b"two"
    for nonsense in (-1, 2**64):
        with pytest.raises(ValueError, match="version must be between"):
            cache.compare_and_set("k", b"", nonsense)


def test_a_deadline_is_kept(cache: Cache) -> None:
    cache.set("k", b"one", 10)
    cache.advance_clock(4)
    info = cache.inspect("k")
    assert info is not None and cache.compare_and_set("k", b"two", info.version, ttl=KEEP)
    assert cache.ttl("k") == 6
    cache.advance_clock(4)
    assert cache.replace("k", b"three", ttl=KEEP) and cache.ttl("k") == 2
    cache.advance_clock(2)
    assert not cache.replace("k", b"four", ttl=KEEP)
    cache.set("k", b"v")
    assert cache.replace("k", b"w", ttl=KEEP) and cache.ttl("k") == NEVER


def test_delete(cache: Cache) -> None:
    assert not cache.delete("k")
    cache.set("k", b"v", 1)
    assert cache.delete("k") and not cache.delete("k")
    cache.set("k", b"v", 1)
    cache.advance_clock(1)
    assert not cache.delete("k")


def test_touch(cache: Cache) -> None:
    assert not cache.touch("k")
    cache.set("k", b"v", 1)
    before = cache.inspect("k")
    assert cache.touch("k", 5)
    after = cache.inspect("k")
    assert before is not None and after is not None
    assert after.ttl == 5 and after.version == before.version and cache.get("k") == b"v"
    assert cache.touch("k")  # the cache's default: never
    assert cache.ttl("k") == NEVER


def test_inspect(cache: Cache) -> None:
    assert cache.inspect("k") is None
    cache.set("k", b"value", 10)
    cache.advance_clock(1)
    cache.get("k")
    cache.advance_clock(2)
    info = cache.inspect("k")
    assert info is not None
    assert info == EntryInfo(value_size=5, ttl=7.0, age=3.0, idle=2.0, version=info.version)
    cache.set("k", b"value", NEVER)
    again = cache.inspect("k")
    assert again is not None and again.ttl == NEVER and again.version != info.version
    stats = cache.stats()
    assert (stats.hits, stats.misses) == (1, 0)


def test_get_with_info(cache: Cache) -> None:
    assert cache.get_with_info("k") is None
    cache.set("k", b"value", 10)
    cache.advance_clock(1)
    info = cache.inspect("k")
    assert info is not None
    found = cache.get_with_info(b"k")
    assert found == Found(b"value", info.version, ttl=9.0, age=1.0, idle=1.0)
    again = cache.get_with_info(key="k")
    assert again is not None and (again.version, again.idle) == (found.version, 0.0)
    cache.set("k", b"", NEVER)
    empty = cache.get_with_info("k")
    assert empty is not None and (empty.value, empty.ttl) == (b"", NEVER)
    assert empty.version != found.version
    assert (cache.stats().hits, cache.stats().misses) == (3, 1)


@pytest.mark.parametrize("size", [4095, 4096, 4097, 300_000])
def test_get_with_info_of_any_size(cache: Cache, size: int) -> None:
    value = bytes(range(256)) * (size // 256 + 1)
    cache.set("k", value[:size], 10)
    cache.advance_clock(1)
    info, found = cache.inspect("k"), cache.get_with_info("k")
    assert info is not None and found is not None
    assert (found.value, found.version, found.ttl) == (value[:size], info.version, 9.0)
    assert (cache.stats().hits, cache.stats().misses) == (1, 0)


def test_get_with_info_uses_the_serializer() -> None:
    with Cache(10, serializer="json") as cache:
        cache.set("k", {"a": [1]})
        found = cache.get_with_info("k")
        assert found is not None and found.value == {"a": [1]}
        assert cache.compare_and_set("k", {"a": [2]}, found.version)
        assert not cache.compare_and_set("k", {"a": [3]}, found.version)
        assert cache["k"] == {"a": [2]}


def test_increment(cache: Cache) -> None:
    assert cache.increment("n") == 1
    assert cache.increment("n") == 2
    assert cache.increment("n", 40) == 42
    assert cache.increment("n", -43) == -1
    assert cache.get("n") == b"-1"
    assert cache.increment("from", 5, initial=100, ttl=9) == 100
    assert cache.increment("from", 5, ttl=1) == 105
    assert cache.ttl("from") == 9
    assert cache.increment("down", -3) == -3


def test_increment_of_what_is_no_number(cache: Cache) -> None:
    for value in (b"", b"-", b"x", b"1.5", b" 1", b"+1", b"1\0", b"9223372036854775808", b"1" * 21):
        cache.set("k", value)
        with pytest.raises(NotANumberError):
            cache.increment("k")
        assert cache.get("k") == value


def test_increment_out_of_range(cache: Cache) -> None:
    assert cache.increment("k", initial=2**63 - 1) == 2**63 - 1
    with pytest.raises(RangeError):
        cache.increment("k")
    assert cache.increment("k", -(2**63)) == -1
    assert cache.increment("low", -(2**63)) == -(2**63)
    with pytest.raises(RangeError):
        cache.increment("low", -1)
    for delta, initial in ((2**63, 0), (0, -(2**63) - 1)):
        with pytest.raises(OverflowError, match="does not fit 64 bits"):
            cache.increment("k", delta, initial=initial)


def test_least_recently_used_goes_first() -> None:
    with Cache(3, shards=1, manual_clock=True) as cache:
        for key in "abc":
            cache.set(key, b"")
        cache.get("a")
        assert "b" in cache  # no use
        cache.set("d", b"")
        assert sorted(cache) == [b"a", b"c", b"d"]
        cache.touch("c")
        cache.set("e", b"")
        assert sorted(cache) == [b"c", b"d", b"e"]
        assert cache.stats().evictions == 2


def test_capacity_of_one() -> None:
    for policy in ("lru", "adaptive"):
        with Cache(1, policy=policy) as cache:
            for number in range(10):
                cache.set(f"{number}", b"v")
                assert len(cache) <= 1


def test_refused_is_not_silent() -> None:
    with Cache(max_bytes=256 * 1024) as cache:
        huge = bytes(10_000_000)
        for store in (cache.set, cache.replace):
            cache.set("k", b"old")
            with pytest.raises(RefusedError):
                store("k", huge)
            assert "k" not in cache  # the older value is not left behind
        with pytest.raises(RefusedError):
            cache.add("k", huge)
        with pytest.raises(RefusedError):
            cache["k"] = huge
        with pytest.raises(RefusedError):
            cache.set_until("k", huge, time.time() + 60)
        assert cache.stats().refused == 5


def test_full_changes_nothing() -> None:
    with Cache(2, no_evict=True, shards=1, manual_clock=True) as cache:
        cache.set("a", b"1", 5)
        cache.set("b", b"2")
        for store in (cache.set, cache.add):
            with pytest.raises(FullError):
                store("c", b"3")
        with pytest.raises(FullError):
            cache.increment("n")
        cache.set("a", b"one", 5)  # replacing needs no room
        assert dict(cache) == {b"a": b"one", b"b": b"2"}
        cache.advance_clock(5)
        cache.set("c", b"3")  # what has expired makes room
        assert sorted(cache) == [b"b", b"c"]


@pytest.mark.parametrize(("max_bytes", "size"), [(1 << 20, 64), (1 << 23, 1000), (1 << 23, 4000)])
def test_what_fits_is_never_refused(max_bytes: int, size: int) -> None:
    with Cache(max_bytes=max_bytes, hash_seed=7) as cache:
        value = bytes(size)
        for number in range(2 * max_bytes // size):
            cache.set(f"{number}", value)
        assert cache.stats().refused == 0


def test_many_entries_within_bytes() -> None:
    with Cache(max_bytes=1 << 20) as cache:
        for number in range(5000):
            cache.set(f"key {number}", bytes(1000))
        stats = cache.stats()
        assert stats.bytes_used <= stats.bytes_limit == 1 << 20
        assert stats.evictions > 0 and stats.entries > 100
