"""cachelib; its own tests are run by tests/compat_frameworks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cachecore import NEVER, Cache

pytest.importorskip("cachelib")

from cachecore.contrib.cachelib import CacheCoreCache  # noqa: E402


def test_timeouts_are_cachelibs(cache: Cache[bytes]) -> None:
    lib = CacheCoreCache(default_timeout=300, cache=cache)
    for key, timeout in {"default": None, "ever": 0, "short": timedelta(seconds=0.5)}.items():
        assert lib.set(key, 1, timeout) is True
    assert [cache.ttl(key) for key in ("default", "ever", "short")] == [300, NEVER, 1]
    assert lib.set("ever", 1, -1) is False and not lib.has("ever")
    assert CacheCoreCache(default_timeout=0, cache=cache).set("k", 1) and cache.ttl("k") == NEVER


def test_operations(cache: Cache[bytes]) -> None:
    lib = CacheCoreCache(cache=cache)
    assert lib.set_many({"a": [1], "b": None}) == ["a", "b"]
    assert lib.get_many("a", "x", "b") == [[1], None, None]
    assert lib.get_dict("a") == {"a": [1]}
    assert lib.add("a", 2) is False and lib.add("c", 3, 9) is True and cache.ttl("c") == 9
    assert (lib.inc("c", 2), lib.dec("c"), lib.inc("new", 5)) == (5, 4, 5)
    assert cache.ttl("c") == 9 and cache.ttl("new") == 300
    assert lib.delete("a") is True and lib.delete("a") is False
    assert lib.delete_many("b", "c") == ["b", "c"]
    assert lib.clear() is True and len(cache) == 0


def test_a_value_too_large_is_not_stored() -> None:
    lib = CacheCoreCache(max_bytes=65536)
    assert lib.set("key", b"x" * 100_000) is False
    assert lib.set_many({"a": 1, "b": b"x" * 100_000}) == ["a"]
