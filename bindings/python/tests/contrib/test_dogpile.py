"""dogpile.cache; its own tests are run by tests/compat_frameworks."""

from __future__ import annotations

import pytest

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
