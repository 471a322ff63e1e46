"""Shared caches that are opened for reading alone."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

import pytest
from processes import forked, in_child, in_program, kill
from shared_files import digest, leave_to_another_boot

from cachecore import NEVER, Cache, ObjectCache, cached
from cachecore.errors import AccessError, LayoutError, ReadOnlyError, StateError


def test_it_reads_and_changes_nothing(place: str) -> None:
    with Cache(1000, shared=place) as cache:
        cache["a"] = b"1"
        cache.set("b", b"x" * 100_000, ttl=3600)
        cache.set("user:1", b"")
        cache.get("nobody")
        before = cache.stats()
        looker = Cache(shared=place, read_only=True)
        assert looker.read_only and not cache.read_only
        assert looker["a"] == looker.get("a") == looker.peek("a") == b"1"
        assert looker.get("b") == looker.peek("b") == b"x" * 100_000
        assert looker.get("nobody") is None and looker.get("nobody", b"else") == b"else"
        assert "a" in looker and not looker.contains("nobody")
        assert looker.ttl("a") == NEVER and 3590 < (looker.ttl("b") or 0) <= 3600
        assert looker.get_many(["a", "b", "nobody"]) == {"a": b"1", "b": b"x" * 100_000}
        info, found, large = looker.inspect("a"), looker.get_with_info("a"), looker.get_with_info("b")
        assert info is not None and found is not None and large is not None
        assert (info.value_size, found.value, large.value) == (1, b"1", b"x" * 100_000)
        assert looker.get_with_info("nobody") is None
        assert len(looker) == looker.count() == looker.currsize == 3 and looker.maxsize == 1000
        assert sorted(looker) == sorted(looker.keys()) == [b"a", b"b", b"user:1"]
        assert list(looker.scan("user:")) == [b"user:1"]
        assert dict(looker.items())[b"a"] == b"1" and b"" in list(looker.values())
        assert looker.default_ttl == NEVER
        assert looker.get_or_set("a", lambda: b"other") == b"1" == looker.setdefault("a", b"other")
        assert looker.shared_info().processes == 1
        after = cache.stats()
        assert after == before and looker.stats().entries == 3
        cache["c"] = b"3"
        del cache["a"]
        assert looker["c"] == b"3" and "a" not in looker
        assert repr(looker).startswith("<cachecore.Cache of 3 entries")
        assert "read-only" in repr(looker.sweeper)
        looker.close()
        looker.close()
        with pytest.raises(ValueError, match="closed"):
            looker.get("a")


WRITES: dict[str, Callable[[Cache[bytes]], object]] = {
    "set": lambda cache: cache.set("k", b""),
    "item": lambda cache: cache.__setitem__("k", b""),
    "add": lambda cache: cache.add("k", b""),
    "replace": lambda cache: cache.replace("k", b""),
    "set_until": lambda cache: cache.set_until("k", b"", 2e9),
    "compare_and_set": lambda cache: cache.compare_and_set("k", b"", 1),
    "touch": lambda cache: cache.touch("k"),
    "increment": lambda cache: cache.increment("k"),
    "set_many": lambda cache: cache.set_many({"k": b""}),
    "update": lambda cache: cache.update(k=b""),
    "delete": lambda cache: cache.delete("k"),
    "delete_many": lambda cache: cache.delete_many(["k"]),
    "delete_prefix": lambda cache: cache.delete_prefix("k"),
    "del": lambda cache: cache.__delitem__("k"),
    "pop": lambda cache: cache.pop("k"),
    "popitem": lambda cache: cache.popitem(),
    "clear": lambda cache: cache.clear(),
    "evict": lambda cache: cache.evict(),
    "cleanup_expired": lambda cache: cache.cleanup_expired(),
    "resize": lambda cache: cache.resize(10),
    "reset_stats": lambda cache: cache.reset_stats(),
    "advance_clock": lambda cache: cache.advance_clock(1),
    "acquire": lambda cache: cache.acquire("k"),
    "coldest": lambda cache: cache.coldest(1),
    "hottest": lambda cache: cache.hottest(1),
    "audit": lambda cache: cache.audit(),
    "window": lambda cache: cache.window(),
    "save": lambda cache: cache.save("/dev/null/nothing"),
    "load": lambda cache: cache.load("/dev/null/nothing"),
    "copy": lambda cache: cache.copy(),
    "claim": lambda cache: cache.get_or_claim("k"),
    "get_or_set": lambda cache: cache.get_or_set("nobody", _never),
    "sweeper.start": lambda cache: cache.sweeper.start(),
    "sweeper.trigger": lambda cache: cache.sweeper.trigger(),
    "sweeper.status": lambda cache: cache.sweeper.status(),
}


def _never() -> bytes:
    raise AssertionError("it is computed, and cannot be kept")


@pytest.mark.parametrize("write", WRITES)
def test_what_would_change_it_is_an_error(place: str, write: str) -> None:
    with Cache(1000, shared=place) as cache:
        cache["k"] = b"1"
    before = digest(place)
    with Cache(shared=place, read_only=True) as looker:
        with pytest.raises(ReadOnlyError, match="reading alone") as raised:
            WRITES[write](looker)
        assert isinstance(raised.value, StateError) and raised.value.status == "CACHECORE_E_STATE"
        if write in ("set_many", "update", "delete_many"):
            assert raised.value.keys == ("k",)
        assert looker["k"] == b"1"
    assert digest(place) == before


def test_it_needs_a_cache_that_is_shared(place: str) -> None:
    with pytest.raises(ValueError, match="read_only"):
        Cache(10, read_only=True)
    for missing in (place, ":memory:"):
        with pytest.raises(StateError, match="nothing to attach to"):
            Cache(shared=missing, read_only=True)
    assert not os.path.exists(place)
    with pytest.raises(ValueError):
        Cache(shared=place, read_only=True, on_removal=print)
    with pytest.raises(ValueError, match="bound"):
        Cache(shared=place)
    with pytest.raises(TypeError):
        ObjectCache(10, shared=place, read_only=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        cached(shared=place, read_only=True)  # type: ignore[call-overload]
    with Cache(10, shared=place), Cache(shared=place, read_only=True) as looker:
        with pytest.raises(ValueError, match="reading alone"):
            cached(shared=looker, name="one")(lambda: 1)


def test_flags_and_bounds_do_not_matter(place: str) -> None:
    with Cache(10, ttl=60, shared=place, no_evict=True, manual_clock=True) as cache:
        cache["a"] = b"1"
        with Cache(5, shared=place, read_only=True, policy="adaptive") as looker:
            assert looker["a"] == b"1" and looker.maxsize == 10 and looker.default_ttl == 60
            assert looker.ttl("a") == 60
            cache.advance_clock(61)
            assert "a" not in looker and list(looker) == []
            assert len(looker) == 1  # nobody has noticed
            assert len(cache) == len(looker) == 0


def test_serializers_and_text(place: str) -> None:
    with Cache(10, shared=place, serializer="json", decode_keys=True) as cache:
        cache["greeting"] = {"text": "hello"}
        with Cache(shared=place, read_only=True, serializer="json", decode_keys=True) as looker:
            assert looker["greeting"] == {"text": "hello"} and list(looker) == ["greeting"]
            assert looker.get_many(["greeting"]) == {"greeting": {"text": "hello"}}


def test_it_takes_no_slot_and_leaves_the_file_alone(place: str) -> None:
    with Cache(10, shared=place) as cache:
        cache["a"] = b"1"
        others = [Cache(10, shared=place) for _ in range(cache.shared_info().max_processes - 1)]
        lookers = [Cache(shared=place, read_only=True) for _ in range(100)]
        assert all(looker["a"] == b"1" for looker in lookers)
        for other in others + lookers:
            other.close()
    before = digest(place)
    with Cache(shared=place, read_only=True) as looker:
        assert looker["a"] == b"1" and looker.shared_info().processes == 0
        assert dict(looker.items()) == {b"a": b"1"} and looker.stats().entries == 1
    assert digest(place) == before


def test_a_file_that_may_only_be_read_will_do(place: str) -> None:
    def somebody() -> None:
        if os.geteuid() == 0:
            os.setuid(65534)
        with Cache(10, shared=place) as cache:
            cache["a"] = b"1"
        os.chmod(place, 0o400)
        with pytest.raises(AccessError):
            Cache(10, shared=place)
        with Cache(shared=place, read_only=True) as looker:
            assert looker["a"] == b"1"

    in_child(somebody)


READER = """
import sys
from cachecore import Cache
with Cache(shared=sys.argv[1], read_only=True) as cache:
    print(cache.get("a"), len(cache), cache.shared_info().processes)
