"""What the tests of the cleanup task share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cachecore import Cache
from cachecore_services.cleanup import (
    CacheCleanupTask,
    NothingToSweep,
    start_cache_cleanup,
    stop_cache_cleanup,
)
from cachecore.contrib.cleanup import NothingSwept


@pytest.fixture
def cache() -> Cache[bytes]:
    """A cache with real time."""
    return Cache(1000)


@pytest.fixture
def task(cache: Cache[bytes]) -> CacheCleanupTask:
    return CacheCleanupTask(cache, interval=0.05)


def expired(cache: Cache[bytes], count: int) -> None:
    """Stores entries that have expired when this returns."""
    for number in range(count):
        cache.set(f"expired-{number}", b"", ttl=0.001)
    while any(cache.contains(f"expired-{number}") for number in range(count)):
        pass


async def eventually(condition: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while True:
            holds = condition()
            if holds is True or (not isinstance(holds, bool) and await holds):
                return
            await asyncio.sleep(0.002)


class Scripted(NothingToSweep):
    """A sweeper that does what a test wants."""

    def __init__(self, *outcomes: int | Exception, **status: Any) -> None:
        super().__init__()
        self.outcomes = list(outcomes)
        self.now = NothingSwept(**status)
        self.calls: list[str] = []

    @property
    def sweeper(self) -> Scripted:
        return self

    def status(self) -> NothingSwept:
        return self.now

    def trigger(self) -> int:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        run, removed = self.now.sweeps_run + 1, self.now.entries_removed + outcome
        self.now = NothingSwept(sweeps_run=run, entries_removed=removed, last_removed=outcome)
        return outcome


@asynccontextmanager
async def one_for_the_process(cache: Cache[bytes]) -> AsyncIterator[CacheCleanupTask]:
    try:
        yield await start_cache_cleanup(cache, interval=60, enabled=True)
    finally:
        await stop_cache_cleanup()
