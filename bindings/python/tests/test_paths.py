"""Both paths to the library do the same: results, exceptions, order, signatures, overrides.

Hypothesis calls every public method of every class with all kinds of arguments, most of them wrong,
on a cache of either path, and compares what comes of it.  CACHECORE_EXAMPLES says how many
sequences are tried.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import math
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from awkward import KEYS, LISTS, MAPPINGS, MOMENTS, NUMBERS, TIMES, VALUES
from both_paths import both_paths, have_both
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

pytestmark = pytest.mark.skipif(not have_both(), reason="the extension has not been built")

EXAMPLES = int(os.environ.get("CACHECORE_EXAMPLES", "200"))
CLASSES = ("Cache", "ObjectCache", "Sweeper", "ObjectSweeper")

# ---- Signatures ----------------------------------------------------------------------------------


def public(owner: type) -> list[str]:
    special = [name for name in dir(owner) if name.startswith("__") and name not in dir(object)]
    return sorted([name for name in dir(owner) if not name.startswith("_")] + special)


def shape(method: Callable[..., Any]) -> list[tuple[Any, ...]]:
    """Names, kinds and defaults; annotations are more than C can say, and so are some defaults."""
    found = []
    for parameter in list(inspect.signature(method).parameters.values())[1:]:  # not self
        plain = isinstance(parameter.default, (int, str, bytes, type(None)))
        default = parameter.default if plain else parameter.default is not inspect.Parameter.empty
        found.append((parameter.name, parameter.kind.name, default))
    return found


OPERATORS = {"__getitem__", "__setitem__", "__delitem__", "__contains__"}  # slots, in C


@pytest.mark.parametrize("name", CLASSES)
def test_signatures(name: str) -> None:
    compiled, pure = (getattr(package, name) for package in both_paths())
    ignored = {"__slots__", "__abstractmethods__", "__parameters__", "__orig_bases__", "__dict__"}
    assert set(public(compiled)) - ignored == set(public(pure)) - ignored
    for method in public(compiled):
        ours, theirs = getattr(compiled, method), getattr(pure, method)
        if method.startswith("__") and method != "__init__":
            continue  # of the data model; test_the_same_comes_of_the_same calls them
        assert callable(ours) == callable(theirs), method
        if callable(ours):
            assert shape(ours) == shape(theirs), method
            assert inspect.getdoc(ours) and inspect.getdoc(theirs), method


# ---- Arguments of all kinds ----------------------------------------------------------------------


def one_of(choices: list[Any]) -> some.SearchStrategy[Any]:
    """By number: hypothesis would hash, compare and print what is made to resist that."""
    return some.integers(0, len(choices) - 1).map(choices.__getitem__)


keys, values, times = map(one_of, (KEYS, VALUES, TIMES))
numbers, mappings, lists = map(one_of, (NUMBERS, MAPPINGS, LISTS))
anything = some.one_of(keys, values, times, numbers, mappings, lists)

# By name of the parameter: what it is meant to be.
MEANT = {
    "key": keys,
    "value": values,
    "default": one_of([None, b"d", 1]),
    "ttl": times,
    "tti": times,
    "seconds": one_of([0, 0.5, 1, 60, -1, math.nan, "x", timedelta(seconds=2)]),
    "entries": mappings,
    "keys": lists,
    "when": one_of(MOMENTS),
    "limit": one_of([None, 1, 5, 0, -1, 2**64, "x"]),
    "count": one_of([0, 1, 3, 2**64 - 1, None, -1, 2**64, "x", True]),
    "max_entries": one_of([None, 1, 3, 50, 0, -1, 2**70, "x", True]),
    "max_weight": one_of([None, 1, 10, 0, -1, 2**64, 2.5]),
    "max_bytes": one_of([None, 1 << 22, 1, 0, -1, 2**64]),
    "weight": numbers,
    "delta": numbers,
    "initial": numbers,
    "version": numbers,
    "prefix": keys,
    "interval": times,
    "timeout": one_of([None, math.inf, 60, 0, -1, math.nan, "x", timedelta(minutes=1)]),
}

# Not called: they end the cache, or tell of time that goes by by itself.
LEFT_OUT = {"close", "window"}

OF_SWEEPERS: dict[str, Callable[..., Any]] = {
    "running": lambda sweeper: sweeper.running,
    "state": lambda sweeper: (sweeper.status().state, repr(sweeper)),
    "interval": lambda sweeper: sweeper.interval if sweeper.running else None,
    "interval = seconds": lambda sweeper, interval: setattr(sweeper, "interval", interval),
}


def computed_by_a_task(cache: Any, key: Any, value: Any, ttl: Any = None) -> Any:
    async def compute() -> Any:
        return value

    return asyncio.run(cache.get_or_set_async(key, compute, ttl))


OF_CACHES: dict[str, Callable[..., Any]] = {
    "get_or_set": lambda cache, key, value, ttl=None: cache.get_or_set(key, lambda: value, ttl),
    "get_or_set_async": computed_by_a_task,
    "cache[key]": lambda cache, key: cache[key],
    "cache[key] = value": lambda cache, key, value: cache.__setitem__(key, value),
    "del cache[key]": lambda cache, key: cache.__delitem__(key),
    "key in cache": lambda cache, key: key in cache,
    "len": len,
    "list": list,
    "reversed": lambda cache: list(reversed(cache)),
    "list of items": lambda cache: list(cache.items()),
    "list of values": lambda cache: list(cache.values()),
    "value in values": lambda cache, value: value in cache.values(),
    "pair in items": lambda cache, key, value: (key, value) in cache.items(),
    "==": lambda cache, value: cache == value,
    "|": lambda cache, entries: cache | entries,
    "counters": lambda cache: [
        getattr(cache.stats(), name)
        for name in ("entries", "hits", "misses", "inserts", "updates", "deletes", "evictions", "expired")
    ],
    "wait a second": lambda cache: cache.advance_clock(1.5),
    "use and fill": lambda cache, key: (cache.get("a", None), cache.set(key, b"7"), list(cache))[0],
}


MORE = {
    "Cache": OF_CACHES,
    "ObjectCache": OF_CACHES,
    "Sweeper": OF_SWEEPERS,
    "ObjectSweeper": OF_SWEEPERS,
}


def calls(name: str) -> some.SearchStrategy[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """One call of any public method: its name, and arguments by position and by name."""
    owner, more = getattr(both_paths()[0], name), MORE[name]
    choices = []
    for method in [*public(owner), *more]:
        function = more.get(method) or getattr(owner, method)
        if method in LEFT_OUT or method.startswith("_") or not callable(function):
            continue
        parameters = list(inspect.signature(function).parameters.values())[1:] if function is not len else []
        meant = [
            parameter for parameter in parameters
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]  # fmt: skip
        by_place = [each for each in meant if each.kind is not each.KEYWORD_ONLY]
        needed = sum(each.default is each.empty for each in by_place)
        # Cut before the first that is left to its default, or filled with what does not belong there.
        proper = some.integers(needed, len(by_place)).flatmap(
            lambda count, by_place=by_place: some.tuples(
                *[MEANT.get(each.name, anything) for each in by_place[:count]]
            )
        )
        given_values = some.one_of(proper, proper, proper, some.lists(anything, max_size=len(by_place) + 1).map(tuple))
        named = some.fixed_dictionaries(
            {}, optional={each.name: MEANT.get(each.name, anything) for each in meant if each not in by_place}
        )
        if method in more:
            given_values = some.tuples(*[MEANT[each.name] for each in by_place])
        choices.append(some.tuples(some.just(method), given_values, named))
    return some.one_of(choices)


def plain(result: Any, depth: int = 0) -> Any:
    """A result as something that compares, and prints, alike on both paths."""
    if isinstance(result, (bytes, bytearray, str, int, float, type(None))):
        return (type(result).__name__, repr(result))
    if isinstance(result, Iterator):
        return ("iterator", [plain(each, depth + 1) for each in itertools.islice(result, 500)])
    if isinstance(result, (tuple, list)) and depth < 4:
        return (type(result).__name__, [plain(each, depth + 1) for each in result])
    if isinstance(result, dict) and depth < 4:
        return (type(result).__name__, [(plain(k, 4), plain(v, 4)) for k, v in result.items()])
    return type(result).__name__


# Of a wrong number of arguments the interpreter says in its own words what it thinks of it.
ARITY = ("argument", "takes ", "required", "unexpected keyword", "multiple values")


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return plain(call())
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        text = str(error)
        if type(error) is TypeError and "()" in text and any(word in text for word in ARITY):
            text = "wrong arguments"
        codes = (getattr(error, "code", None), plain(getattr(error, "keys", None)))
        bases = [base.__name__ for base in type(error).__mro__]
        return ("raised", bases, text, plain(list(error.args)) if text != "wrong arguments" else None, codes)


OPTIONS: dict[str, list[dict[str, Any]]] = {
    "Cache": [
        {"max_entries": 50},
        {"max_entries": 3, "ttl": 5},
        {"max_entries": 50, "decode_keys": True, "ttl": 5, "jitter": 0.5},
        {"max_entries": 50, "serializer": "json"},
        {"max_entries": 50, "serializer": "str", "no_evict": True},
        {"max_entries": 3, "no_evict": True, "report_removals": True, "tti": 3},
        {"max_bytes": 1 << 20, "policy": "adaptive"},
    ],
    "ObjectCache": [
        {"max_entries": 50},
        {"max_entries": 3, "ttl": 5},
        {"max_entries": 3, "ttl": 5, "jitter": 0.5},
        {"max_entries": 3, "tti": 2},
        {"max_weight": 10, "weigher": lambda key, value: len(value)},
        {"max_weight": 10, "policy": "adaptive"},
    ],
}
OPTIONS["Sweeper"], OPTIONS["ObjectSweeper"] = OPTIONS["Cache"][:2], OPTIONS["ObjectCache"][:2]


@pytest.mark.parametrize("name", CLASSES)
def test_the_same_comes_of_the_same(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where save() leaves files of any name
    always: dict[str, Any] = {"manual_clock": True}
    if name in ("Cache", "Sweeper"):
        always |= {"hash_seed": 1, "shards": 1}

    @settings(max_examples=EXAMPLES, deadline=None, print_blob=True, suppress_health_check=list(HealthCheck))
    @given(
        options=some.sampled_from(OPTIONS[name]),
        listens=some.booleans(),
        sequence=some.lists(calls(name), min_size=1, max_size=12),
    )
    def check(options: dict[str, Any], listens: bool, sequence: list[Any]) -> None:
        heard: tuple[list[Any], list[Any]] = ([], [])
        caches = []
        for package, told in zip(both_paths(), heard, strict=True):
            listener = {"on_removal": lambda *what, told=told: told.append(plain(what))} if listens else {}
            owner = getattr(package, "ObjectCache" if name.startswith("Object") else "Cache")
            cache = owner(**always, **options, **listener)
            for key, value in {"a": b"1", "b": b"2"}.items():
                cache.set(key, "12" if options.get("serializer") else value, 60 if key == "a" else None)
            caches.append(cache)
        subjects = [cache.sweeper if "Sweeper" in name else cache for cache in caches]
        for method, arguments, named in sequence:
            said = []
            for subject in subjects:
                function = MORE[name].get(method) or getattr(type(subject), method)
                said.append(outcome(lambda f=function, s=subject: f(s, *arguments, **named)))
            assert said[0] == said[1], (method, arguments, named)
            # In what order one call removes several is for the engine to say.
            assert sorted(heard[0], key=repr) == sorted(heard[1], key=repr), (method, arguments, named)
            for told in heard:
                told.clear()
        for cache in caches:
            cache.close()
        for method in ("get", "delete", "peek"):
            after = [outcome(lambda c=cache, m=method: getattr(c, m)("a")) for cache in caches]
            assert after[0] == after[1], method

    check()


# ---- What no single call shows -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Cache", "ObjectCache"])
def test_overrides(name: str) -> None:
    """An overridden method is what its operator calls; otherwise one method is not another."""
    told = []
    for package in both_paths():
        base, seen = getattr(package, name), list[str]()

        class Telling:
            def get(self, *what: Any, seen: list[str] = seen) -> Any:
                seen.append("get")
                return super().get(*what)  # type: ignore[misc]

            def set(self, *what: Any, seen: list[str] = seen) -> Any:
                seen.append("set")
                return super().set(*what)  # type: ignore[misc]

        class Own(Telling, base):  # type: ignore[misc,valid-type]
            def delete(self, *what: Any, seen: list[str] = seen) -> Any:
                seen.append("delete")
                return super().delete(*what)

            def contains(self, *what: Any, seen: list[str] = seen) -> Any:
                seen.append("contains")
                return super().contains(*what)

            def peek(self, *what: Any, seen: list[str] = seen) -> Any:
                seen.append("peek")
                return super().peek(*what)

        class Further(Own):
            def __getitem__(self, key: Any, seen: list[str] = seen) -> Any:
                seen.append("[]")
                return super().__getitem__(key)

        for owner in (Own, Further):
            cache = owner(50)
            for call in (
                lambda c: c.__setitem__("a", b"v" * 5000),
                lambda c: c["a"],
                lambda c: "a" in c,
                lambda c: c.get_many(["a"]),
                lambda c: c.setdefault("b", b"2"),
                lambda c: c.pop("b"),
                lambda c: c.__delitem__("a"),
                lambda c: c.update(x=b"1"),
                lambda c: list(c.items()),
                lambda c: c.popitem(),
                lambda c: c.set_many({"z": b"1"}),
                lambda c: c.delete_many(["z"]),
                lambda c: c["absent"],
                lambda c: c.__delitem__("absent"),
            ):
                seen.append("|")
                outcome(lambda call=call, cache=cache: call(cache))  # type: ignore[misc]
            cache.close()
        told.append(seen)
    assert told[0] == told[1]
    assert told[0][:8] == ["|", "set", "|", "get", "|", "contains", "|", "get" if name == "ObjectCache" else "|"]


def test_the_depth_of_the_stack() -> None:
    """At its end each call is a RecursionError, or works."""

    def down(call: Callable[[], Any], depth: int = 0) -> set[str]:
        try:
            found = down(call, depth + 1)
        except RecursionError:
            found = {"RecursionError"}
        try:
            call()
        except BaseException as error:
            found.add(type(error).__name__)
        return found

    for package in both_paths():
        cache, objects = package.Cache(10), package.ObjectCache(10)
        cache["a"], objects["a"] = b"1", 1
        for call in (
            lambda: cache.get("a"),
            lambda: cache.contains("a"),
            lambda: cache.add("b", b"1", 5),
            lambda: cache.increment("a"),
            lambda: cache.get_many(["a"]),
            lambda: cache.inspect("a"),
            lambda: cache.stats(),
            lambda: objects.get("a"),
            lambda: objects.set("a", 1, 5),
            lambda: objects.ttl("a"),
            lambda: objects.pop("b", None),
            lambda: objects.cleanup_expired(),
            lambda: list(objects),
        ):
            assert down(call) == {"RecursionError"}


def test_the_order_of_objects() -> None:
    for package in both_paths():
        with package.ObjectCache(1000, manual_clock=True) as cache:
            order = list(range(200)) + [f"{number}" for number in range(200)] + [-1, -2, (1, 2)]
            for key in order:
                cache[key] = key
            assert list(cache) == list(cache.keys()) == order
            cache[5] = cache.pop(7)
            cache.get(9), cache.touch(11), cache.add(13, None)
            order.remove(5), order.remove(7)
            order.append(5)
            assert list(cache) == order and list(cache.values())[-1] == 7
            assert [key for key, _ in cache.items()] == order
            for key in (9, 11):  # were used
                order.remove(key), order.append(key)
            assert cache.coldest(1000) == cache.hottest(1000)[::-1] == order
            assert [cache.popitem()[0] for _ in order] == order
