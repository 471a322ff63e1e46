"""The scenarios of the engines that this one replaces."""

from __future__ import annotations

import threading
import time

import pytest

from cachecore import Cache


def seeds_cache(max_size: int, ttl_secs: float = 60) -> Cache:
    return Cache(max_size, ttl=ttl_secs, shards=1)


def test_their_methods() -> None:
    with Cache(2, ttl=300) as cache:
        assert cache.set("key", b"value", ttl=5) is None
        assert cache.get("key") == b"value"
        assert len(cache) == 1
        assert cache.delete("key") is True
        assert cache.delete("key") is False
        assert cache.cleanup_expired() == 0
        assert cache.clear() is None
        assert cache.stats().entries_limit == 2
        cache["key"] = b""
        assert cache.ttl("key") is not None and 299 < (cache.ttl("key") or 0) <= 300


def test_their_errors() -> None:
    with pytest.raises(ValueError, match="^max_entries must be greater than 0$"):
        Cache(0, ttl=300)
    with pytest.raises(ValueError, match="^ttl must be greater than 0$"):
        Cache(10, ttl=0)


def test_basic_get_set() -> None:
    with seeds_cache(100) as cache:
        cache.set("key1", b"value1")
        assert cache.get("key1") == b"value1"


def test_cache_miss_returns_none() -> None:
    with seeds_cache(100) as cache:
        assert cache.get("nonexistent") is None


def test_delete() -> None:
    with seeds_cache(100) as cache:
        cache.set("key1", b"value1")
        assert cache.delete("key1") and not cache.delete("key1")
        assert cache.get("key1") is None


def test_clear() -> None:
    with seeds_cache(100) as cache:
        cache.set("key1", b"")
        cache.set("key2", b"")
        cache.clear()
        assert len(cache) == 0


def test_concurrent_access() -> None:
    with seeds_cache(1000) as cache:
        wrong: list[str] = []

        def work(number: int) -> None:
            for turn in range(100):
                key = f"key_{number}_{turn}"
                cache.set(key, key.encode())
                if cache.get(key) != key.encode():
                    wrong.append(key)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == [] and len(cache) == 1000


def test_concurrent_reads_and_writes() -> None:
    with seeds_cache(1000) as cache:
        failures: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for turn in range(50):
                    cache.set(f"key_{turn}", f"{number}".encode())
                    assert cache.get(f"key_{turn}") is not None
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == [] and len(cache) == 50


def test_no_deadlocks_under_contention() -> None:
    with seeds_cache(10) as cache:

        def work(number: int) -> None:
            for turn in range(100):
                cache.set(f"key_{turn % 20}", b"v")
                cache.get(f"key_{(turn + number) % 20}")
                cache.delete(f"key_{(turn + 5) % 20}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert len(cache) <= 10


def test_lru_eviction_removes_oldest() -> None:
    with seeds_cache(3) as cache:
        for number in range(1, 5):
            cache.set(f"key{number}", b"")
        assert len(cache) == 3 and "key1" not in cache
        assert all(f"key{number}" in cache for number in (2, 3, 4))


def test_lru_retains_recently_accessed() -> None:
    with seeds_cache(3) as cache:
        for number in range(1, 4):
            cache.set(f"key{number}", b"")
        cache.get("key1")
        cache.set("key4", b"")
        assert "key1" in cache and "key2" not in cache


def test_ttl_expiration_accuracy() -> None:
    with seeds_cache(100) as cache:
        begun = time.monotonic()
        cache.set("key1", b"value1", 0.2)
        while cache.get("key1") is not None:
            assert time.monotonic() - begun < 10
        assert time.monotonic() - begun >= 0.2  # never early


def test_cleanup_removes_expired() -> None:
    with Cache(100, ttl=60, manual_clock=True) as cache:
        cache.set("key1", b"", 1)
        cache.set("key2", b"", 1)
        cache.set("key3", b"", 10)
        cache.advance_clock(1.1)
        assert cache.cleanup_expired() == 2
        assert len(cache) == 1 and "key3" in cache


def test_custom_ttl_override() -> None:
    with Cache(100, ttl=10, manual_clock=True) as cache:
        cache.set("short", b"", 1)
        cache.set("default", b"")
        cache.advance_clock(1.1)
        assert "short" not in cache and "default" in cache


def test_update_existing_key() -> None:
    with seeds_cache(100) as cache:
        cache.set("key1", b"value1")
        cache.set("key1", b"value2")
        assert cache.get("key1") == b"value2" and len(cache) == 1


def test_updating_a_full_cache_evicts_nothing() -> None:
    with seeds_cache(2) as cache:
        cache.set("a", b"")
        cache.set("b", b"")
        cache.set("a", b"new")
        assert cache.stats().evictions == 0 and len(cache) == 2


def test_large_cache() -> None:
    with seeds_cache(10_000) as cache:
        for number in range(10_000):
            cache.set(f"key{number}", b"value%d" % number)
        assert len(cache) == 10_000
        assert cache.get("key5000") == b"value5000"


def test_empty_cache_operations() -> None:
    with seeds_cache(100) as cache:
        assert cache.get("k") is None and not cache.delete("k")
        assert len(cache) == 0 and cache.cleanup_expired() == 0
        cache.clear()


def test_single_entry_cache() -> None:
    with seeds_cache(1) as cache:
        cache.set("key1", b"")
        cache.set("key2", b"v")
        assert len(cache) == 1 and cache.get("key2") == b"v" and "key1" not in cache


def test_an_empty_value_is_a_hit() -> None:
    with seeds_cache(1) as cache:
        cache.set("key", b"")
        assert cache.get("key") == b""
        assert cache.stats().hits == 1
