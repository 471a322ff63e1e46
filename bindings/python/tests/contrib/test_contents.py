"""What holds for every backend: counting, and values for which there is no room."""

# mypy: disable-error-code="import-untyped,no-untyped-call"

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from cachecore import Cache, NoMemoryError
from cachecore.contrib.contents import Contents

HUGE = "s3cr3t" * 50_000


class Backend(NamedTuple):
    """A framework's cache, called in one way."""

    set: Callable[[str, Any], object]
    get: Callable[[str], Any]  #: None if it is not there
    set_many: Callable[[dict[str, Any]], object]
    add: Callable[[str, Any], object] | None = None
    increment: Callable[[str, Any], Any] | None = None
    key: str = "{}"  #: what the engine sees


def django(cache: Cache[bytes]) -> Backend:
    settings = pytest.importorskip("django.conf").settings
    if not settings.configured:
        settings.configure(USE_TZ=True)
    from cachecore.contrib import django as backend

    backend._by_location["contents"] = cache
    made = backend.CacheCoreCache("contents", {})
    backend._by_location.clear()
    return Backend(made.set, made.get, made.set_many, made.add, made.incr, ":1:{}")


def cachelib(cache: Cache[bytes]) -> Backend:
    pytest.importorskip("cachelib")
    from cachecore.contrib.cachelib import CacheCoreCache

    made = CacheCoreCache(cache=cache)
    return Backend(made.set, made.get, made.set_many, made.add, made.inc)


def flask(cache: Cache[bytes]) -> Backend:
    pytest.importorskip("flask_caching")
    from cachecore.contrib.flask import CacheCoreCache

    made = CacheCoreCache(cache=cache)
    return Backend(made.set, made.get, made.set_many, made.add, made.inc)


def dogpile(cache: Cache[bytes]) -> Backend:
    regions = pytest.importorskip("dogpile.cache")
    from cachecore.contrib import dogpile as backend

    backend.register()
    region = regions.make_region().configure("cachecore", arguments={"cache": cache})
    return Backend(region.set, lambda key: region.get(key) or None, region.set_multi)


