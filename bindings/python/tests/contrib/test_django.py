"""Django's cache framework; its own tests are run by tests/compat_frameworks."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cachecore import NEVER, Cache

pytest.importorskip("django")

from django.conf import settings  # noqa: E402

if not settings.configured:
    settings.configure(USE_TZ=True)

from cachecore.contrib import django as backend  # noqa: E402


@pytest.fixture
def at(cache: Cache[bytes]) -> Iterator[str]:
    """A location whose time the test moves."""
    backend._by_location["here"] = cache
    yield "here"
    backend._by_location.clear()


def opened(location: str, **params: Any) -> Any:
    return backend.CacheCoreCache(location, params)


def test_timeouts_are_djangos(at: str, cache: Cache[bytes]) -> None:
    django = opened(at, TIMEOUT=300)
    django.set("default", 1)
    django.set("ever", 1, None)
    django.set("short", 1, 0.5)
    assert [cache.ttl(f":1:{key}") for key in ("default", "ever", "short")] == [300, NEVER, 0.5]
    for over in (0, -1):
        django.set("default", 2, over)
        assert "default" not in django
        assert django.add("new", 1, over) is True and "new" not in django
    assert django.touch("ever", 7) and cache.ttl(":1:ever") == 7
    assert django.touch("ever", 0) and "ever" not in django
    assert opened(at, TIMEOUT=None).set("k", 1) is None and cache.ttl(":1:k") == NEVER


def test_none_is_a_value(at: str) -> None:
    django = opened(at)
    django.set("none", None)
    assert django.get("none", "default") is None
    assert django.get_or_set("none", "other") is None
    assert django.get_many(["none", "absent"]) == {"none": None}


def test_many_keys_of_one_name(at: str) -> None:
    django = opened(at)
    django.set("1", "one")
    assert django.get_many([1, "1"]) == {1: "one", "1": "one"}  # as Django's own do


def test_aliases_of_one_location_share_a_cache() -> None:
    one, two, other = opened("a"), opened("a", KEY_PREFIX="p"), opened("b")
    one.set("key", 1)
    assert (two.get("key"), other.get("key")) == (None, None)
    assert one.engine is two.engine is not other.engine
    two.clear()
    assert one.get("key") is None
    backend._by_location.clear()


def test_bounds_come_from_the_options() -> None:
    django = opened("bounded", OPTIONS={"MAX_ENTRIES": 10, "MAX_BYTES": 1 << 20})
    stats = django.engine.stats()
    assert (stats.entries_limit, stats.bytes_limit) == (10, 1 << 20)
    assert opened("default").engine.stats().entries_limit == 10_000
    django.set_many({str(number): number for number in range(100)})
    assert len(django.engine) == 10
    backend._by_location.clear()


def test_a_value_too_large_is_not_stored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    django = opened("small", OPTIONS={"MAX_BYTES": 65536})
    django.set("key", 1)
    django.set("key", b"x" * 100_000)
    assert django.get("key") is None and caplog.messages == ["value_too_large"]
    assert django.set_many({"a": 1, "b": b"x" * 100_000}) == ["b"]
    assert django.get_many(["a", "b"]) == {"a": 1}
    assert django.add("c", b"x" * 100_000) is False
    backend._by_location.clear()


def test_incr_is_atomic_and_keeps_the_deadline(at: str, cache: Cache[bytes]) -> None:
    django = opened(at)
    django.set("count", 0, 100)
    cache.advance_clock(40)

    def count() -> None:
        for _ in range(200):
            django.incr("count")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert django.get("count") == 800 and cache.ttl(":1:count") == 60
    assert django.decr("count", 10**20) == 800 - 10**20
    with pytest.raises(ValueError, match="not there"):
        django.incr("absent")
    django.set("text", "x")
    with pytest.raises(TypeError):
        django.incr("text")


def test_a_default_is_called_once_for_all(at: str) -> None:
    django = opened(at)
    calls: list[int] = []
    found: list[object] = []

    def default() -> list[int]:
        calls.append(1)
        time.sleep(0.05)
        return [7]

    def ask() -> None:
        found.append(django.get_or_set("k", default, 100))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [[7]] * 8 and len(calls) == 1
    assert len(set(map(id, found))) == 8  # copies, as from get


def test_what_is_deleted_while_it_is_computed_is_not_stored(at: str) -> None:
    django = opened(at)

    def default() -> int:
        django.delete("k")
        return 7

    assert django.get_or_set("k", default) == 7 and "k" not in django
    assert asyncio.run(django.aget_or_set("k", default)) == 7 and "k" not in django


def test_get_or_set_as_django_has_it(at: str, cache: Cache[bytes]) -> None:
    django = opened(at)
    assert django.get_or_set("k", 1, 50) == 1 and cache.ttl(":1:k") == 50
    assert django.get_or_set("k", 2) == 1 and django.get_or_set("k", 2, version=2) == 2
    assert django.get_or_set("over", lambda: 3, 0) == 3 and "over" not in django
    with pytest.raises(ZeroDivisionError):
        django.get_or_set("failed", lambda: 1 // 0)
    assert "failed" not in django


def test_get_or_set_without_room(caplog: pytest.LogCaptureFixture) -> None:
    django = opened("tiny", OPTIONS={"MAX_BYTES": 65536})
    large = b"x" * 100_000
    assert django.get_or_set("k", lambda: large) == large and "k" not in django
    assert caplog.messages == ["value_too_large"]
    backend._by_location.clear()


async def test_asynchronous_methods_stay_on_their_thread(at: str) -> None:
    django = opened(at)
    before = threading.active_count()
    await django.aset("a", 1)
    assert await django.aadd("a", 2) is False and await django.aget("a") == 1
    assert await django.aset_many({"b": 2, "c": 3}) == []
    assert await django.aget_many(["a", "b", "x"]) == {"a": 1, "b": 2}
    assert await django.aincr("a") == 2 and await django.adecr("a") == 1
    assert await django.ahas_key("a") and await django.atouch("a", 5)
    assert await django.aget_or_set("d", lambda: 4) == 4
    assert await django.adelete("a") and await django.adelete("a") is False
    await django.adelete_many(["b"])
    await django.aclear()
    assert await django.aget("c") is None
    await django.aclose()
    assert threading.active_count() == before
