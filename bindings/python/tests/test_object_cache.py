"""Objects by reference."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import random
import sys
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, MutableMapping
from typing import Any

import pytest

from cachecore import NEVER, Cause, ClosedError, ObjectCache, RefusedError, StateError


class Thing:
    """Something with a weak reference."""


@pytest.fixture
def cache() -> Any:
    with ObjectCache[Any, Any](100, manual_clock=True) as cache:
        yield cache


Objects = ObjectCache[Any, Any]


def test_by_reference(cache: Objects) -> None:
    value: list[int] = []
    cache["k"] = value
    assert cache["k"] is value and cache.get("k") is value and cache.peek("k") is value
    value.append(1)
    assert cache["k"] == [1]
    assert cache.get("absent") is None and cache.get("absent", 7) == 7
    cache["none"] = None
    assert cache.get("none", 7) is None and "none" in cache


def test_it_is_a_mutable_mapping(cache: Objects) -> None:
    assert isinstance(cache, MutableMapping)
    cache.update({1: "a", (2, 3): "b"}, c="c")
    assert dict(cache) == {1: "a", (2, 3): "b", "c": "c"}
    assert set(cache) == set(cache.keys()) == {1, (2, 3), "c"} and len(cache) == 3
    assert sorted(cache.values()) == ["a", "b", "c"]
    assert (1, "a") in cache.items() and "a" in cache.values() and 1 in cache.keys()
    assert cache.pop(1) == "a" and cache.pop(1, None) is None
    assert cache.setdefault("s", 1) == 1 and cache.setdefault("s", 2) == 1
    del cache["c"]
    for miss in (lambda: cache["c"], lambda: cache.pop("c"), lambda: cache.__delitem__("c")):
        with pytest.raises(KeyError, match="'c'"):
            miss()
    assert cache.delete("s") and not cache.delete("s")
    assert cache.popitem() == ((2, 3), "b")
    with pytest.raises(KeyError):
        cache.popitem()
    cache.set_many({"x": 1, "y": 2}, ttl=5)
    assert cache.get_many(["x", "z", "y"]) == {"x": 1, "y": 2}
    assert cache.delete_many(["x", "z"]) == 1
    cache.clear()
    assert len(cache) == 0 and list(cache) == []


def test_keys_are_compared_as_a_dict_does(cache: Objects) -> None:
    cache[1] = "int"
    assert cache[1.0] == cache[True] == "int"
    cache[1.0] = "float"
    assert len(cache) == 1 and cache[1] == "float"
    assert hash(-1) == hash(-2)
    cache[-1], cache[-2] = "one", "two"
    assert (cache[-1], cache[-2]) == ("one", "two")
    nan = float("nan")
    cache[nan] = "nan"
    assert cache[nan] == "nan" and cache.get(float("nan")) is None
    with pytest.raises(TypeError, match="unhashable"):
        cache[[]] = 1
    with pytest.raises(TypeError, match="unhashable"):
        cache.get({})


class Same:
    """All alike to the hash."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __hash__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.name == other.name


def test_equal_hashes() -> None:
    with ObjectCache[Same, int](30) as cache:
        for number in range(100):
            cache[Same(f"{number}")] = number
        assert sorted(cache.values()) == list(range(70, 100))
        for number in range(100):
            assert cache.get(Same(f"{number}")) == (number if number >= 70 else None)
        for number in range(70, 100, 2):
            del cache[Same(f"{number}")]
        for number in range(200, 210):
            cache[Same(f"{number}")] = number
        assert len(cache) == 25
        assert all(cache[Same(f"{number}")] == number for number in range(71, 100, 2))


def test_hash_once() -> None:
    class Counting:
        calls = 0

        def __hash__(self) -> int:
            Counting.calls += 1
            return 1

    key = Counting()
    with ObjectCache[Counting, int](1) as cache:
        for call in (
            lambda: cache.get(key),
            lambda: cache.set(key, 1),
            lambda: cache.set(key, 2),
            lambda: cache[key],
            lambda: key in cache,
            lambda: cache.pop(key),
            lambda: cache.add(key, 1),
        ):
            Counting.calls = 0
            call()
            assert Counting.calls == 1 or not compiled()


def compiled() -> bool:
    import cachecore

    return cachecore.compiled


