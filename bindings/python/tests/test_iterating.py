"""Iterating begins at once, however large the cache is, and gives every key once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cachecore import Cache, ClosedError, ObjectCache, scanning

COUNT = 1000

FIRST: dict[str, Callable[[Any], Any]] = {
    "iter": lambda cache: next(iter(cache)),
    "keys": lambda cache: next(iter(cache.keys())),
    "items": lambda cache: next(iter(cache.items()))[0],
}


@pytest.fixture(params=[Cache, ObjectCache])
def cache(request: pytest.FixtureRequest) -> Any:
    made = request.param(100_000)
    for number in range(COUNT):
        made[b"%d" % number] = b"x"
    return made


@pytest.fixture
def handed_out(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Appends how many entries each look into a cache gave."""
    counts: list[int] = []
    unpack, snapshot = scanning.ScanRecord.unpack, ObjectCache._snapshot

    def counted_unpack(*arguments: Any) -> Any:
        records = list(unpack(*arguments))
        counts.append(len(records))
        return iter(records)

    def counted_snapshot(self: Any, limit: int) -> Any:
        pairs = snapshot(self, limit)
        counts.append(len(pairs))
        return pairs

    monkeypatch.setattr(scanning.ScanRecord, "unpack", counted_unpack)
    monkeypatch.setattr(ObjectCache, "_snapshot", counted_snapshot)
    return counts


@pytest.mark.parametrize("how", FIRST)
def test_draining_looks_at_few_entries_a_step(cache: Any, handed_out: list[int], how: str) -> None:
    while len(cache):
        del cache[FIRST[how](cache)]
    assert sum(handed_out) <= 130 * COUNT  # of all that are left each time it would be 500 000


def test_a_scan_begins_with_few_entries(cache: Any, handed_out: list[int]) -> None:
    if isinstance(cache, Cache):
        next(iter(cache.scan()))
        assert 0 < sum(handed_out) <= 130
        assert len(set(cache.scan())) == COUNT


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 128, COUNT])
def test_the_order_is_that_of_storing(count: int) -> None:
    cache = ObjectCache[int, int](10_000)
    for number in range(count):
        cache[number] = number
    for number in range(0, count, 3):
        cache[number] = -number
    order = [n for n in range(count) if n % 3] + list(range(0, count, 3))
    assert list(cache) == list(cache.keys()) == [key for key, _ in cache.items()] == order
    assert list(cache.values()) == [-n if n % 3 == 0 else n for n in order]


def test_what_is_replaced_all_the_time_is_seen_once(cache: Any) -> None:
    for key in cache:
        cache[key] = b"y"
    assert sorted(cache) == sorted(b"%d" % number for number in range(COUNT))
    assert {value for _, value in cache.items()} == {b"y"}
    for _ in range(20):  # many that have been replaced stand in line
        for number in range(10):
            cache[b"%d" % number] = b"z"
    assert len(list(cache)) == len(set(cache)) == COUNT


def test_changes_meanwhile(cache: Any) -> None:
    seen = []
    for key in cache:
        seen.append(key)
        if len(seen) == 10:
            cache[b"0"] = b"again"
            cache.delete(b"999")
        if len(seen) < 200:
            cache[b"new %d" % len(seen)] = b"x"
    assert len(seen) == len(set(seen))
    assert {b"%d" % number for number in range(999)} <= set(seen)


def test_whatever_other_threads_write_what_stays_is_seen(cache: Any) -> None:
    ended = threading.Event()

    def write() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            cache[b"%d" % (number % COUNT)] = b"y"
            cache[b"more %d" % (number % 50)] = b"y"
            cache.delete(b"more %d" % ((number + 25) % 50))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    writing = threading.Thread(target=write)
    writing.start()
    try:
        for _ in range(50):
            assert next(iter(cache)) is not None
        for _ in range(20):
            seen = list(cache)
            assert len(seen) == len(set(seen))
            assert {b"%d" % number for number in range(COUNT)} <= set(seen)
    finally:
        ended.set()
        writing.join()
        sys.setswitchinterval(interval)


def test_a_closed_cache_says_so_at_once(cache: Any) -> None:
    going_on = iter(cache)
    next(going_on)
    cache.close()
    with pytest.raises(ClosedError):
        list(going_on)
    with pytest.raises(ClosedError):
        iter(cache)
