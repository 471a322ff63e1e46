"""The backends on a cache that processes share."""

# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from processes import in_child


def _cachelib(place: str) -> Any:
    from cachecore.contrib.cachelib import CacheCoreCache

    return CacheCoreCache(shared=place)


def _django(place: str) -> Any:
    from django.conf import settings

    if not settings.configured:
        settings.configure()
    from cachecore.contrib.django import CacheCoreCache

    return CacheCoreCache(place, {"OPTIONS": {"SHARED": place}})


def _dogpile(place: str) -> Any:
    from dogpile.cache import make_region

    from cachecore.contrib.dogpile import register

    register()
    return make_region().configure("cachecore", arguments={"shared": place})


@pytest.mark.parametrize("make", [_cachelib, _django, _dogpile])
def test_a_child_sees_what_its_parent_stored(make: Callable[[str], Any], place: str) -> None:
    cache = make(place)
    cache.set("a", {"name": "x"})

    def child() -> None:
        assert make(place).get("a") == {"name": "x"}
        make(place).set("b", [1, 2])

    in_child(child)
    assert cache.get("b") == [1, 2]