def aiocache(cache: Cache[bytes]) -> Backend:
    pytest.importorskip("aiocache")
    from cachecore.contrib.aiocache import CacheCoreCache

    made = CacheCoreCache(cache=cache)

    def run(method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: asyncio.run(method(*arguments))

    return Backend(
        run(made.set),
        run(made.get),
        lambda pairs: asyncio.run(made.multi_set(list(pairs.items()))),
        run(made.add),
        run(made.increment),
    )


BACKENDS = [django, cachelib, flask, dogpile, aiocache]
every_backend = pytest.mark.parametrize("make", BACKENDS)
Make = Callable[[Cache[bytes]], Backend]


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged since the last time, none of which shows a key or a value."""
    records = list(caplog.records)
    caplog.clear()
    assert not any("s3cr3t" in str(vars(record)) for record in records)
    return [record.getMessage() for record in records if record.name.startswith("cachecore")]


@every_backend
def test_a_value_too_large_is_logged_and_not_stored(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    backend = make(Cache(max_bytes=65536))
    backend.set("s3cr3t", "older")
    backend.set("s3cr3t", HUGE)
    assert backend.get("s3cr3t") is None and events(caplog) == ["value_too_large"]
    backend.set("s3cr3t", "older")
    backend.set_many({"s3cr3t": HUGE, "small": "kept", "s3cr3t-too": HUGE})
    assert backend.get("s3cr3t") is None and backend.get("small") == "kept"
    assert events(caplog) == ["value_too_large"]
    if backend.add:
        backend.add("s3cr3t", HUGE)
        assert backend.get("s3cr3t") is None and events(caplog) == ["value_too_large"]


@every_backend
def test_a_full_cache_that_must_not_evict(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    backend = make(Cache(2, no_evict=True, shards=1))
    for key in ("a", "b", "c"):
        backend.set(key, "value")
    backend.set_many({"s3cr3t": "value", "b": "newer", "other": "value"})
    assert [backend.get(key) for key in ("a", "b", "c", "s3cr3t")] == ["value", "newer", None, None]
    assert events(caplog) == ["cache_full", "cache_full"]
    if backend.add:
        backend.add("s3cr3t", "value")
        assert events(caplog) == ["cache_full"]


def test_a_value_without_memory_displaces_the_older(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The engine keeps the older one if it must not evict."""
    cache = Cache(10, no_evict=True)
    cache["s3cr3t"] = b"older"

    def refused(*_: object) -> None:
        raise NoMemoryError("no")

    monkeypatch.setattr(Cache, "set", refused)
    assert Contents(cache).set("s3cr3t", b"newer", 60) is False
    assert "s3cr3t" not in cache and events(caplog) == ["no_memory"]


@pytest.mark.filterwarnings("ignore:Cache key will cause errors")  # Django, of memcached
@every_backend
def test_what_is_wrong_with_a_key_is_said(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """It is no lack of room."""
    backend = make(Cache(10))
    for key in ("k" * 70_000, *([""] if make in (cachelib, flask, aiocache) else [])):
        for attempt in (lambda: backend.set(key, 1), lambda: backend.set_many({"a": 1, key: 1})):
            with pytest.raises(ValueError, match="1 to 65535 bytes"):
                attempt()
    assert backend.get("a") and events(caplog) == []


class Slowly(int):
    """A number that takes its time to be added."""

    cache: Cache[bytes]

    def __radd__(self, other: int) -> int:
        self.cache.advance_clock(1)
        return other + int(self)


@pytest.mark.parametrize("make", [django, cachelib, flask])
def test_counting_keeps_the_deadline(make: Make, cache: Cache[bytes]) -> None:
    """However long it takes, and however often."""
    backend, Slowly.cache = make(cache), cache
    assert backend.increment is not None
    backend.set("count", 0)
    key = backend.key.format("count")
    assert cache.touch(key, 100)
    for counted in range(1, 51):
        assert backend.increment("count", Slowly(1)) == counted
        assert cache.ttl(key) == 100 - counted
    cache.advance_clock(50)
    assert backend.get("count") is None


@pytest.mark.parametrize("make", [aiocache])
def test_an_asynchronous_counter_keeps_the_deadline(make: Make, cache: Cache[bytes]) -> None:
    backend = make(cache)
    assert backend.increment is not None
    backend.set("count", 0)
    cache.touch("count", 100)
    for counted in range(1, 51):
        cache.advance_clock(1)
        assert backend.increment("count", 1) == counted and cache.ttl("count") == 100 - counted


@pytest.mark.parametrize("make", [django, cachelib, flask, aiocache])
def test_no_increment_is_lost(make: Make) -> None:
    """Nor is one while others write the deadline anew."""
    cache: Cache[bytes] = Cache(10)
    backend = make(cache)
    assert backend.increment is not None
    increment = backend.increment
    backend.set("count", 0)

    def count() -> None:
        for turn in range(200):
            increment("count", 1)
            if turn % 10 == 0:
                cache.touch(backend.key.format("count"), 60)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert int(backend.get("count")) == 800


def test_a_sum_without_room_is_returned(caplog: pytest.LogCaptureFixture) -> None:
    backend = cachelib(Cache(max_bytes=65536))
    assert backend.increment is not None
    backend.set("s3cr3t", "s3cr3t")
    assert backend.increment("s3cr3t", HUGE) == "s3cr3t" + HUGE
    assert backend.get("s3cr3t") is None and events(caplog) == ["value_too_large"]


def test_a_compared_value_whose_time_is_over() -> None:
    cache: Cache[bytes] = Cache(10)
    contents = Contents(cache)
    cache["key"] = b"older"
    info = cache.inspect("key")
    assert info is not None
    assert not contents.compare_and_set("key", b"newer", info.version + 1, -1)
    assert cache.get("key") == b"older"
    assert contents.compare_and_set("key", b"newer", info.version, -1)
    assert cache.get("key") is None