def test_hash_and_eq_that_raise(cache: Objects) -> None:
    class Bad:
        def __hash__(self) -> int:
            return hash("k")

        def __eq__(self, other: object) -> bool:
            raise ZeroDivisionError

    class Worse:
        def __hash__(self) -> int:
            raise ZeroDivisionError

    cache["k"] = 1
    for call in (
        lambda: cache.get(Bad()),
        lambda: cache.set(Bad(), 1),
        lambda: cache.delete(Bad()),
        lambda: cache.get(Worse()),
        lambda: cache.set(Worse(), 1),
    ):
        with pytest.raises(ZeroDivisionError):
            call()
    assert dict(cache) == {"k": 1}


@pytest.mark.parametrize("seed", range(40))
def test_eq_that_changes_the_cache(seed: int) -> None:
    dice = random.Random(seed)
    with ObjectCache[Any, int](1000) as cache:

        class Meddling(Same):
            def __eq__(self, other: object) -> bool:
                for number in range(50):
                    cache[f"{dice.random()}"] = number
                if dice.random() < 0.3:
                    cache.clear()
                return super().__eq__(other)

            __hash__ = Same.__hash__

        for number in range(50):
            cache[Meddling(f"{number % 5}")] = number
            cache.get(Meddling(f"{number % 7}"))
            cache.pop(Meddling(f"{number % 3}"), None)
        assert len(cache) == len(list(cache))


def test_eq_that_never_lets_a_comparison_stand() -> None:
    with ObjectCache[Any, int](10) as cache:
        other = Same("other")
        meddling = True  # a comparison within that: leave it alone

        class Restless(Same):
            def __eq__(self, key: object) -> bool:
                nonlocal meddling
                if not meddling:
                    meddling = True
                    cache[other] = 0
                    meddling = False
                return super().__eq__(key)

            __hash__ = Same.__hash__

        cache[Restless("a")] = 1
        cache[other] = 0
        meddling = False
        for call in (cache.get, cache.pop, cache.__contains__, lambda key: cache.set(key, 1)):
            with pytest.raises(RuntimeError, match="changed the cache each time"):
                call(Restless("b"))
        assert len(cache) == len(list(cache)) == 2


def test_threads_that_store_the_same_keys() -> None:
    with ObjectCache[int, int](100) as cache:

        def work(seed: int) -> None:
            dice = random.Random(seed)
            for number in range(3000):
                if dice.random() < 0.7:
                    cache[dice.randrange(8)] = number
                else:
                    cache.pop(dice.randrange(8), None)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            sys.setswitchinterval(before)
        assert len(cache) == len(list(cache)) == cache.weight == len(set(cache))


def test_expiry(cache: Objects) -> None:
    value = Thing()
    gone = weakref.ref(value)
    cache.set("k", value, ttl=2)
    del value
    assert cache.ttl("k") == cache.ttl_of("k") == 2 and cache.ttl("absent") is None
    assert cache.touch("k", 5) and cache.ttl("k") == 5 and not cache.touch("absent")
    cache.advance_clock(5)
    assert "k" not in cache and len(cache) == 0 and cache.peek("k") is None
    assert gone() is not None  # nobody has come across it
    assert cache.get("k") is None
    assert gone() is None
    cache.set("k", 1, ttl=1)
    cache.set("never", 2, NEVER)
    cache.advance_clock(1)
    assert cache.expire() == 1 and list(cache) == ["never"]
    cache.set("k", 1, ttl=1)
    cache.advance_clock(1)
    assert cache.add("k", 2) and not cache.add("k", 3) and cache["k"] == 2
    cache.set("k", 1, ttl=1)
    cache.advance_clock(1)
    assert cache.pop("k", "else") == "else" and not cache.delete("k")


def test_expiry_in_real_time() -> None:
    with ObjectCache[str, int](10, ttl=0.05) as cache:
        for key, ttl in (("default", None), ("own", 0.02), ("long", 3600)):
            begun = time.monotonic()
            cache.set(key, 1, ttl)
            if key == "long":
                break
            while cache.get(key) is not None:
                assert time.monotonic() - begun < 30
            assert time.monotonic() - begun >= (ttl or 0.05)  # never early
        assert list(cache) == ["long"] and cache.get("long") == 1


def test_time_to_idle() -> None:
    with ObjectCache[str, int](10, ttl=10, tti=2, manual_clock=True) as cache:
        cache.update(used=1, idle=2)
        cache.advance_clock(1.5)
        assert cache["used"] == 1 and cache.peek("idle") == 2
        cache.advance_clock(1)
        assert list(cache) == ["used"]


