"""What has left a cache, and why."""

from __future__ import annotations

import itertools
import logging
import sys
from typing import Any

import pytest
from conftest import eventually

from cachecore import Cache, Cause, ObjectCache, Removal, StateError


def test_taken() -> None:
    with Cache(2, shards=1, manual_clock=True, report_removals=True) as cache:
        assert cache.take_removals() == []
        cache.set("a", b"1")
        cache.set("a", b"2")
        cache.set("b", b"3", ttl=1)
        cache.delete("a")
        cache.advance_clock(1)
        cache.cleanup_expired()
        cache.update(c=b"4", d=b"5", e=b"6")
        assert cache.take_removals() == [
            Removal(b"a", b"1", Cause.REPLACED),
            Removal(b"a", b"2", Cause.DELETED),
            Removal(b"b", b"3", Cause.EXPIRED),
            Removal(b"c", b"4", Cause.EVICTED),
        ]
        cache.set("large", bytes(1_000_000))
        cache.clear()
        assert sorted(cache.take_removals())[-1] == (b"large", bytes(1_000_000), Cause.DELETED)
        assert cache.stats().removals_lost == 0


def test_not_asked_for(cache: Cache) -> None:
    with pytest.raises(StateError):
        cache.take_removals()
    with pytest.raises(StateError):
        cache.deliver_removals()
    with pytest.raises(TypeError, match="on_removal must be callable"):
        Cache(1, on_removal=1)  # type: ignore[arg-type]


def test_a_listener_hears_of_every_write() -> None:
    heard: list[tuple[bytes, object, Cause]] = []
    with Cache(
        2, shards=1, serializer="json", on_removal=lambda *what: heard.append(what)
    ) as cache:

        def last() -> object:
            return heard.pop() if heard else None

        cache.set("a", 1)
        assert last() is None
        cache.set("a", 2)
        assert last() == (b"a", 1, Cause.REPLACED)
        cache["a"] = 3
        assert last() == (b"a", 2, Cause.REPLACED)
        cache.increment("a")
        assert last() == (b"a", 3, Cause.REPLACED)
        cache.replace("a", 5)
        assert last() == (b"a", 4, Cause.REPLACED)
        del cache["a"]
        assert last() == (b"a", 5, Cause.DELETED)
        cache.set_many({"b": 1, "c": 2, "d": 3})
        assert last() == (b"b", 1, Cause.EVICTED)
        cache.add("e", 4)
        assert last() == (b"c", 2, Cause.EVICTED)
        cache.delete_many(["d"])
        assert last() == (b"d", 3, Cause.DELETED)
        cache.delete_prefix("e")
        assert last() == (b"e", 4, Cause.DELETED)
        cache.set("f", 5)
        cache.pop("f")
        assert last() == (b"f", 5, Cause.DELETED)
        cache.set("g", 6)
        cache.clear()
        assert last() == (b"g", 6, Cause.DELETED)
        cache.update(h=7, i=8)
        cache.resize(1)
        assert last() == (b"h", 7, Cause.EVICTED)
        assert heard == []
    assert heard == []  # closing is no removal


def test_the_sweepers_removals_wait_for_somebody() -> None:
    heard: list[bytes] = []
    with Cache(10, on_removal=lambda key, value, cause: heard.append(key)) as cache:
        cache.sweeper.start(interval=0.01)
        cache.set("k", b"v", 0.01)
        assert eventually(lambda: cache.stats().expirations == 1)
        assert heard == []
        cache.deliver_removals()
        assert heard == [b"k"]


def test_a_listener_that_writes() -> None:
    depth = most = 0
    heard: list[bytes] = []

    def listener(key: bytes, value: bytes, cause: Cause) -> None:
        nonlocal depth, most
        depth += 1
        most = max(most, depth)
        heard.append(key)
        if len(heard) < 2000:
            cache.set(f"{len(heard)}", b"")
        depth -= 1

    with Cache(1, shards=1, on_removal=listener) as cache:
        cache.set("first", b"")
        cache.set("second", b"")
        assert len(heard) == 2000 and most == 1


def test_a_listener_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    def listener(key: bytes, value: bytes, cause: Cause) -> None:
        raise ZeroDivisionError

    with Cache(10, on_removal=listener) as cache, caplog.at_level(logging.ERROR, "cachecore"):
        cache.set("k", b"")
        assert cache.delete("k") is True
    assert caplog.messages == ["a removal listener failed (deleted)"]


class Interrupt(BaseException): ...


@pytest.mark.parametrize("kind", [Cache, ObjectCache])
def test_interrupted_on_the_way_to_the_listener(kind: Any) -> None:
    """A signal handler may raise when any call has returned: what leaves afterwards is told."""
    heard: list[object] = []

    def write(cache: Any, limit: int) -> bool:
        calls = 0

        def profile(frame: Any, event: str, argument: object) -> None:
            nonlocal calls
            if event == "c_return" and frame.f_code.co_filename.endswith("removals.py"):
                calls += 1
                if calls > limit:
                    raise Interrupt

        before = sys.getprofile()
        sys.setprofile(profile)
        try:
            cache.set("a", b"")
        except Interrupt:
            return False
        finally:
            sys.setprofile(before)
        return True

    with kind(1, on_removal=lambda *removal: heard.append(removal)) as cache:
        for limit in itertools.count():
            completed = write(cache, limit)
            cache.set("b", b"")
            heard.clear()
            cache.set("c", b"")
            assert len(heard) == 1, limit
            if completed:
                break
        assert limit > 1


def test_a_value_that_cannot_be_loaded(caplog: pytest.LogCaptureFixture) -> None:
    """It does not keep the others from the listener, nor reach whoever wrote."""

    class Picky:
        dumps = staticmethod(str.encode)

        @staticmethod
        def loads(content: bytes) -> str:
            if content == b"bad":
                raise ZeroDivisionError
            return content.decode()

    heard: list[tuple[bytes, str]] = []
    with Cache(
        10, serializer=Picky, on_removal=lambda key, value, cause: heard.append((key, value))
    ) as cache:
        cache.update(a="good", b="bad", c="good")
        cache.clear()
    assert sorted(heard) == [(b"a", "good"), (b"c", "good")]
    assert caplog.messages == ["a removal listener failed (deleted)"]


def test_a_listener_that_closes() -> None:
    with Cache(10, on_removal=lambda *what: cache.close()) as cache:
        cache.update(a=b"", b=b"")
        cache.clear()
        assert cache.closed
