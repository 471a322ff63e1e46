"""Objects by reference."""

from __future__ import annotations

import linecache
import os
import random
import sys
import threading
import time
import weakref
from collections.abc import Callable, Hashable, MutableMapping
from typing import Any

import pytest
from objects import Objects, Thing

from cachecore import NEVER, Cause, ClosedError, ObjectCache, RefusedError, StateError


@pytest.fixture
def cache(object_cache: Objects) -> Objects:
    return object_cache


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


def test_expiry(cache: Objects) -> None:
    value = Thing()
    gone = weakref.ref(value)
    cache.set("k", value, ttl=2)
    del value
    assert cache.ttl("k") == 2 and cache.ttl("absent") is None
    assert cache.touch("k", 5) and cache.ttl("k") == 5 and not cache.touch("absent")
    cache.advance_clock(5)
    assert "k" not in cache and len(cache) == 0 and cache.peek("k") is None
    assert gone() is not None  # nobody has come across it
    assert cache.get("k") is None
    assert gone() is None
    cache.set("k", 1, ttl=1)
    cache.set("never", 2, NEVER)
    cache.advance_clock(1)
    assert cache.cleanup_expired() == 1 and list(cache) == ["never"]
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


CALLS: dict[str, Callable[[Objects], object]] = {
    "copy": lambda cache: cache.copy(),
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
    "expire": lambda cache: cache.cleanup_expired(),
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


def test_repr(cache: Objects) -> None:
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
                        cache.cleanup_expired()
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
            cache.cleanup_expired()
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


class Interrupt(BaseException): ...


def test_interrupted_at_every_step_of_a_change() -> None:
    """A signal handler may raise between any two steps: table and weight agree again afterwards."""

    def write(cache: ObjectCache[str, int], limit: int) -> bool:
        steps = 0

        def trace(frame: Any, event: str, argument: object) -> Any:
            nonlocal steps
            if frame.f_code.co_filename.endswith(("object_store.py", "removals.py")):
                line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
                # The beginning of a try and the end of a with are traced; no signal is handled there.
                if event == "line" and not line.startswith(("with ", "try:")):
                    steps += 1
                    if steps > limit:
                        sys.settrace(None)
                        raise Interrupt
                return trace
            return None

        before = sys.gettrace()
        sys.settrace(trace)
        try:
            cache.set("new", 4)
        except Interrupt:
            return False
        finally:
            sys.settrace(before)
        return True

    completed, limit = False, 0
    while not completed:
        with ObjectCache[str, int](max_weight=10, weigher=lambda key, value: value) as cache:
            cache.set("a", 4)
            cache.set("b", 4)
            completed = write(cache, limit)
            limit += 1
            for number in range(20):
                cache.set(f"later {number}", 3)
                assert cache.weight == sum(cache.values()) <= 10, limit
            assert len(cache) == len(list(cache)) == 3, limit
    with ObjectCache[str, int](10) as cache:
        other = threading.Thread(target=cache.set, args=("other", 1), daemon=True)
        other.start()
        other.join(10)
        assert not other.is_alive()  # no lock was left behind