def test_exactly_least_recently_used() -> None:
    model: OrderedDict[int, int] = OrderedDict()
    chance = random.Random(5)
    with ObjectCache[int, int](50) as cache:
        for turn in range(20_000):
            key = chance.randrange(80)
            action = chance.randrange(10)
            if action < 5:
                assert cache.get(key) == model.get(key), turn
                if key in model:
                    model.move_to_end(key)
            elif action < 9:
                cache[key] = model[key] = turn
                model.move_to_end(key)
                if len(model) > 50:
                    model.popitem(last=False)
            else:
                assert cache.delete(key) == (model.pop(key, None) is not None)
        assert dict(cache) == model


@pytest.mark.parametrize("bound", [3, 64, 200, 1500])
def test_least_recently_used_after_many_reads(bound: int) -> None:
    """More of them than the compiled path lets wait, and resizing, which changes how many."""
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    model: OrderedDict[int, int] = OrderedDict()
    hits = misses = 0
    with ObjectCache[int, int](bound) as cache:
        for turn in range(30):
            for _ in range(chance.choice([1, 50, 700, 3000])):
                key = min(chance.randrange(2 * bound), chance.randrange(2 * bound))
                assert cache.get(key) == model.get(key)
                if key in model:
                    model.move_to_end(key)
                    hits += 1
                else:
                    misses += 1
            for _ in range(chance.randrange(bound)):
                key = chance.randrange(2 * bound)
                if chance.randrange(4) == 0:
                    assert cache.delete(key) == (model.pop(key, None) is not None)
                else:
                    cache[key] = model[key] = turn
                    model.move_to_end(key)
                    if len(model) > bound:
                        model.popitem(last=False)
            if turn % 10 == 9:
                bound = max(2, int(bound * chance.choice([0.5, 1, 2])))
                cache.resize(bound)
                while len(model) > bound:
                    model.popitem(last=False)
            assert dict(cache.items()) == model  # which is no use
        assert (cache.stats().hits, cache.stats().misses) == (hits, misses)
        cache.reset_stats()
        assert (cache.stats().hits, cache.stats().misses) == (0, 0)


def test_hits_are_counted_and_ordered_as_they_happen() -> None:
    with ObjectCache[int, int](3, manual_clock=True) as cache:
        cache.update({1: 1, 2: 2, 3: 3})
        for number in range(1000):
            cache.get(1 + number % 2)
        assert cache.stats().hits == 1000
        cache[4] = 4
        assert set(cache) == {1, 2, 4}
        cache.get(1), cache.get(2), cache.get(1), cache.get(4), cache.get(2)
        cache[5] = 5
        assert set(cache) == {2, 4, 5}
        cache.reset_stats()
        cache.get(2), cache.get(2), cache.get(9)
        assert (cache.stats().hits, cache.stats().misses) == (2, 1)


def test_resize_counts_the_last_reads() -> None:
    with ObjectCache[str, int](3) as cache:
        cache.update(a=1, b=2, c=3)
        cache.get("a")
        cache.resize(1)
        assert list(cache) == ["a"]


def test_a_lifetime_given_later_counts() -> None:
    with ObjectCache[str, int](10, manual_clock=True) as cache:
        cache["k"] = 1
        assert cache.get("k") == 1 and cache.touch("k", 1) and cache.get("k") == 1
        cache.advance_clock(1)
        assert cache.get("k") is None and "k" not in cache
        cache.set("k", 2, ttl=NEVER)
        cache.get("k")
        cache.set("k", 3, ttl=1)
        cache.advance_clock(1)
        assert cache.get("k") is None


def test_adaptive() -> None:
    with ObjectCache[int, int](50, policy="adaptive") as cache:
        for _ in range(20):
            for hot in range(20):
                cache.get(hot) or cache.set(hot, 1)
        for cold in range(1000, 3000):
            cache[cold] = 1
        assert len(cache) <= 50 and sum(hot in cache for hot in range(20)) >= 15
        assert cache.stats().entries == len(list(cache))


def test_weights() -> None:
    with ObjectCache[str, bytes](max_weight=100, weigher=lambda key, value: len(value)) as cache:
        for number in range(50):
            cache[f"{number}"] = bytes(10)
            assert cache.weight == min(10 * (number + 1), 100)
        assert sorted(map(int, cache)) == list(range(40, 50))
        cache["45"] = bytes(1)
        assert cache.weight == 91
        cache.get("40")
        cache["large"] = bytes(95)
        assert cache.weight == 96 and set(cache) == {"large", "45"} or cache.weight == 95
        with pytest.raises(RefusedError):
            cache["large"] = bytes(101)
        assert "large" not in cache
        cache.set("own", b"", weight=100)
        assert cache.weight == 100 and list(cache) == ["own"]
        for nonsense in (-1, 2**64):
            with pytest.raises(ValueError):
                cache.set("k", b"", weight=nonsense)
        with pytest.raises(TypeError):
            cache.set("k", b"", weight="1")  # type: ignore[arg-type]
        cache.resize(max_weight=50)
        assert cache.weight == 0
        cache.clear()
        assert cache.weight == 0


