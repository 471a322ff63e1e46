"""``_get_until``, which reads of a tier stand on: a prefix and a key, until a time."""

from __future__ import annotations

from time import monotonic
from typing import Any

import pytest

from cachecore import Cache, ClosedError


def test_a_prefix_and_a_key_until_a_time() -> None:
    with Cache(100) as cache:
        later = monotonic() + 3600
        for name in (b"k", b"", b"x" * 400):
            for content in (b"", b"value", bytes(100_000)):
                cache.set(b"epoch.." + name, content)
                assert cache._get_until((b"epoch..", later), name) == content
        assert cache._get_until((b"epoch..", later), "k") == bytes(100_000)
        hits = cache.stats().hits
        assert cache._get_until((None, later), "k") is None
        assert cache._get_until((b"epoch..", monotonic()), "k") is None
        assert cache._get_until((b"epoch..", 0.0), "k") is None
        assert cache.stats().hits == hits
        assert cache._get_until((b"another", later), "k") is None
        for wrong in (5, None, 1.5):
            with pytest.raises(TypeError):
                cache._get_until((b"epoch..", later), wrong)  # type: ignore[arg-type]
        for wrong in ((b"epoch..", "soon"), (b"epoch..",), None, (5, later)):
            with pytest.raises((TypeError, ValueError)):
                cache._get_until(wrong, "k")  # type: ignore[arg-type]
    with pytest.raises(ClosedError):
        cache._get_until((b"epoch..", later), "k")


def test_values_are_loaded() -> None:
    with Cache[Any](100, serializer="json") as cache:
        cache.set("ab", [1])
        assert cache._get_until((b"a", monotonic() + 60), "b") == [1]
