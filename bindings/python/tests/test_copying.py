"""``copy``: another cache of the same kind, with the entries that are live."""

from __future__ import annotations

import copy
import ctypes
import pickle
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from cachecore import (
    NEVER,
    Cache,
    Cause,
    ClosedError,
    FullError,
    ObjectCache,
    StateError,
    SweeperState,
    _native,
    copying,
)

KINDS: list[Any] = [Cache, ObjectCache]


def options_of(cache: Any) -> dict[str, int]:
    found = copying.options(cache._handle)
    return {field[0]: getattr(found, field[0]) for field in found._fields_}


@pytest.mark.parametrize("kind", KINDS)
def test_entries_lifetimes_and_order(kind: Any) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    with kind(200, ttl=50, manual_clock=True) as cache:
        for _ in range(2000):
            key = b"%d" % chance.randrange(300)
            if chance.randrange(2):
                cache.set(key, b"value of " + key, chance.choice([None, 0.001, 7, 20.5, NEVER]))
            else:
                cache.get(key)
            if chance.randrange(10) == 0:
                cache.advance_clock(0.1)
        cache.advance_clock(0.05)
        before, coldest = cache.stats(), cache.coldest(999)
        with cache.copy() as other:
            assert cache.stats() == before and cache.coldest(999) == coldest
            assert other.coldest(999) == coldest and len(other) == len(coldest)
            assert dict(other.items()) == dict(cache.items())
            for key in coldest:
                assert other.ttl(key) == cache.ttl(key), key
            other.advance_clock(8)
            cache.advance_clock(8)
            assert sorted(other) == sorted(cache) and len(other) < len(coldest)


@pytest.mark.parametrize("kind", KINDS)
def test_they_have_nothing_in_common(kind: Any) -> None:
    with kind(10) as cache:
        cache.update({b"a": b"1", b"b": b"2"})
        other = copy.copy(cache)
        assert type(other) is kind and other is not cache and other != cache
        other[b"a"] = b"3"
        del cache[b"b"]
        assert dict(cache) == {b"a": b"1"} and dict(other) == {b"a": b"3", b"b": b"2"}
        cache.close()
        assert other[b"a"] == b"3"
        other.close()
        with pytest.raises(ClosedError):
            other.copy()


@pytest.mark.parametrize(
    "options",
    [
        {"max_bytes": 1 << 20},
        {"max_entries": 70, "max_bytes": 1 << 20, "ttl": 5, "tti": 3, "policy": "adaptive"},
        {"max_entries": 9, "shards": 4, "hash_seed": 77, "no_evict": True},
        {"max_entries": 9, "manual_clock": True, "report_removals": True, "jitter": 0.1},
    ],
)
def test_options_of_a_cache_of_bytes(options: Any) -> None:
    with Cache(**options) as cache, cache.copy() as other:
        assert options_of(other) == options_of(cache)
        cache.resize(5, max_bytes=1 << 19)
        assert options_of(cache.copy()) == options_of(cache) != options_of(other)


def test_options_of_a_cache_of_objects() -> None:
    options: Any = {"ttl": 5, "tti": 3, "policy": "adaptive", "manual_clock": True}
    with ObjectCache[int, int](7, max_weight=10, weigher=lambda _, v: v, **options) as cache:
        cache.update({1: 3, 2: 4})
        cache.set(3, 0, weight=2)
        other = cache.copy()
        assert options_of(other) == options_of(cache)
        assert (other.weight, other.maxsize, other.currsize) == (9, 10, 9)
        other[4] = 5  # weighed, and too much with the others
        assert other.weight <= 10 and cache.weight == 9
        cache.resize(2)
        assert cache.copy().maxsize == 2 and cache.copy().currsize == 2


def test_values_are_not_made_anew() -> None:
    calls: list[str] = []

    class Counting:
        @staticmethod
        def dumps(value: str) -> str:
            calls.append("dumps")
            return value

        @staticmethod
        def loads(content: bytes) -> str:
            calls.append("loads")
            return content.decode()

    with Cache(10, serializer=Counting, decode_keys=True) as cache:
        cache["k"] = "v" * 100_000
        calls.clear()
        with cache.copy() as other:
            assert not calls and list(other) == ["k"] and other["k"] == "v" * 100_000
            other["ü"] = "w"
            assert sorted(other) == ["k", "ü"]


