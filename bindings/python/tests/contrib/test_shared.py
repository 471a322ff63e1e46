"""The backends on a cache that processes share."""

# mypy: disable-error-code="import-not-found,import-untyped"

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def place() -> Iterator[str]:
    path = f"/dev/shm/cachecore-pytest-contrib-{os.getpid()}"
    yield path
    Path(path).unlink(missing_ok=True)


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
    child = os.fork()
    if child == 0:
        try:
            assert make(place).get("a") == {"name": "x"}
            make(place).set("b", [1, 2])
        except BaseException:  # whatever it is, it is told by the status
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert cache.get("b") == [1, 2]
