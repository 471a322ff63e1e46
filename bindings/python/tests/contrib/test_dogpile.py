"""dogpile.cache; its own tests are run by tests/compat_frameworks."""

from __future__ import annotations

import threading
import time

import pytest
from concurrent_calls import run_threads

from cachecore import NEVER, Cache

dogpile = pytest.importorskip("dogpile.cache")

from cachecore.contrib import dogpile as backend  # noqa: E402

backend.register()


def test_a_region(cache: Cache[bytes]) -> None:
    region = dogpile.make_region().configure("cachecore", arguments={"cache": cache, "ttl": 60})
    made: list[int] = []

    @region.cache_on_arguments()  # type: ignore[untyped-decorator, unused-ignore]
    def double(number: int) -> int:
        made.append(number)
        return number * 2

    assert [double(2), double(2), double(3)] == [4, 4, 6] and made == [2, 3]
    region.set_multi({"a": 1, "b": None})
    assert region.get_multi(["a", "b", "c"]) == [1, None, dogpile.api.NO_VALUE]
    assert cache.ttl("a") == 60
    region.delete_multi(["a", "b"])
    assert region.get("a") is dogpile.api.NO_VALUE


def test_it_is_bounded() -> None:
    region = dogpile.make_region().configure("cachecore", arguments={"max_entries": 10})
    region.set_multi({str(number): number for number in range(100)})
    assert len(region.backend.cache) == 10
    region.set("key", 1)
    assert region.backend.cache.ttl("key") == NEVER


def test_bounds() -> None:
    default = backend.CacheCoreBackend({}).cache.stats()
    assert (default.entries_limit, default.bytes_limit) == (10_000, 0)
    assert backend.CacheCoreBackend({"max_bytes": 1 << 20}).cache.stats().entries_limit == 0


def test_one_creates_for_all_regions_of_a_cache(cache: Cache[bytes]) -> None:
    made: list[int] = []

    def create() -> int:
        made.append(1)
        time.sleep(0.05)
        return 7

    regions = [
        dogpile.make_region().configure("cachecore", arguments={"cache": cache}) for _ in range(2)
    ]

    def work(number: int) -> None:
        assert regions[number % 2].get_or_create("k", create) == 7

    assert run_threads(8, work) == []
    assert len(made) == 1 and len(cache) == 1


@pytest.mark.parametrize("how", ["delete", "delete_multi", "set"])
def test_what_is_invalidated_while_it_is_created_is_not_stored(
    cache: Cache[bytes], how: str
) -> None:
    region = dogpile.make_region().configure("cachecore", arguments={"cache": cache})

    def invalidate() -> None:
        if how == "set":
            region.set("k", "newer")
        elif how == "delete":
            region.delete("k")
        else:
            region.delete_multi(["k"])

    def create() -> str:
        other = threading.Thread(target=invalidate)
        other.start()
        other.join(60)
        return "old"

    assert region.get_or_create("k", create) == "old"
    assert region.get("k") == ("newer" if how == "set" else dogpile.api.NO_VALUE)


def test_the_old_value_serves_while_one_creates(cache: Cache[bytes]) -> None:
    region = dogpile.make_region().configure("cachecore", 0.05, {"cache": cache, "ttl": 60})
    region.set("k", "old")
    time.sleep(0.1)
    entered, go = threading.Event(), threading.Event()

    def create() -> str:
        entered.set()
        assert go.wait(60)
        return "new"

    def work(number: int) -> None:
        if number == 0:
            assert region.get_or_create("k", create) == "new"
        else:
            assert entered.wait(60)
            assert region.get_or_create("k", create) == "old"
            go.set()

    assert run_threads(2, work) == []


def test_a_creation_that_fails_is_given_up(cache: Cache[bytes]) -> None:
    region = dogpile.make_region().configure("cachecore", arguments={"cache": cache})
    with pytest.raises(ZeroDivisionError):
        region.get_or_create("k", lambda: 1 // 0)
    assert region.get_or_create("k", lambda: 7) == 7
    values = region.get_or_create_multi(["a", "k", "b"], lambda *keys: [f"made {k}" for k in keys])
    assert values == ["made a", 7, "made b"] and region.backend.creations == {}