def test_objects_are_shared() -> None:
    value: list[int] = []
    with ObjectCache[str, list[int]](10) as cache:
        cache["k"] = value
        other = cache.copy()
        assert other["k"] is value and list(other) == ["k"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_lifetime_becomes_longer(kind: Any) -> None:
    """By the real clock, of copies of copies, which would add up what is added once."""
    with kind(1000, ttl=100) as cache:
        for number in range(300):
            cache.set(b"%d" % number, b"", 5 + number / 1000)
        other = cache
        for _ in range(5):
            other = other.copy()
        for key in list(cache):
            left = cache.ttl(key)
            assert left - 5 < other.ttl(key) <= left


@pytest.mark.parametrize("kind", KINDS)
def test_time_to_idle(kind: Any) -> None:
    with kind(10, tti=10, manual_clock=True) as cache:
        cache.set(b"idle", b"")
        cache.advance_clock(4)
        cache.set(b"used", b"")
        other = cache.copy()
        assert other.ttl(b"idle") == 6 and other.ttl(b"used") == 10
        other.get(b"idle")
        assert other.ttl(b"idle") == 6


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_begins_with(kind: Any) -> None:
    with kind(10) as cache:
        cache.sweeper.start()
        cache.update({b"a": b"1", b"b": b"2"})
        cache.get(b"a"), cache.get(b"absent")
        other = cache.copy()
        stats = other.stats()
        assert (stats.hits, stats.misses, stats.inserts, stats.updates) == (0, 0, 0, 0)
        assert (stats.entries, stats.entries_before) == (2, 2)
        assert other.sweeper.status().state is SweeperState.STOPPED
        assert cache.sweeper.status().state is SweeperState.RUNNING


@pytest.mark.parametrize("kind", KINDS)
def test_the_listener_hears_of_both(kind: Any) -> None:
    heard: list[tuple[Any, Any, Cause]] = []
    with kind(2, on_removal=lambda *removal: heard.append(removal)) as cache:
        cache.update({b"a": b"1", b"b": b"2"})
        other = cache.copy()
        other.deliver_removals()
        assert not heard
        other.delete(b"a")
        cache[b"b"] = b"3"
        assert heard == [(b"a", b"1", Cause.DELETED), (b"b", b"2", Cause.REPLACED)]
    with kind(2) as cache, pytest.raises(StateError):
        cache.copy().deliver_removals()


def test_no_removal_is_taken_twice() -> None:
    with Cache(2, report_removals=True) as cache:
        cache.update(a=b"1", b=b"2")
        del cache["a"]
        other = cache.copy()
        assert other.take_removals() == []
        assert [removal.key for removal in cache.take_removals()] == [b"a"]
        other.clear()
        assert [removal.key for removal in other.take_removals()] == [b"b"]


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_subclass(kind: Any) -> None:
    class Slotted(kind):  # type: ignore[misc]
        __slots__ = ("__private", "unset")

        def __init__(self) -> None:
            super().__init__(10)
            self.__private = 7

        def private(self) -> int:
            return self.__private

    class Named(Slotted):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def set(self, *_: Any) -> None:
            raise AssertionError("what a subclass overrides is not called")

        get = peek = delete = set

    cache = Named("first")
    kind.set(cache, b"k", b"v")
    other = cache.copy()
    assert type(other) is Named and other.name == "first" and other.private() == 7
    assert not hasattr(other, "unset") and kind.coldest(other, 9) == [b"k"]
    other.name = "second"
    assert cache.name == "first"


@pytest.mark.parametrize("kind", KINDS)
def test_neither_deep_nor_elsewhere(kind: Any) -> None:
    with kind(10) as cache:
        with pytest.raises(TypeError, match=r"copy\(\)"):
            copy.deepcopy(cache)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="belongs to its process"):
                pickle.dumps(cache, protocol)


