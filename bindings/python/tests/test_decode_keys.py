"""``decode_keys``: what comes back as a key is str, from every method there is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cachecore import Cache

GIVEN = ["a", "user:7", "ü", "\U0001f600", "\0"]


def _removals(cache: Cache[bytes, Any]) -> Iterable[Any]:
    cache.clear()
    return [removal.key for removal in cache.take_removals()]


def _heard(cache: Cache[bytes, Any]) -> Iterable[Any]:
    """By a listener, of each cause."""
    heard: list[Any] = []
    options: dict[str, Any] = {"decode_keys": cache._decode_keys}
    with Cache(
        len(GIVEN), on_removal=lambda key, *_: heard.append(key), manual_clock=True, **options
    ) as other:
        for key in GIVEN:
            other.set(key, b"", 1)
            other.set(key, b"", 1)
        assert sorted(map(_text, heard)) == sorted(GIVEN)
        other.advance_clock(1)
        other.cleanup_expired()
        assert sorted(map(_text, heard)) == sorted(GIVEN * 2)
        other.update(dict.fromkeys(GIVEN, b""))
        other.evict(len(GIVEN))
        other.deliver_removals()
        assert sorted(map(_text, heard)) == sorted(GIVEN * 3)
    return heard[-len(GIVEN) :]


def _drained(cache: Cache[bytes, Any]) -> Iterable[Any]:
    return [cache.popitem()[0] for _ in range(len(cache))]


#: Each method that hands out keys, and a call of it that hands out all of GIVEN.
HANDING_OUT: dict[str, Callable[[Cache[bytes, Any]], Iterable[Any]]] = {
    "__iter__": list,
    "keys": lambda cache: cache.keys(),
    "items": lambda cache: [key for key, _ in cache.items()],
    "scan": lambda cache: cache.scan(),
    "scan_records": lambda cache: [record.key for record in cache.scan_records()],
    "coldest": lambda cache: cache.coldest(99),
    "hottest": lambda cache: cache.hottest(99),
    "popitem": _drained,
    "take_removals": _removals,
    "deliver_removals": _heard,
}

#: Methods that hand out no key, or only those that they were given (get_many).
NONE_OF_ITS_OWN = set(
    """
    acquire add advance_clock audit clear cleanup_expired close closed compare_and_set contains
    copy count currsize default_ttl delete delete_many delete_prefix evict get get_many get_or_claim get_or_set
    get_or_set_async get_with_info increment inspect load maxsize peek pop replace read_only reset_stats resize
    save set set_many set_until setdefault shared_info stats sweeper touch ttl update values window
    __contains__ __copy__ __deepcopy__ __delitem__ __enter__ __eq__ __exit__ __getitem__ __hash__ __init__
    __len__ __reduce__ __repr__ __setitem__
    """.split()
)


def _text(key: bytes | str) -> str:
    return key.decode() if isinstance(key, bytes) else key


@pytest.fixture
def texts() -> Iterator[Cache[bytes, str]]:
    with Cache(100, decode_keys=True, report_removals=True, manual_clock=True) as cache:
        cache.update(dict.fromkeys(GIVEN, b"1"))
        yield cache


def test_no_method_is_forgotten() -> None:
    """A method that is added must be put in one of the two lists above."""
    assert _methods() == set(HANDING_OUT) | NONE_OF_ITS_OWN
    assert not set(HANDING_OUT) & NONE_OF_ITS_OWN


def _methods() -> set[str]:
    found = {
        name
        for kind in Cache.__mro__
        if kind.__module__.startswith("cachecore")
        for name, value in vars(kind).items()
        if callable(value) or isinstance(value, property)
        if not name.startswith("_") or name.startswith("__")
    }
    return found - {"__class_getitem__", "__init_subclass__", "__new__"}


@pytest.mark.parametrize("method", HANDING_OUT)
def test_they_come_back_as_text(method: str, texts: Cache[bytes, str]) -> None:
    found = list(HANDING_OUT[method](texts))
    assert {type(key) for key in found} == {str}
    assert sorted(found) == sorted(GIVEN)


@pytest.mark.parametrize("method", HANDING_OUT)
def test_they_come_back_as_bytes_by_default(method: str) -> None:
    with Cache(100, report_removals=True, manual_clock=True) as cache:
        cache.update(dict.fromkeys(GIVEN, b"1"))
        found = list(HANDING_OUT[method](cache))
        assert {type(key) for key in found} == {bytes}
        assert sorted(found) == sorted(map(str.encode, GIVEN))


def test_keys_given_stay_as_given(texts: Cache[bytes, str]) -> None:
    assert texts.get_many([b"a", "ü", "absent"]) == {b"a": b"1", "ü": b"1"}
    for key in (b"absent", "absent"):
        with pytest.raises(KeyError) as raised:
            texts[key]
        assert raised.value.args == (key,)


@given(some.binary(min_size=1, max_size=8))
def test_bytes_that_are_no_text(key: bytes) -> None:
    """All bytes are a key by default; of a cache of text keys, those that are UTF-8."""
    with Cache(10) as cache:
        cache[key] = b"1"
        assert list(cache) == [key]
    with Cache(10, decode_keys=True) as texts:
        try:
            text = key.decode()
        except UnicodeDecodeError:
            with pytest.raises(UnicodeDecodeError):
                texts[key] = b"1"
            assert not texts
        else:
            texts[key] = b"1"
            assert list(texts) == [text] and texts[text] == texts[key] == b"1"


#: No UTF-8.
BAD = b"caf\xe9"

#: Each method that is given a key or a prefix.
WITH_A_KEY: dict[str, Callable[[Cache[bytes, str]], object]] = {
    "acquire": lambda cache: cache.acquire(BAD),
    "add": lambda cache: cache.add(BAD, b""),
    "audit": lambda cache: cache.audit(BAD),
    "compare_and_set": lambda cache: cache.compare_and_set(BAD, b"", 1),
    "contains": lambda cache: cache.contains(BAD),
    "delete": lambda cache: cache.delete(BAD),
    "delete_many": lambda cache: cache.delete_many(["a", BAD]),
    "delete_prefix": lambda cache: cache.delete_prefix(BAD),
    "get": lambda cache: cache.get(BAD),
    "get_many": lambda cache: cache.get_many(["a", BAD]),
    "get_or_claim": lambda cache: cache.get_or_claim(BAD),
    "get_or_set": lambda cache: cache.get_or_set(BAD, bytes),
    "get_with_info": lambda cache: cache.get_with_info(BAD),
    "increment": lambda cache: cache.increment(BAD),
    "inspect": lambda cache: cache.inspect(BAD),
    "peek": lambda cache: cache.peek(BAD),
    "pop": lambda cache: cache.pop(BAD, None),
    "replace": lambda cache: cache.replace(BAD, b""),
    "scan": lambda cache: list(cache.scan(BAD)),
    "scan_records": lambda cache: list(cache.scan_records(BAD)),
    "set": lambda cache: cache.set(BAD, b""),
    "set_many": lambda cache: cache.set_many({"a": b"2", BAD: b""}),
    "set_until": lambda cache: cache.set_until(BAD, b"", 2**32),
    "setdefault": lambda cache: cache.setdefault(BAD, b""),
    "touch": lambda cache: cache.touch(BAD),
    "ttl": lambda cache: cache.ttl(BAD),
    "update": lambda cache: cache.update({"a": b"2", BAD: b""}),
    "__contains__": lambda cache: BAD in cache,
    "__delitem__": lambda cache: cache.__delitem__(BAD),
    "__getitem__": lambda cache: cache[BAD],
    "__setitem__": lambda cache: cache.__setitem__(BAD, b""),
}


def test_no_method_that_is_given_a_key_is_forgotten() -> None:
    names = {"key", "keys", "prefix", "entries"}
    given = {
        method
        for method in _methods()
        if callable(found := getattr(Cache, method)) and names & set(inspect.signature(found).parameters)
    }
    assert given - {"get_or_set_async"} == set(WITH_A_KEY)


@pytest.mark.parametrize("method", WITH_A_KEY)
def test_whoever_gives_them_is_told(method: str, texts: Cache[bytes, str]) -> None:
    before = texts.stats()
    with pytest.raises(UnicodeDecodeError, match="position 3"):
        WITH_A_KEY[method](texts)
    assert texts.stats() == before and texts["a"] == b"1"


def test_a_computation_is_not_run_for_them(texts: Cache[bytes, str]) -> None:
    with pytest.raises(UnicodeDecodeError):
        texts.get_or_set(BAD, lambda: pytest.fail("was computed"))


def test_a_str_that_is_no_text_is_refused_as_ever(texts: Cache[bytes, str]) -> None:
    with pytest.raises(UnicodeEncodeError):
        texts["caf\udce9"] = b""


def test_a_subclass_of_bytes_or_str(texts: Cache[bytes, str]) -> None:
    class Odd(bytes):
        def decode(self, *_: Any) -> str:
            return "something else"

    texts[Odd(b"odd")] = b"2"
    assert texts["odd"] == b"2" and "odd" in list(texts)
    with pytest.raises(UnicodeDecodeError):
        texts[Odd(BAD)] = b""


