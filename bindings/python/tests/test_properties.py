"""Whatever is done to a cache, in whatever order: hypothesis looks for a sequence of calls whose
answers a dict would not give, and says the shortest.

Roomy caches, where nothing is evicted, so that every answer is determined; test_model.py has the
others.  CACHECORE_EXAMPLES says how many sequences are tried (for each machine, on each path).
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from cachecore import NEVER, Cache, Lease, NotANumberError, ObjectCache, RangeError

EXAMPLES = int(os.environ.get("CACHECORE_EXAMPLES", "30"))

keys = some.one_of(some.sampled_from(["a", "b", "ab", "\u00e9", "k" * 300]), some.binary(min_size=1, max_size=3))
values = some.one_of(some.binary(max_size=20), some.integers(-(2**63), 2**63 - 1).map(lambda n: b"%d" % n))
# In milliseconds; None is the cache's default.
lifetimes = some.sampled_from([None, NEVER, 1, 2, 50, 1000])
moments = some.integers(0, 60)


@dataclass
class Entry:
    value: Any
    deadline: float
    used: int


class Model:
    """What is in the cache, by key, at a time in milliseconds."""

    def __init__(self, ttl: int | None, tti: int | None) -> None:
        self.entries: dict[Any, Entry] = {}
        self.now = 0
        self.ttl, self.tti = ttl, tti or math.inf

    def live(self, key: Any) -> Entry | None:
        entry = self.entries.get(key)
        if entry is None or self.now >= min(entry.deadline, entry.used + self.tti):
            return None
        return entry

    def deadline(self, ttl: float | None) -> float:
        ttl = self.ttl if ttl is None else ttl
        return math.inf if ttl is None else self.now + ttl

    def get(self, key: Any) -> Any:
        entry = self.live(key)
        if entry is not None:
            entry.used = self.now
        return None if entry is None else entry.value

    def set(self, key: Any, value: Any, ttl: float | None) -> None:
        self.entries[key] = Entry(value, self.deadline(ttl), self.now)

    def delete(self, key: Any) -> bool:
        there = self.live(key) is not None
        self.entries.pop(key, None)
        return there

    def all(self) -> dict[Any, Any]:
        return {key: entry.value for key, entry in self.entries.items() if self.live(key)}


def seconds(ms: float | None) -> float | None:
    return ms if ms is None or ms == NEVER else ms / 1000


class Caches(RuleBasedStateMachine):
    """What both caches have in common: a mapping whose entries live for a time."""

    cache: Any
    model: Model

    def key(self, key: Any) -> Any:
        """The key as the cache gives it back."""
        return key

    @rule(key=keys)
    def read(self, key: Any) -> None:
        assert self.cache.get(key) == self.model.get(self.key(key))

    @rule(key=keys)
    def look(self, key: Any) -> None:
        entry = self.model.live(self.key(key))
        assert (key in self.cache) == (entry is not None)
        left = None
        if entry is not None:
            end = min(entry.deadline, entry.used + self.model.tti)
            left = (end - self.model.now) / 1000
        assert self.cache.ttl(key) == left

    @rule(key=keys, value=values, ttl=lifetimes)
    def store(self, key: Any, value: bytes, ttl: float | None) -> None:
        self.cache.set(key, value, seconds(ttl))
        self.model.set(self.key(key), value, ttl)

    @rule(key=keys, value=values, ttl=lifetimes)
    def store_if_absent(self, key: Any, value: bytes, ttl: float | None) -> None:
        absent = self.model.live(self.key(key)) is None
        assert self.cache.add(key, value, seconds(ttl)) == absent
        if absent:
            self.model.set(self.key(key), value, ttl)

    @rule(entries=some.dictionaries(keys, values, max_size=20), ttl=lifetimes)
    def store_many(self, entries: dict[Any, bytes], ttl: float | None) -> None:
        self.cache.set_many(entries, seconds(ttl))
        for key, value in entries.items():
            self.model.set(self.key(key), value, ttl)

    @rule(wanted=some.lists(keys, max_size=20, unique=True))
    def read_many(self, wanted: list[Any]) -> None:
        found = {key: self.model.get(self.key(key)) for key in wanted}
        assert self.cache.get_many(wanted) == {key: v for key, v in found.items() if v is not None}

    @rule(key=keys)
    def delete(self, key: Any) -> None:
        assert self.cache.delete(key) == self.model.delete(self.key(key))

    @rule(doomed=some.lists(keys, max_size=10))
    def delete_many(self, doomed: list[Any]) -> None:
        expected = sum([self.model.delete(self.key(key)) for key in doomed])
        assert self.cache.delete_many(doomed) == expected

    @rule(key=keys, ttl=lifetimes)
    def touch(self, key: Any, ttl: float | None) -> None:
        entry = self.model.live(self.key(key))
        assert self.cache.touch(key, seconds(ttl)) == (entry is not None)
        if entry is not None:
            entry.deadline = self.model.deadline(ttl)
            entry.used = self.model.now

    @rule(key=keys)
    def pop(self, key: Any) -> None:
        value = self.model.get(self.key(key))
        self.model.delete(self.key(key))
        assert self.cache.pop(key, None) == value

    @rule(ms=moments)
    def time_passes(self, ms: int) -> None:
        self.cache.advance_clock(ms / 1000)
        self.model.now += ms

    @rule()
    def sweep(self) -> None:
        self.cache.cleanup_expired()

    @rule()
    def clear(self) -> None:
        self.cache.clear()
        self.model.entries.clear()

    @invariant()
    def holds_what_it_should(self) -> None:
        expected = self.model.all()
        assert len(self.cache) == len(expected)
        assert set(self.cache) == set(expected)

    def teardown(self) -> None:
        if hasattr(self, "cache"):
            stats = self.cache.stats()
            gone = stats.deletes + stats.evictions + stats.expirations
            # Those that have expired and are not removed yet are still held.
            assert stats.inserts >= gone + stats.entries
            assert stats.evictions == 0
            self.cache.close()


class ByteCaches(Caches):
    leases = Bundle("leases")

    @initialize(
        ttl=some.sampled_from([None, 30]), tti=some.sampled_from([None, 40]), shards=some.sampled_from([1, 4])
    )
    def open(self, ttl: int | None, tti: int | None, shards: int) -> None:
        self.cache = Cache(
            1000, ttl=seconds(ttl), tti=seconds(tti), shards=shards, manual_clock=True, hash_seed=1
        )
        self.model = Model(ttl, tti)

    def key(self, key: Any) -> Any:
        return key.encode() if isinstance(key, str) else key

    @rule(key=keys, delta=some.integers(-(2**63), 2**63 - 1), ttl=lifetimes)
    def increment(self, key: Any, delta: int, ttl: float | None) -> None:
        entry = self.model.live(self.key(key))
        if entry is None:
            assert self.cache.increment(key, delta, initial=5, ttl=seconds(ttl)) == 5
            self.model.set(self.key(key), b"5", ttl)
            return
        digits = entry.value.removeprefix(b"-")
        number = int(entry.value) if digits.isdigit() and len(digits) < 20 else None
        if number is None or not -(2**63) <= number < 2**63:
            with pytest.raises(NotANumberError):
                self.cache.increment(key, delta)
        elif not -(2**63) <= number + delta < 2**63:
            with pytest.raises(RangeError):
                self.cache.increment(key, delta)
        else:
            assert self.cache.increment(key, delta) == number + delta
            entry.value, entry.used = b"%d" % (number + delta), self.model.now

    @rule(key=keys, value=values, is_stale=some.booleans())
    def compare_and_set(self, key: Any, value: bytes, is_stale: bool) -> None:
        info = self.cache.inspect(key)
        assert (info is None) == (self.model.live(self.key(key)) is None)
        if info is not None:
            stored = self.cache.compare_and_set(key, value, info.version + is_stale)
            assert stored != is_stale
            if stored:
                self.model.set(self.key(key), value, None)

    @rule(target=leases, key=keys)
    def lend(self, key: Any) -> tuple[Lease, bytes] | None:
        expected = self.model.get(self.key(key))
        if expected is None:
            with pytest.raises(KeyError):
                self.cache.acquire(key)
            return None
        lease = self.cache.acquire(key)
        assert bytes(lease.view) == expected
        return lease, expected

    @rule(lent=consumes(leases))
    def give_back(self, lent: tuple[Lease, bytes] | None) -> None:
        if lent is not None:
            lease, expected = lent
            assert bytes(lease.view) == expected
            lease.release()

    @rule(prefix=some.sampled_from([b"a", b"ab", b"\xc3", b"\x00"]))
    def delete_prefix(self, prefix: bytes) -> None:
        doomed = [key for key in self.model.all() if key.startswith(prefix)]
        for key in doomed:
            self.model.delete(key)
        assert self.cache.delete_prefix(prefix) == len(doomed)

    @precondition(lambda self: hasattr(self, "model"))
    @rule(prefix=some.sampled_from([b"", b"a", b"k"]))
    def list(self, prefix: bytes) -> None:
        expected = sorted(key for key in self.model.all() if key.startswith(prefix))
        assert sorted(self.cache.scan(prefix)) == expected


class ObjectCaches(Caches):
    @initialize(ttl=some.sampled_from([None, 30]), tti=some.sampled_from([None, 40]))
    def open(self, ttl: int | None, tti: int | None) -> None:
        self.cache = ObjectCache(1000, ttl=seconds(ttl), tti=seconds(tti), manual_clock=True)
        self.model = Model(ttl, tti)

    @rule(key=keys, value=values)
    def set_default(self, key: Any, value: bytes) -> None:
        expected = self.model.get(key)
        if expected is None:
            self.model.set(key, value, None)
            expected = value
        assert self.cache.setdefault(key, value) == expected


SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
TestByteCaches = ByteCaches.TestCase
TestByteCaches.settings = SETTINGS
TestObjectCaches = ObjectCaches.TestCase
TestObjectCaches.settings = SETTINGS