"""


def test_other_processes(place: str) -> None:
    with Cache(10, shared=place) as cache, Cache(shared=place, read_only=True) as looker:
        cache["a"] = b"1"
        assert in_program(READER, place) == "b'1' 1 1"

        def child() -> None:
            assert looker["a"] == b"1"
            with pytest.raises(ReadOnlyError):
                looker["a"] = b"2"
            looker.close()

        in_child(child)
        assert looker["a"] == b"1"


def test_it_reads_beside_those_who_are_killed(place: str) -> None:
    with Cache(10_000, shared=place) as cache:
        cache.set_many({f"canary {number}": b"x" * number for number in range(300)})

    def write() -> None:
        own = Cache(10_000, shared=place)
        for number in itertools.count():
            own[f"key {number % 1000}"] = b"y" * (number % 500)

    with Cache(shared=place, read_only=True) as looker:
        for _ in range(10):
            writer = forked(write)
            for number in itertools.count():
                if (value := looker.get(f"key {number % 1000}")) is not None:
                    assert value == b"y" * len(value)
                    break
            kill(writer)
            # A write in flight may have locked a bucket, whose entries are missed.
            found = looker.get_many([f"canary {number}" for number in range(300)])
            assert len(found) >= 280 and all(value == b"x" * int(key[7:]) for key, value in found.items())
            assert len(list(looker)) >= 280


def test_a_cache_of_another_boot(place: str) -> None:
    with Cache(10, shared=place) as cache:
        cache["a"] = b"1"
    leave_to_another_boot(place)
    before = digest(place)
    with pytest.raises(LayoutError, match="earlier boot: a process that writes must open it first"):
        Cache(shared=place, read_only=True)
    assert digest(place) == before
    Cache(10, shared=place).close()
    with Cache(shared=place, read_only=True) as looker:
        assert looker["a"] == b"1"


def test_who_may_not(place: str) -> None:
    with Cache(10, shared=place) as cache:
        cache["a"] = b"1"
    os.chmod(place, 0o622)
    with pytest.raises(AccessError):
        Cache(shared=place, read_only=True)
    os.truncate(place, 100)
    os.chmod(place, 0o600)
    with pytest.raises(LayoutError):
        Cache(shared=place, read_only=True)


def test_options_are_passed_on(place: str) -> None:
    from cachecore.options import Options  # noqa: PLC0415

    options: Options = {"shared": place, "read_only": True}
    Cache(10, shared=place).close()
    looker: Cache[Any, bytes] = Cache(**options)
    assert looker.read_only
    looker.close()
