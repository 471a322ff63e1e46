"""Requests for audio: queued by priority, generated a few at a time, and followed to their end.

A request is in one state after the other, and it has been abandoned when it is queued, or being
generated, for longer than a limit: counted from when it got there, so that a long queue does not
kill what has just begun.  Cancelling one really stops its generation.  What has ended is kept
for a day, in a cache, and then forgotten.
"""

from __future__ import annotations

import asyncio
import enum
import itertools
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from cachecore import ObjectCache

from ..maintenance.clock import Clock, SystemClock
from ..maintenance.plain import described
from .audio import AudioCache

log = logging.getLogger("cachecore.narration")

#: Makes audio of a text in a voice.
Generator: TypeAlias = Callable[[str, str], Awaitable[bytes]]

_SHOWN: Final = ("completed", "queued", "generating", "failed")


class State(enum.StrEnum):
    QUEUED = "queued"
    GENERATING = "generating"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Priority(enum.IntEnum):
    HIGH = 1
    NORMAL = 2
    LOW = 3


@dataclass
class NarrationRequest:
    content: str
    voice: str
    priority: Priority
    since: float  #: steady clock, when it came into its state
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    state: State = State.QUEUED
    error: str | None = None
    work: asyncio.Task[None] | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        return {"id": self.id, "status": str(self.state), "voice": self.voice, "error": self.error}


class TooLong(ValueError):
    """The text is longer than is allowed."""


class NarrationRequests:
    """Belongs to one event loop."""

    def __init__(
        self,
        audio: AudioCache,
        generate: Generator,
        *,
        max_concurrent: int = 3,
        max_content_length: int = 10_000,
        keep_finished_hours: float = 24,
        clock: Clock | None = None,
        manual_clock: bool = False,
    ) -> None:
        """clock, manual_clock: of requests, and of the cache of those that have ended, for tests."""
        if max_concurrent < 1:
            raise ValueError("max_concurrent must be at least 1")
        self._audio, self._generate = audio, generate
        self._max_concurrent, self._max_length = max_concurrent, max_content_length
        self._clock: Clock = SystemClock() if clock is None else clock
        self._queue: asyncio.PriorityQueue[tuple[Priority, int, NarrationRequest]]
        self._queue = asyncio.PriorityQueue()
        self._order = itertools.count()
        self._open: dict[str, NarrationRequest] = {}
        self._asked: dict[tuple[str, str], NarrationRequest] = {}
        self.finished: ObjectCache[str, NarrationRequest] = ObjectCache(
            10_000, ttl=keep_finished_hours * 3600, manual_clock=manual_clock
        )
        self._workers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        for _ in range(self._max_concurrent):
            self._workers.append(asyncio.create_task(self._serve()))

    async def stop(self) -> None:
        """Cancels what is open."""
        for request in tuple(self._open.values()):
            self.cancel(request)
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        self.finished.close()

    # -- Asking ----------------------------------------------------------------------------------

    def submit(
        self, content: str, voice: str, priority: Priority = Priority.NORMAL
    ) -> NarrationRequest:
        """Asks for audio.  Whoever asks for what is being made already is given that request."""
        if not content.strip():
            raise ValueError("there is nothing to say")
        if len(content) > self._max_length:
            raise TooLong(f"{len(content)} characters are more than {self._max_length}")
        if (same := self._asked.get((content, voice))) is not None:
            return same
        request = NarrationRequest(content, voice, priority, self._clock.now().steady)
        self._open[request.id] = self._asked[content, voice] = request
        self._queue.put_nowait((priority, next(self._order), request))
        return request

    def find(self, id: str) -> NarrationRequest | None:
        return self._open.get(id) or self.finished.get(id)

    def cancel(self, request: NarrationRequest) -> bool:
        """Ends it, and its generation; whether it was open."""
        if request.id not in self._open:
            return False
        if request.work is not None:
            request.work.cancel()
        self._end(request, State.CANCELLED)
        return True

    # -- Keeping ---------------------------------------------------------------------------------

    def abandoned(self, seconds: float) -> list[NarrationRequest]:
        """Those that are queued, or being generated, for longer."""
        limit = self._clock.now().steady - seconds
        return [request for request in self._open.values() if request.since < limit]

    def cancel_abandoned(self, seconds: float) -> int:
        return sum(map(self.cancel, self.abandoned(seconds)))

    def stats(self) -> dict[str, Any]:
        states = Counter(str(request.state) for request in self._open.values())
        states.update(str(request.state) for request in self.finished.values())
        by_status = {state: states.pop(state, 0) for state in _SHOWN} | dict(states)
        return {
            "total": sum(by_status.values()),
            "by_status": by_status,
            "active": by_status["generating"],
            "queued": by_status["queued"],
        }

    # -- Generating ------------------------------------------------------------------------------

    async def _serve(self) -> None:
        while True:
            _, _, request = await self._queue.get()
            if request.state is State.QUEUED:  # and has not been cancelled meanwhile
                request.state, request.since = State.GENERATING, self._clock.now().steady
                request.work = asyncio.create_task(self._make(request))
                await asyncio.wait({request.work})
                # Cancelled from outside, perhaps before it began: then nothing else ends it.
                self._end(request, State.FAILED, "it was cancelled")

    async def _make(self, request: NarrationRequest) -> None:
        try:
            audio = await self._generate(request.content, request.voice)
            await asyncio.to_thread(self._audio.put, request.content, request.voice, audio)
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:  # whatever a generator raises ends its request alone
            log.error("narration %s failed: %s", request.id, described(error))
            self._end(request, State.FAILED, described(error))
        else:
            self._end(request, State.COMPLETED)

    def _end(self, request: NarrationRequest, state: State, error: str | None = None) -> None:
        if self._open.pop(request.id, None) is None:
            return  # cancelled meanwhile
        del self._asked[request.content, request.voice]
        request.state, request.since, request.error = state, self._clock.now().steady, error
        request.work = None
        self.finished.set(request.id, request)
