"""Many keys at once mean the same as one after the other."""

from __future__ import annotations

import pytest

from cachecore import NEVER, ArgumentError, Cache, FullError, RefusedError


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000])
def test_round_trip(count: int) -> None:
    with Cache(2000) as cache:
        entries = {f"key {number}": b"value %d" % number for number in range(count)}
        cache.set_many(entries)
        assert len(cache) == count
        assert cache.get_many(entries) == entries
        assert cache.get_many([*entries, "absent"]) == entries
        assert cache.delete_many([*entries, "absent"]) == count
        assert cache.delete_many(entries) == 0
        assert len(cache) == 0


def test_keys_come_back_as_given(cache: Cache) -> None:
    cache.set_many({"a": b"1", b"b": b"2"})
    assert cache.get_many(key for key in ("a", b"a", "b")) == {"a": b"1", b"a": b"1", "b": b"2"}
    assert cache.get_many(["a", "a"]) == {"a": b"1"}


def test_sizes_of_every_kind() -> None:
    with Cache(1000) as cache:
        sizes = [0, 1, 255, 256, 257, 5000, 16384, 16385, 300_000]
        entries = {f"{size}": bytes([size % 251]) * size for size in sizes}
        cache.set_many(entries)
        for _ in range(3):  # the room for values follows what was seen
            assert cache.get_many(entries) == entries


def test_values_of_many_megabytes() -> None:
    with Cache(1000) as cache:
        sizes = [0, 700_000, 400_000, 1 << 20, 1 << 20, 3_000_000, 1, 900_000]
        entries = {f"{at}": bytes([at]) * size for at, size in enumerate(sizes)}
        cache.set_many(entries)
        assert cache.get_many(entries) == entries


def test_lifetimes(cache: Cache) -> None:
    cache.set_many({"a": b"", "b": b""}, ttl=2)
    cache.set_many({"c": b""}, ttl=NEVER)
    cache.set_many({"d": b""})
    assert [cache.ttl(key) for key in "abcd"] == [2, 2, NEVER, NEVER]
    cache.advance_clock(2)
    assert cache.get_many("abcd").keys() == {"c", "d"}
    assert cache.delete_many("abcd") == 2


def test_statistics() -> None:
    with Cache(1000) as cache:
        cache.set_many({f"{number}": b"v" for number in range(300)})
        cache.get_many(f"{number}" for number in range(400))
        stats = cache.stats()
        assert (stats.inserts, stats.hits, stats.misses) == (300, 300, 100)


def test_bad_keys_are_named(cache: Cache) -> None:
    with pytest.raises(ArgumentError, match="^cachecore_set_many: 2 of 3 keys do not") as failed:
        cache.set_many({b"": b"", "good": b"v", "k" * 70000: b""})
    assert failed.value.keys == (b"", "k" * 70000)
    assert cache.get("good") == b"v"  # every element is attempted
    with pytest.raises(ArgumentError) as failed:
        cache.get_many(["good", ""])
    assert failed.value.keys == ("",)
    with pytest.raises(ArgumentError) as failed:
        cache.delete_many(["", "good"])
    assert failed.value.keys == ("",)
    assert "good" not in cache


def test_what_was_not_stored_is_named() -> None:
    with Cache(max_bytes=256 * 1024) as cache:
        with pytest.raises(RefusedError) as refused:
            cache.set_many({"small": b"v", "huge": bytes(10_000_000)})
        assert refused.value.keys == ("huge",)
        assert list(cache) == [b"small"]
    with Cache(2, no_evict=True, shards=1) as cache:
        with pytest.raises(FullError, match="^cachecore_set_many: 1 of 3 keys: ") as full:
            cache.set_many({"a": b"", "b": b"", "c": b""})
        assert full.value.keys == ("c",)