def test_where_there_is_no_room() -> None:
    """A copy that would lack entries which must not be evicted is none."""
    with Cache(max_bytes=1 << 20, no_evict=True) as cache:
        for number in range(100):
            cache.set(f"{number}", bytes(1000))
        handle = cache._handle
        bounds = copying.options(handle)
        bounds.max_bytes = _native.MAX_BYTES_MIN
        small = Cache(max_bytes=bounds.max_bytes, no_evict=True)
        with pytest.raises(FullError):
            copying.copy_bytes(handle, small._handle, cache._ids(_native.coldest), small._failure)


# -- What others write meanwhile -----------------------------------------------------------------


def _copied(cache: Cache[bytes], read: Callable[[bytes], Any], **more: Any) -> list[Any]:
    """What is stored, and dropped, when this is how values are read."""
    done: list[Any] = []
    copying.copy_entries(
        cache._handle,
        cache._ids(_native.coldest),
        read,
        more.get("store", lambda id, value, ttl_ms: done.append((id, value, ttl_ms))),
        lambda id, value: done.append((id, "dropped")),
    )
    return done


def test_a_value_has_its_own_lifetime() -> None:
    """Also one that is replaced while it is read."""
    with Cache(10, manual_clock=True) as cache:
        cache.set("k", b"long", 100)

        def read(id: bytes) -> bytes | None:
            value = cache.peek(id)
            if value == b"long":
                cache.set("k", b"short", 5)
            return value

        assert _copied(cache, read) == [(b"k", b"short", 5000)]


@pytest.mark.parametrize("away", ["delete", "pass"])
def test_what_goes_while_it_is_read(away: str) -> None:
    with Cache(10, manual_clock=True) as cache:
        cache.set("k", b"v", 5)

        def read(id: bytes) -> bytes | None:
            if away == "delete":
                cache.delete(id)
            else:
                cache.advance_clock(5)
            return b"v"

        assert _copied(cache, read) == []


def test_one_that_is_held_up() -> None:
    """What was stored late is stored once more, with less; or dropped when its time is up."""
    with Cache(10) as cache:
        cache.set("k", b"v", 3600)
        stored: list[int] = []

        def store(id: bytes, value: bytes, ttl_ms: int) -> None:
            stored.append(ttl_ms)
            if len(stored) == 1:
                time.sleep(0.1)

        _copied(cache, cache.peek, store=store)
        assert len(stored) >= 2 and stored[-1] <= stored[0] - 50

        def overtaken(id: bytes, value: bytes, ttl_ms: int) -> None:
            time.sleep(1.1)

        cache.set("k", b"v", 1)
        assert _copied(cache, cache.peek, store=overtaken) == [(b"k", "dropped")]


@pytest.mark.parametrize("kind", KINDS)
def test_while_others_write(kind: Any) -> None:
    """Each value in a copy is one that was there, with at most the lifetime that it had."""
    lifetimes = {b"short": 50, b"long": 5000, b"never": NEVER}
    end = threading.Event()
    with kind(100) as cache:

        def write() -> None:
            chance = random.Random()
            while not end.is_set():
                key = b"%d" % chance.randrange(150)
                value, ttl = chance.choice(list(lifetimes.items()))
                if chance.randrange(10):
                    cache.set(key, value, ttl)
                else:
                    cache.delete(key)

        writers = [threading.Thread(target=write) for _ in range(2)]
        for writer in writers:
            writer.start()
        try:
            for _ in range(50):
                other = cache.copy()
                assert len(other) <= 100
                for key, value in other.items():
                    assert other.ttl(key) <= lifetimes[value]
                    if value == b"never":
                        assert other.ttl(key) == NEVER
        finally:
            end.set()
            for writer in writers:
                writer.join()


def test_the_engines_coarse_clock_is_read() -> None:
    """It is never ahead of the exact one, and a tick behind it at most (of 10 ms or less)."""
    resolution = ctypes.c_longlong * 2
    found = resolution()
    assert ctypes.CDLL(None).clock_getres(copying._CLOCK_MONOTONIC_COARSE, found) == 0
    assert 0 < found[1] <= 10_000_000
    coarse = time.clock_gettime_ns(copying._CLOCK_MONOTONIC_COARSE)
    assert coarse <= time.clock_gettime_ns(time.CLOCK_MONOTONIC)
