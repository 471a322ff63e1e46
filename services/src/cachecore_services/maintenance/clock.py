"""Time as a runner sees it.

There are two kinds: the wall clock, which says when it is 2 AM and which somebody may set, and the
steady one, which only goes forward and says how long something took.  A ``Moment`` has both.
Nothing in this package asks the system for the time but ``SystemClock``, so that tests move time
themselves: ``ManualClock``.
"""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple, Protocol


class Moment(NamedTuple):
    wall: float  #: seconds since 1970
    steady: float  #: seconds since some fixed moment of this process


class Clock(Protocol):
    def now(self) -> Moment: ...
    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now(self) -> Moment:
        return Moment(time.time(), time.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """Stands still until ``advance``.  For one event loop."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self._now = Moment(wall, 0.0)
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> Moment:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return await asyncio.sleep(0)
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now.steady + seconds, waiting))
        await waiting

    async def advance(self, seconds: float) -> None:
        """Lets so much time pass, waking each sleeper at its moment; tasks run in between."""
        end = self._now.steady + seconds
        await self.settle()
        while due := [moment for moment, _ in self._sleepers if moment <= end]:
            self._step(max(0.0, min(due) - self._now.steady))
            await self.settle()
        self._step(end - self._now.steady)

    def set_wall(self, wall: float) -> None:
        """What setting the system's clock does: no time passes, and nobody is woken."""
        self._now = self._now._replace(wall=wall)

    async def settle(self) -> None:
        """Lets every task run until it waits; not those that wait for a thread."""
        for _ in range(30):
            await asyncio.sleep(0)

    def _step(self, seconds: float) -> None:
        self._now = Moment(self._now.wall + seconds, self._now.steady + seconds)
        sleepers, self._sleepers = self._sleepers, []
        for moment, waiting in sleepers:
            if moment > self._now.steady:
                self._sleepers.append((moment, waiting))
            elif not waiting.done():
                waiting.set_result(None)
