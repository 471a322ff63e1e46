"""What is being loaded right now: one load for all who ask for a key at the same time.

An invalidation is stronger than a load under way.  What was invalidated while it was being
loaded is given to those who asked before, and is not kept; who asks afterwards begins a new load.

This is for what is kept elsewhere, and slowly, as in Redis.  What is kept in a cache of the engine needs no more
than its ``get_or_set_async``.

Who loads is said by the claims of a cache that refuses every value, and so holds nothing.  Those who wait may
be in any event loop; each has an exception of its own; one that is cancelled leaves the load to the others.
Where the engine's library cannot be loaded, each loads for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Hashable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import cachecore

if TYPE_CHECKING:
    from cachecore import ObjectCache

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class _Load(Generic[K]):
    """One that is under way."""

    __slots__ = ("key", "kept", "wanted")

    def __init__(self, key: K) -> None:
        self.key = key
        self.wanted = True  #: not invalidated
        self.kept: asyncio.Future[None] | None = None  #: done once it is, or is not to be


class Loads(Generic[K, V]):
    def __init__(self) -> None:
        self._claims: ObjectCache[K, V] | None = None
        with contextlib.suppress(ImportError):  # no library
            self._claims = cachecore.ObjectCache(max_weight=1, weigher=lambda key, value: 2)
        self._loads: dict[_Load[K], None] = {}

    async def run(
        self, key: K, load: Callable[[], Awaitable[V]], keep: Callable[[V], Awaitable[Any]]
    ) -> V:
        """What ``load`` returns, for this call or for one that asked before and still waits.

        ``keep`` is awaited with it unless the key has been invalidated meanwhile.
        """
        claims = self._claims
        if claims is None:
            return await self._work(key, load, keep)
        while True:
            try:
                return await claims.get_or_set_async(key, lambda: self._work(key, load, keep))
            except asyncio.CancelledError:
                here = asyncio.current_task()
                if here is not None and here.cancelling():
                    raise
                # Somebody has cancelled the load, and not this caller: once more.

    async def _work(
        self, key: K, load: Callable[[], Awaitable[V]], keep: Callable[[V], Awaitable[Any]]
    ) -> V:
        mine = _Load(key)
        self._loads[mine] = None
        try:
            value = await load()
            mine.kept = asyncio.get_running_loop().create_future()
            if mine.wanted:  # a look after ``kept`` is there, so that no invalidation misses it
                await keep(value)
            return value
        finally:
            del self._loads[mine]
            if mine.kept is not None:
                mine.kept.set_result(None)

    def forget(self, matches: Callable[[K], object] | None = None) -> list[asyncio.Future[None]]:
        """Of the loads under way, none that matches will be kept or joined; None: of all.

        From any thread.  Returns what stands for those that are being kept already: an invalidation
        waits for that, then removes what is there.
        """
        keeping = []
        for load in list(self._loads):
            if matches is None or matches(load.key):
                load.wanted = False
                if self._claims is not None:
                    self._claims.delete(load.key)
                if load.kept is not None:
                    keeping.append(load.kept)
        return keeping
