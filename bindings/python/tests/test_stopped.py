"""A cache whose shard a stopped process has locked: nobody waits for it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from processes import forked, kill

from cachecore import Cache, cached
from cachecore.errors import TimedOutError

#: Most of the time that it takes to store one is spent with the shard's lock.
LARGE = bytes(4 << 20)


class Stopped(NamedTuple):
    cache: Cache[Any, bytes]
    child: int


@pytest.fixture
def stopped(place: str) -> Iterator[Stopped]:
    """A cache of one shard, and the process that was stopped with the shard's lock."""
    cache: Cache[Any, bytes] = Cache(max_bytes=64 << 20, shards=1, shared=place)

    def store() -> None:
        while True:
            cache["large"] = LARGE

    child = forked(store)
    try:
        for _ in range(1000):
            cache["key"] = b"old"
            before = cache.stats().updates
            while cache.stats().updates < before + 2:  # it is under way
                time.sleep(random.random() / 1000)
            os.kill(child, signal.SIGSTOP)
            os.waitpid(child, os.WUNTRACED)
            try:
                cache["key"] = b"new"
            except TimedOutError:
                break
            os.kill(child, signal.SIGCONT)
        else:
            pytest.fail("never stopped with the lock")
        yield Stopped(cache, child)
    finally:
        kill(child)


def test_writes_time_out_and_reads_miss(stopped: Stopped) -> None:
    cache = stopped.cache
    assert cache.get("key") is None
    with pytest.raises(TimedOutError):
        cache["key"] = b"newer"
    with pytest.raises(TimedOutError):
        del cache["key"]
    assert cache.stats().entries == 2  # as the process left them


def test_values_are_computed_and_not_kept(stopped: Stopped) -> None:
    calls = []

    def compute() -> bytes:
        calls.append(1)
        return b"computed"

    async def compute_later() -> bytes:
        return compute()

    assert stopped.cache.get_or_set("key", compute) == b"computed"
    assert stopped.cache.get_or_set("key", compute, none_ttl=5, stale=5) == b"computed"
    assert asyncio.run(stopped.cache.get_or_set_async("key", compute_later)) == b"computed"
    assert len(calls) == 3


def test_results_are_computed_and_not_kept(stopped: Stopped) -> None:
    @cached(shared=stopped.cache, ttl=50)
    def double(x: int) -> int:
        return 2 * x

    @cached(shared=stopped.cache, ttl=50)
    async def treble(x: int) -> int:
        return 3 * x

    assert [double(2), double(2)] == [4, 4]
    assert asyncio.run(treble(2)) == 6


def test_it_is_used_again_when_the_process_goes_on(stopped: Stopped) -> None:
    cache = stopped.cache
    os.kill(stopped.child, signal.SIGCONT)
    while "large" not in cache:  # stored after the shard was emptied
        time.sleep(0.001)
    assert cache.get("key") is None
    cache["key"] = b"newer"
    assert cache["key"] == b"newer"
