"""What the tests of the integrations share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cachecore import Cache


@pytest.fixture
def cache() -> Iterator[Cache[bytes]]:
    """A cache whose time the test moves."""
    with Cache(1000, ttl=3600, manual_clock=True) as cache:
        yield cache


def used(cache: Cache[bytes]) -> None:
    """Three inserts, one update, two hits, one miss, one delete, one expiration."""
    for key in ("a", "b", "a", "c"):
        cache.set(key, b"value", ttl=1 if key == "c" else None)
    for key in ("a", "b", "absent"):
        cache.get(key)
    cache.delete("b")
    cache.advance_clock(2)
    cache.cleanup_expired()