def test_a_weigher_that_raises_changes_nothing() -> None:
    def weigher(key: str, value: int) -> int:
        return 1 // value

    with ObjectCache[str, int](10, max_weight=5, weigher=weigher) as cache:
        cache["k"] = 1
        with pytest.raises(ZeroDivisionError):
            cache["k"] = 0
        assert cache["k"] == 1


def test_resize(cache: Objects) -> None:
    cache.update({number: number for number in range(100)})
    cache.resize(10)
    assert sorted(cache) == list(range(90, 100))
    cache.resize(20)
    cache.update({number: number for number in range(100)})
    assert len(cache) == 20 and cache.stats().entries_limit == 20


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"max_entries": 0},
        {"max_weight": 0},
        {"max_entries": 1, "policy": "fifo"},
        {"max_entries": 1, "weigher": len},
    ],
)
def test_options_out_of_range(options: Any) -> None:
    with pytest.raises(ValueError):
        ObjectCache(**options)


def test_listener() -> None:
    heard: list[tuple[Any, Any, Cause]] = []
    with ObjectCache[str, int](
        2, manual_clock=True, on_removal=lambda *what: heard.append(what)
    ) as cache:
        cache["a"] = 1
        cache["a"] = 2
        cache["b"] = 3
        cache.get("a")
        cache["c"] = 4
        del cache["a"]
        cache.set("d", 5, ttl=1)
        cache.advance_clock(1)
        assert cache.get("d") is None
        cache.clear()
        cache.set("e", 6)
        cache.pop("e")
    assert heard == [
        ("a", 1, Cause.REPLACED),
        ("b", 3, Cause.EVICTED),
        ("a", 2, Cause.DELETED),
        ("d", 5, Cause.EXPIRED),
        ("c", 4, Cause.DELETED),
        ("e", 6, Cause.DELETED),
    ]


def test_a_listener_that_writes_fails_and_closes(caplog: pytest.LogCaptureFixture) -> None:
    def listener(key: int, value: int, cause: Cause) -> None:
        if key < 1000:
            cache[key + 1] = 1
        elif key == 1000:
            raise ZeroDivisionError
        else:
            cache.close()

    with ObjectCache[int, int](1, on_removal=listener) as cache:
        cache[0] = cache[1] = 1
        assert "a removal listener failed (" in caplog.text
        cache[5000] = 1
        cache[5000] = 1
        assert cache.closed
    with pytest.raises(StateError), ObjectCache[int, int](1) as quiet:
        quiet.deliver_removals()


