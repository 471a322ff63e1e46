"""Random operations on a cache and on a few lines of Python that say what it should do."""

from __future__ import annotations

import math
import os
import random
from collections import OrderedDict
from dataclasses import dataclass

import pytest

from cachecore import NEVER, Cache, NotANumberError

SEED = int(os.environ.get("CACHECORE_SEED", "0")) or random.randrange(1, 2**32)
STEPS = 4000


@dataclass
class Entry:
    value: bytes
    deadline: float  # in milliseconds, as all times here
    used: int


class Model:
    """An exact LRU cache with lifetimes: the least recently used entry comes first."""

    def __init__(self, capacity: int, ttl: float | None, tti: float | None) -> None:
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self.capacity = capacity
        self.ttl = ttl
        self.tti = math.inf if tti is None else round(tti * 1000)
        self.now = 0
        self.hits = self.misses = self.evictions = 0

    def deadline(self, ttl: float | None) -> float:
        ttl = self.ttl if ttl is None else ttl
        return math.inf if ttl is None else self.now + ttl * 1000

    def left(self, entry: Entry) -> float:
        return min(entry.deadline, entry.used + self.tti) - self.now

    def live(self, key: str) -> Entry | None:
        entry = self.entries.get(key)
        return entry if entry is not None and self.left(entry) > 0 else None

    def use(self, key: str) -> None:
        self.entries[key].used = self.now
        self.entries.move_to_end(key)

    def expire(self) -> int:
        due = [key for key in self.entries if self.live(key) is None]
        for key in due:
            del self.entries[key]
        return len(due)

    def get(self, key: str) -> bytes | None:
        entry = self.live(key)
        if entry is None:
            self.misses += 1
            return None
        self.hits += 1
        self.use(key)
        return entry.value

    def set(self, key: str, value: bytes, ttl: float | None, deadline: float | None = None) -> None:
        if self.live(key) is None and len(self.entries) >= self.capacity:
            self.entries.pop(key, None)
            if len(self.entries) >= self.capacity:
                self.entries.popitem(last=False)
                self.evictions += 1
        end = self.deadline(ttl) if deadline is None else deadline
        self.entries[key] = Entry(value, end, self.now)
        self.entries.move_to_end(key)

    def delete(self, key: str) -> bool:
        entry = self.live(key)
        self.entries.pop(key, None)
        return entry is not None


CASES = {
    "evicting": {"capacity": 20, "ttl": None, "tti": None},
    "evicting, default lifetime": {"capacity": 20, "ttl": 0.3, "tti": None},
    "evicting, time to idle": {"capacity": 20, "ttl": None, "tti": 0.2},
    "roomy": {"capacity": 1000, "ttl": 0.3, "tti": None},
    "roomy, time to idle": {"capacity": 1000, "ttl": 0.5, "tti": 0.2},
    "one entry": {"capacity": 1, "ttl": 0.3, "tti": None},
}


@pytest.mark.parametrize("case", CASES)
def test_against_the_model(case: str) -> None:
    options = CASES[case]
    print(f"CACHECORE_SEED={SEED}, {case}")
    chance = random.Random(f"{SEED} {case}")
    capacity, ttl, tti = int(options["capacity"] or 0), options["ttl"], options["tti"]
    model = Model(capacity, ttl, tti)
    # Where entries are evicted, expired ones are removed as the clock moves: which of them an
    # eviction would meet first is nobody's promise.
    tidy = capacity < 1000

    def some_ttl() -> float | None:
        return chance.choice([None, None, NEVER, 0.001, 0.05, 0.2, 0.5, 1, 5])

    def some_key() -> str:
        return chance.choice("ab") + str(chance.randrange(30))

    def some_value() -> bytes:
        if chance.random() < 0.4:
            return b"%d" % chance.randrange(-1000, 1000)
        return bytes(chance.randrange(97, 123) for _ in range(chance.choice([0, 1, 5, 40, 200])))

    with Cache(capacity, ttl=ttl, tti=tti, shards=1, manual_clock=True, hash_seed=SEED) as cache:
        for step in range(STEPS):
            key, value, lifetime = some_key(), some_value(), some_ttl()
            action = chance.randrange(20)
            context = f"seed {SEED}, {case}, step {step}, action {action}, key {key}"
            if action < 5:
                assert cache.get(key) == model.get(key), context
            elif action < 9:
                cache.set(key, value, lifetime)
                model.set(key, value, lifetime)
            elif action == 9:
                stored = model.live(key) is None
                assert cache.add(key, value, lifetime) == stored, context
                if stored:
                    model.set(key, value, lifetime)
            elif action == 10:
                stored = model.live(key) is not None
                assert cache.replace(key, value, lifetime) == stored, context
                if stored:
                    model.set(key, value, lifetime)
            elif action == 11:
                assert cache.delete(key) == model.delete(key), context
            elif action == 12:
                entry = model.live(key)
                assert cache.touch(key, lifetime) == (entry is not None), context
                if entry is not None:
                    entry.deadline = model.deadline(lifetime)
                    model.use(key)
            elif action == 13:
                entry = model.live(key)
                left = None if entry is None else model.left(entry) / 1000
                assert (key in cache, cache.ttl(key)) == (entry is not None, left), context
                info = cache.inspect(key)
                if entry is None:
                    assert info is None, context
                else:
                    assert info is not None, context
                    assert (info.value_size, info.ttl) == (len(entry.value), left), context
                    assert info.idle == (model.now - entry.used) / 1000, context
            elif action == 14:
                entry = model.live(key)
                delta = chance.randrange(-50, 50)
                if entry is None:
                    assert cache.increment(key, delta, initial=7, ttl=lifetime) == 7, context
                    model.set(key, b"7", lifetime)
                elif entry.value.removeprefix(b"-").isdigit():
                    total = int(entry.value) + delta
                    assert cache.increment(key, delta) == total, context
                    model.set(key, b"%d" % total, None, entry.deadline)
                else:
                    with pytest.raises(NotANumberError):
                        cache.increment(key, delta)
            elif action == 15:
                step_ms = chance.choice([1, 10, 49, 50, 51, 200, 1000])
                cache.advance_clock(step_ms / 1000)
                model.now += step_ms
                if tidy:
                    assert cache.cleanup_expired() == model.expire(), context
            elif action == 16:
                keys = [some_key() for _ in range(5)]
                found = {each: model.get(each) for each in keys}
                expected = {each: value for each, value in found.items() if value is not None}
                assert cache.get_many(keys) == expected, context
            elif action == 17:
                entries = {some_key(): some_value() for _ in range(4)}
                cache.set_many(entries, lifetime)
                for each, content in entries.items():
                    model.set(each, content, lifetime)
            elif action == 18:
                keys = [some_key() for _ in range(3)]
                assert cache.delete_many(keys) == sum(map(model.delete, keys)), context
            else:
                live = sorted(each.encode() for each in model.entries if model.live(each))
                assert sorted(cache.keys()) == live, context
                assert len(cache) == len(live), context
                if chance.random() < 0.1:
                    doomed = [each for each in model.entries if each.startswith("a1")]
                    removed = sum(map(model.delete, doomed))
                    assert cache.delete_prefix("a1") == removed, context
        stats = cache.stats()
        assert (stats.hits, stats.misses) == (model.hits, model.misses)
        assert stats.evictions == model.evictions
