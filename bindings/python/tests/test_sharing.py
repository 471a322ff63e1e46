"""Caches that processes share: through a path, a name, and over fork."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from processes import ended, forked, in_child, in_program

from cachecore import NEVER, Cache
from cachecore.errors import AccessError, LayoutError, StateError


OTHER = """
import sys
from cachecore import Cache
cache = Cache(1000, shared=sys.argv[1], serializer="json")
print(cache.get("greeting"), cache.shared_info().processes)
cache["answer"] = 42
"""


def test_programs_share_a_path(place: str) -> None:
    cache = Cache(1000, shared=place, serializer="json")
    cache["greeting"] = "hello"
    assert in_program(OTHER, place) == "hello 2"
    assert cache["answer"] == 42
    assert cache.stats().hits == 2
    cache.close()
    # Warm for whoever comes next.
    again = Cache(1000, shared=Path(place), serializer="json")
    assert again["answer"] == 42
    assert again.shared_info().warm
    assert Cache(1000, shared=place, ttl=5, serializer="json").default_ttl == again.default_ttl == NEVER


def test_a_name_is_a_file_in_memory() -> None:
    name = f"pytest-{os.getpid()}"
    path = Path(f"/dev/shm/cachecore-{os.geteuid()}-{name}")
    try:
        cache = Cache(1000, shared=name)
        cache["a"] = b"1"
        assert path.exists()
        assert Cache(1000, shared=str(path))["a"] == b"1"
    finally:
        path.unlink(missing_ok=True)


def test_children_share_what_has_no_name() -> None:
    cache = Cache(1000, shared=":memory:")
    cache["a"] = b"1"

    def child() -> None:
        assert cache["a"] == b"1"
        cache["b"] = b"2"

    in_child(child)
    assert cache["b"] == b"2"


def test_a_killed_worker_costs_nothing(place: str) -> None:
    cache = Cache(100_000, shared=place)
    for number in range(300):
        cache[f"canary {number}"] = b"x" * number

    def child() -> None:
        own = Cache(100_000, shared=place)
        number = 0
        while True:
            own[f"key {number % 1000}"] = b"y" * (number % 500)
            number += 1

    for _ in range(10):
        worker = forked(child)
        cache.get("canary 1")
        os.waitpid(worker, os.WNOHANG)
        cache["between"] = b"z"
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
    assert all(cache[f"canary {number}"] == b"x" * number for number in range(300))
    assert cache.shared_info().processes == 1


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(place: str, method: str) -> None:
    cache = Cache(1000, shared=place)
    cache["a"] = b"1"
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        assert pool.map(_reads, [place] * 4) == [b"1"] * 4
    assert cache["written"] == b"2"


def _reads(place: str) -> bytes:
    cache = Cache(1000, shared=place)
    cache["written"] = b"2"
    return cache["a"]


def test_what_may_be_there(place: str) -> None:
    Path(place).write_bytes(b"something else, longer than a word")
    with pytest.raises(LayoutError, match="no cache"):
        Cache(1000, shared=place)
    Path(place).write_bytes(b"")
    os.chmod(place, 0o666)
    with pytest.raises(AccessError):
        Cache(1000, shared=place)
    os.chmod(place, 0o600)
    cache = Cache(1000, shared=place)
    with pytest.raises(StateError):
        Cache(1000, shared=place, no_evict=True)
    with pytest.raises(ValueError):
        Cache(1000, shared=place, on_removal=print)
    with pytest.raises(TypeError):
        Cache(1000, shared=3)  # type: ignore[arg-type]
    for wrong in ("", "a\0b"):
        with pytest.raises(ValueError):
            Cache(1000, shared=wrong)
    cache.close()


def test_a_private_cache_is_not_shared() -> None:
    with pytest.raises(StateError):
        Cache(1000).shared_info()


def test_one_computes_over_all_processes(place: str) -> None:
    cache = Cache(1000, shared=place)
    calls = Cache(1000, shared=":memory:")

    def work() -> None:
        own = Cache(1000, shared=place)
        for number in range(50):

            def compute(key: object = None, number: int = number) -> bytes:
                calls.increment(f"{number}")
                return b"value"

            assert own.get_or_set(f"key {number}", compute) == b"value"

    assert ended(*[forked(work) for _ in range(4)]) == [0] * 4
    assert [calls[f"{number}"] for number in range(50)] == [b"1"] * 50
    cache.close()