WAYS_OUT: dict[str, Callable[[Objects], object]] = {
    "delete": lambda cache: cache.delete("k"),
    "replace": lambda cache: cache.set("k", 1),
    "evict": lambda cache: cache.update({number: 1 for number in range(100)}),
    "clear": lambda cache: cache.clear(),
    "close": lambda cache: cache.close(),
    "resize": lambda cache: (cache.set("m", 1), cache.resize(1)),
    "refuse": lambda cache: (
        cache.resize(10, max_weight=5),
        pytest.raises(RefusedError, cache.set, "k", 1, None, 6),
    ),
    "expire": lambda cache: (cache.touch("k", 1), cache.advance_clock(1), cache.expire()),
    "pop": lambda cache: cache.pop("k"),
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_references_go_with_the_entry(way: str, cache: Objects) -> None:
    value = Thing()
    gone = weakref.ref(value)
    cache["k"] = value
    del value
    gc.disable()
    try:
        assert gone() is not None
        WAYS_OUT[way](cache)
        assert gone() is None
    finally:
        gc.enable()


def test_reference_counts() -> None:
    key, value = "key %d" % os.getpid(), Thing()
    counts = sys.getrefcount(key), sys.getrefcount(value)
    with ObjectCache[str, Thing](10) as cache:
        for _ in range(1000):
            cache[key] = value
            cache.get(key)
            cache.peek(key)
            cache.setdefault(key, value)
            list(cache.items())
        assert sys.getrefcount(value) == counts[1] + 1
        cache.pop(key)
        for _ in range(100):
            with pytest.raises(TypeError):
                cache.set(key, value, ttl="x")  # type: ignore[arg-type]
        cache[key] = value
    assert (sys.getrefcount(key), sys.getrefcount(value)) == counts


def test_cycles_are_collected() -> None:
    class Owner:
        def __init__(self) -> None:
            self.cache = ObjectCache[str, Any](10)
            self.cache["me"] = self
            self.cache["cache"] = self.cache

    owner = Owner()
    gone = weakref.ref(owner), weakref.ref(owner.cache)
    del owner
    gc.collect()
    assert gone[0]() is None and gone[1]() is None


def test_finalizers_may_use_the_cache() -> None:
    with ObjectCache[Any, Any](20) as cache:

        class Reviving:
            def __init__(self, left: int) -> None:
                self.left = left

            def __del__(self) -> None:
                if self.left and not cache.closed:
                    cache[random.random()] = Reviving(self.left - 1)
                    cache.get(1)
                    cache.expire()

        for number in range(500):
            cache[number % 30] = Reviving(3)
        cache.clear()
        assert len(cache) <= 20
    gc.collect()


def test_garbage_collection_in_the_middle() -> None:
    gc.set_threshold(1, 1, 1)
    try:
        with ObjectCache[Any, Any](50) as cache:
            for number in range(300):
                cache[(number % 70, [])[:1]] = [number]
                cache.get((number % 60,))
                list(cache.items())
    finally:
        gc.set_threshold(700, 10, 10)


CALLS: dict[str, Callable[[Objects], object]] = {
    "get": lambda cache: cache.get("k"),
    "peek": lambda cache: cache.peek("k"),
    "contains": lambda cache: "k" in cache,
    "set": lambda cache: cache.set("k", 1),
    "add": lambda cache: cache.add("k", 1),
    "delete": lambda cache: cache.delete("k"),
    "pop": lambda cache: cache.pop("k", None),
    "touch": lambda cache: cache.touch("k"),
    "ttl": lambda cache: cache.ttl("k"),
    "iter": lambda cache: list(cache),
    "items": lambda cache: list(cache.items()),
    "len": lambda cache: len(cache),
    "clear": lambda cache: cache.clear(),
    "expire": lambda cache: cache.expire(),
    "resize": lambda cache: cache.resize(1),
    "stats": lambda cache: cache.stats(),
    "reset_stats": lambda cache: cache.reset_stats(),
    "deliver_removals": lambda cache: cache.deliver_removals(),
    "advance_clock": lambda cache: cache.advance_clock(1),
    "with": lambda cache: cache.__enter__(),
}


@pytest.mark.parametrize("name", CALLS)
def test_after_close(name: str, cache: Objects) -> None:
    cache["k"] = 1
    cache.close()
    cache.close()
    assert cache.closed and repr(cache) == "<cachecore.ObjectCache closed>"
    with pytest.raises(ClosedError, match="^the cache is closed$"):
        CALLS[name](cache)


def test_it_stays_in_its_process(cache: Objects) -> None:
    for send in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="belongs to its process"):
            send(cache)
    assert repr(cache) == "<cachecore.ObjectCache of 0 entries>"


def test_stats(cache: Objects) -> None:
    cache["k"] = 1
    cache.get("k")
    cache.get("absent")
    cache.peek("k")
    assert "k" in cache
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.inserts, stats.entries) == (1, 1, 1, 1)
    cache.reset_stats()
    assert cache.stats().hits == 0


def test_threads() -> None:
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        chance = random.Random(seed)
        try:
            for number in range(4000):
                key: Hashable = chance.choice([number % 300, (number % 300,), f"{number % 300}"])
                match chance.randrange(8):
                    case 0 | 1:
                        cache.set(key, [key], ttl=chance.choice([None, 0.001, 5]))
                    case 2:
                        cache.pop(key, None)
                    case 3 if number % 50 == 0:
                        list(cache.items())
                    case 4 if number % 500 == 0:
                        cache.clear()
                    case 5 if number % 100 == 0:
                        cache.expire()
                    case _:
                        found = cache.get(key)
                        assert found is None or found == [key]
        except BaseException as error:
            failures.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ObjectCache[Any, Any](200) as cache:
            threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(120)
            assert failures == [] and len(cache) <= 200
            cache.expire()
            before, listed, after = len(cache), len(list(cache)), len(cache)
            assert before >= listed >= after  # lifetimes go on ending
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork(cache: Objects) -> None:
    cache["k"] = ["v"]
    child = os.fork()
    if child == 0:
        try:
            assert cache["k"] == ["v"]
            cache.update({number: number for number in range(500)})
            assert len(cache) == 100
            cache.close()
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert dict(cache) == {"k": ["v"]}
