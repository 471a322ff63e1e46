"""A cache in a file, and back."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

import cachecore
from cachecore import Cache


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    file = tmp_path / "cache"
    with Cache(1000) as cache, Cache(1000, policy="adaptive", shards=4) as other:
        for number in range(500):
            cache.set(f"key {number}", b"v" * number, ttl=60)
        cache["never"] = b""
        assert cache.save(file) == 501
        assert other.load(file) == 501
        assert dict(other.items()) == dict(cache.items())
        assert 59 < (other.ttl("key 7") or 0) <= 60
        assert other.ttl("never") == float("inf")
        assert other.load(str(file)) == 0
    assert os.listdir(tmp_path) == ["cache"]
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("serializer", ["json", "pickle"])
def test_serialized_values(serializer: Any, tmp_path: Path) -> None:
    values = {"a": [1, 2], "b": {"c": "d"}, "e": 3.5}
    with Cache[str, Any](10, serializer=serializer, decode_keys=True) as cache:
        cache.update(values)
        cache.save(os.fsencode(tmp_path / "file"))
        cache.clear()
        assert cache.load(tmp_path / "file") == 3
        assert dict(cache.items()) == values


def test_what_is_there_stays(tmp_path: Path) -> None:
    with Cache(10) as cache:
        cache.update({"old": b"1", "other": b"2"})
        cache.save(tmp_path / "file")
        del cache["other"]
        cache["old"] = b"new"
        assert cache.load(tmp_path / "file") == 1
        assert dict(cache.items()) == {b"old": b"new", b"other": b"2"}


def test_expired_entries_stay_away(tmp_path: Path) -> None:
    with Cache(10) as cache:
        cache.set("soon", b"1", ttl=0.05)
        cache.set("later", b"2", ttl=60)
        assert cache.save(tmp_path / "file") == 2
        cache.clear()
        time.sleep(0.1)
        assert cache.load(tmp_path / "file") == 1
        assert list(cache) == [b"later"]


def test_the_last_used_stay_and_are_reported(tmp_path: Path) -> None:
    gone = []
    with Cache(100, shards=1) as cache:
        for number in range(100):
            cache[f"{number}"] = b"v"
        for number in range(10):
            cache.get(f"{number}")
        cache.save(tmp_path / "file")
    with Cache(
        10, shards=1, decode_keys=True, on_removal=lambda key, value, cause: gone.append(key)
    ) as small:
        assert small.load(tmp_path / "file") == 100
        assert sorted(small) == [f"{number}" for number in range(10)]
        assert gone == [f"{number}" for number in range(10, 100)]


def test_errors(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with Cache(10) as cache:
        with pytest.raises(FileNotFoundError, match="cachecore_load: no such file or folder: .*file"):
            cache.load(file)
        with pytest.raises(cachecore.NoFileError, match="cachecore_save"):
            cache.save(tmp_path / "no" / "file")
        with pytest.raises(cachecore.LayoutError):
            cache.save(tmp_path)
        file.write_text("no cache")
        file.chmod(0o600)
        with pytest.raises(ValueError, match="not a cache"):
            cache.load(file)
        cache.save(file)
        file.chmod(0o666)
        with pytest.raises(PermissionError, match="not allowed"):
            cache.load(file)
        for wrong in ("", "a\0b"):
            with pytest.raises(cachecore.ArgumentError):
                cache.save(wrong)
            with pytest.raises(cachecore.ArgumentError):
                cache.load(wrong)
        with pytest.raises(TypeError):
            cache.save(7)  # type: ignore[arg-type]


def test_damage_is_never_served(tmp_path: Path) -> None:
    file = tmp_path / "file"
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    with Cache(max_bytes=1 << 24) as cache, Cache(max_bytes=1 << 24) as other:
        for number in range(3000):
            cache[f"{number}"] = bytes([number % 256]) * 1000
        cache.save(file)
        whole = file.read_bytes()
        for _ in range(20):
            damaged = bytearray(whole)
            at = chance.randrange(4096, len(whole))
            damaged[at] ^= 1 + chance.randrange(255)
            file.write_bytes(damaged)
            other.clear()
            assert 1500 < other.load(file) <= 3000
            for key, value in other.items():
                assert value == cache[key]
