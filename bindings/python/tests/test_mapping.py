"""Cache as a MutableMapping, its serializers, and the names others know."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Mapping, MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

import cachecore
from cachecore import NEVER, Cache, ClosedError, NotANumberError, ObjectCache


def test_it_is_one(cache: Cache) -> None:
    assert isinstance(cache, MutableMapping) and isinstance(cache, Mapping)


def test_views(cache: Cache) -> None:
    cache.update({"a": b"1", "b": b"2"})
    assert sorted(cache.keys()) == [b"a", b"b"] and "a" in cache.keys()
    assert sorted(cache.items()) == [(b"a", b"1"), (b"b", b"2")]
    assert sorted(cache.values()) == [b"1", b"2"] and b"1" in cache.values()
    assert ("a", b"1") in cache.items() and ("a", b"2") not in cache.items()
    assert len(cache.items()) == 2


def test_changes_while_iterating(cache: Cache) -> None:
    cache.update({f"{number}": b"" for number in range(50)})
    seen = []
    for key in cache:
        seen.append(key)
        del cache[key]
        cache.set("new" + key.decode(), b"")
    assert len(seen) == len(set(seen)) == 50
    for key, _ in cache.items():
        cache.clear()
    assert not list(cache.items())


def test_pop(cache: Cache) -> None:
    cache["k"] = b"v"
    assert cache.pop("k") == b"v" and "k" not in cache
    assert cache.pop("k", None) is None and cache.pop("k", 7) == 7
    with pytest.raises(KeyError, match="'k'"):
        cache.pop("k")


@pytest.mark.parametrize("kind", [Cache, ObjectCache])
def test_all_can_be_taken_out_one_by_one(kind: Any) -> None:
    # Were each search to begin anew, this would not end: 42 s for the first 16 000 once.
    count = 30_000
    with kind(2 * count, manual_clock=True) as cache:
        cache.set_many({f"{number}": b"" for number in range(count)})
        cache.set_many({f"expired {number}": b"" for number in range(1000)}, ttl=1)
        cache.set("k" * 60_000, b"")
        cache.advance_clock(2)
        taken = {cache.popitem()[0] for _ in range(count // 2)}
        cache.set_many({f"{number}": b"" for number in range(100)})
        while cache:
            taken.add(cache.popitem()[0])
        assert len(taken) == count + 1 and not any("expired" in str(key) for key in taken)
        with pytest.raises(KeyError):
            cache.popitem()


def test_popitem(cache: Cache) -> None:
    cache.update(a=b"1", b=b"2")
    assert sorted([cache.popitem(), cache.popitem()]) == [(b"a", b"1"), (b"b", b"2")]
    with pytest.raises(KeyError):
        cache.popitem()


def test_setdefault(cache: Cache) -> None:
    assert cache.setdefault("k", b"first") == b"first"
    assert cache.setdefault("k", b"second") == b"first"


def test_update(cache: Cache) -> None:
    cache.update([("a", b"1")], b=b"2")
    cache.update({"c": b"3"})
    assert dict(cache) == {b"a": b"1", b"b": b"2", b"c": b"3"}


def test_identity() -> None:
    with Cache(1) as one, Cache(1) as other:
        assert one == one and one != other and len({one, other}) == 2


def test_sizes_by_the_names_of_cachetools(cache: Cache) -> None:
    cache["k"] = b"v"
    assert (cache.maxsize, cache.currsize) == (100, 1)
    with Cache(max_bytes=1 << 20) as bytes_alone:
        assert (bytes_alone.maxsize, bytes_alone.currsize) == (None, 0)
    objects = ObjectCache[str, int](10, max_weight=50, weigher=lambda key, value: value)
    objects["k"] = 7
    assert (objects.maxsize, objects.currsize) == (50, 7)
    objects.resize(3)
    assert (objects.maxsize, objects.currsize) == (3, 1)


@pytest.mark.parametrize("kind", [Cache, ObjectCache])
def test_the_default_lifetime(kind: Any) -> None:
    for given, default in ((None, NEVER), (NEVER, NEVER), (60, 60), (0.0005, 0.001), (1.5, 1.5)):
        cache = kind(10, ttl=given)
        assert cache.default_ttl == default
        assert isinstance(cache.default_ttl, float) and cache.copy().default_ttl == default
        cache.set("k", b"v", ttl=7)
        assert cache.default_ttl == default and 0 < cache.ttl("k") <= 7
        cache.close()
        with pytest.raises(ClosedError):
            cache.default_ttl  # noqa: B018

@pytest.mark.parametrize(
    ("serializer", "values"),
    [
        ("json", [None, 1, 1.5, "ü", [1, {"a": None}], {"k": [True]}, 10**30]),
        ("str", ["", "text", "ü\0\U0001f600"]),
        ("pickle", [None, {1, 2}, (1, b"x"), range(3), 1 + 2j]),
        (json, [{"a": 1}, None]),
    ],
    ids=["json", "str", "pickle", "module"],
)
def test_serializers(serializer: Any, values: list[Any]) -> None:
    with Cache(100, serializer=serializer) as cache:
        for value in values:
            cache.set("k", value)
            assert cache.get("k", "else") == value == cache["k"]
            cache["k"] = value
            assert cache.get_many(["k", "absent"]) == {"k": value}
            assert cache.pop("k") == value and cache.add("k", value)
            assert cache.setdefault("k", "other") == value
            assert cache.replace("k", value)
            cache.set_many({"m": value})
            assert sorted(cache.items())[0] == (b"k", value)
            assert cache.values().__contains__(value)
            info = cache.inspect("k")
            assert info is not None and cache.compare_and_set("k", value, info.version)
            cache.clear()


def test_a_value_of_none_is_a_value() -> None:
    with Cache(10, serializer="json") as cache:
        cache["k"] = None
        assert cache["k"] is None and cache.get("k", 1) is None and "k" in cache
        assert cache.pop("k", 1) is None


def test_large_serialized_values() -> None:
    with Cache(10, serializer="json") as cache:
        value = list(range(1, 50_000))  # no 0: tools/valgrind-python.sh
        cache["k"] = value
        assert cache["k"] == value and cache.get_many(["k"]) == {"k": value}


def test_incr_of_json() -> None:
    with Cache(10, serializer="json") as cache:
        cache["n"] = 41
        assert cache.increment("n") == 42 and cache["n"] == 42
        cache["x"] = "41"
        with pytest.raises(NotANumberError):
            cache.increment("x")


def test_what_serializers_raise_changes_nothing() -> None:
    with Cache(10, serializer="json") as cache:
        cache["k"] = 1
        for store in (cache.set, cache.add, cache.replace):
            with pytest.raises(TypeError):
                store("k", object())
        with pytest.raises(TypeError):
            cache.set_many({"k": 2, "m": object()})
        assert cache["k"] == 1 and "m" not in cache
    with Cache(10, serializer="str") as texts, pytest.raises(TypeError):
        texts["k"] = 1  # type: ignore[assignment]


def test_what_is_no_serializer() -> None:
    with pytest.raises(ValueError, match="serializer must be one of 'json'"):
        Cache(1, serializer="yaml")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="has the functions dumps and loads"):
        Cache(1, serializer=object())  # type: ignore[call-overload]


def test_signatures() -> None:
    import inspect

    names = ["self", "key", "value", "ttl"]
    assert list(inspect.signature(Cache.set).parameters) == names
    assert list(inspect.signature(Cache.get).parameters) == ["self", "key", "default"]
    assert cachecore.ObjectCache.get.__doc__ and Cache.get.__doc__


def test_keywords(cache: Cache) -> None:
    cache.set(key="k", value=b"v", ttl=3)
    assert cache.get(key="k", default=b"") == b"v" and cache.touch("k", ttl=5)
    assert cache.add(key="m", value=b"", ttl=None)
    for call in (
        lambda: cache.get(),
        lambda: cache.get("k", 1, 2),
        lambda: cache.get("k", key="k"),
        lambda: cache.get("k", other=1),
        lambda: cache.set("k"),
        lambda: cache.set("k", b"", time=1),
    ):
        with pytest.raises(TypeError):
            call()


class Colour(enum.IntEnum):
    RED = 1


class Label(str):
    pass


anything_json_takes = some.recursive(
    some.one_of(
        some.none(),
        some.booleans(),
        some.integers(-(10**40), 10**40),
        some.floats(),
        some.text(some.characters(codec=None, exclude_categories=()), max_size=5),
        some.sampled_from([Colour.RED, Label("l"), "\ud83d", "\ud83d\ude00", "caf\udce9.txt", "\0", "\ufeff"]),
    ),
    lambda inner: some.one_of(
        some.lists(inner, max_size=4),
        some.lists(inner, max_size=4).map(tuple),
        some.dictionaries(
            some.one_of(some.none(), some.booleans(), some.integers(), some.floats(), some.text(max_size=3)),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=20,
)


@given(value=anything_json_takes)
def test_what_json_takes_is_kept_as_json_says_it(value: Any) -> None:
    with Cache(10, serializer="json") as cache:
        cache["k"] = value
        assert repr(cache["k"]) == repr(json.loads(json.dumps(value)))
        cache.set_many({"many": value})
        assert repr(cache.get_many(["many"])["many"]) == repr(cache["k"])


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), {(1, 2): 3}, [math.nan, {b"k": 1}]])
def test_what_json_refuses_changes_nothing(value: Any) -> None:
    with Cache(10, serializer="json") as cache:
        cache["k"] = "older"
        with pytest.raises(TypeError) as wanted:
            json.dumps(value)
        with pytest.raises(TypeError) as raised:
            cache["k"] = value
        assert str(raised.value) == str(wanted.value) and cache["k"] == "older"


def test_text_without_utf_8() -> None:
    with Cache(10, serializer="str") as cache:
        cache["k"] = "older"
        for call in (
            lambda: cache.set("k", "\udce9"),
            lambda: cache.set("\udce9", "text"),
            lambda: cache.get("\udce9"),
            lambda: cache.set_many({"k": "newer", "\udce9": "text"}),
        ):
            with pytest.raises(UnicodeEncodeError):
                call()
        assert cache["k"] == "older"
