"""A computation under way in this process: who waits for it, and what comes of it.

The engine says who computes (claims.py).  A flight is what of that is Python's: its result goes to those
who wait for it even if it is not stored, each of them has an exception of his own, a task waits for it
without a thread, and who would wait for himself in the end is told so.

Who is gone
    The claims here stand for as long as it takes to compute, so that nothing but the engine's own rules
    ends them, and the end of the computation.  That does not rely on a ``finally``, before which a signal
    handler may raise: who waits for a flight asks now and then whether its owner still computes it.
    The frame is on that thread's stack, or compiled code says that it is, which no handler interrupts; the
    loop of the task runs; else he gives the claim up.  In a forked child no flight of the parent's goes on, but
    the one that the forking thread itself computes.

Who would wait for themselves
    They compute instead: a function that calls itself with the same arguments, or two that want each
    other's results.  For that, every flight knows which others its computation waits for, and a
    context variable says which flight the present code is a part of.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Collection
from contextvars import ContextVar, Token
from types import CodeType, FrameType
from typing import Any, TypeAlias

from .claims import Claim
from .errors import ClosedError
from .failure import Failure
from .under_way import UnderWay

_Here: TypeAlias = "Callable[[], Flight | None] | None"

current: ContextVar[_Here] = ContextVar("cachecore_flight", default=None)

_LOOK = 0.25  # seconds from one look at whether somebody still computes to the next

# Which flight a thread waits for, by its number.
_blocked: dict[int, weakref.ref[Flight]] = {}
os.register_at_fork(after_in_child=_blocked.clear)


_looking = threading.RLock()


def _look_anew() -> None:
    global _looking
    _looking = threading.RLock()


os.register_at_fork(after_in_child=_look_anew)


def frames() -> dict[int, FrameType]:
    """What each thread runs.

    CPython has a lock meanwhile.  Were a finalizer to run there that lets go of the GIL, as one does that
    closes a cache, the next thread to want that lock would wait for it with the GIL, for ever
    (gh-106883).  So the garbage collector pauses.
    """
    with _looking:
        collects = gc.isenabled()
        gc.disable()
        try:
            return sys._current_frames()
        finally:
            if collects:
                gc.enable()


def _present() -> Flight | None:
    """The flight that the present code is a part of."""
    here = current.get()
    flight = None if here is None else here()
    while flight is not None and flight.landed:  # left behind by an interruption, or by a task
        flight = flight.parent
    return flight


class Flight:
    """A computation, or what is to be one if the caller is given the claim.

    ``value`` is there once it has ``worked``, ``failure`` if it raised an Exception.  With neither
    it was interrupted or cancelled, which is not the affair of who waited: he asks anew.
    """

    # fmt: off
    __slots__ = ("__weakref__", "_done", "_futures", "claim", "failure", "landed", "parent", "process",
                 "thread", "under_way", "value", "waits", "worked")
    # fmt: on

    in_task = False

    value: Any

    def __init__(self, claim: Claim, under_way: UnderWay[Any]) -> None:
        self.claim = claim
        self.under_way = under_way  #: where others find it
        self.process = os.getpid()
        self.thread = threading.get_ident()  #: that computes; or whose loop does
        self.parent = _present()  #: in whose computation this one began
        self.waits: set[weakref.ref[Flight]] = set()  #: what the computation waits for
        self.landed = self.worked = False
        self.failure: Failure | None = None
        self._done = threading.Lock()
        self._done.acquire()
        self._futures: dict[asyncio.AbstractEventLoop, asyncio.Future[None]] = {}

    @property
    def gone(self) -> bool:
        """Whether nobody computes it any more, though it has not landed."""
        raise NotImplementedError

    def fail(self, error: Exception) -> None:
        self.failure = Failure(error, error.__traceback__)

    def land(self) -> None:
        """The end of the computation, whatever came of it; also of one that never began."""
        if self.landed:
            return
        self._abandon()
        self.under_way.remove(self)
        self.landed = True
        self._done.release()
        for loop, future in tuple(self._futures.items()):
            with contextlib.suppress(RuntimeError):  # it is closed, and nobody waits there
                loop.call_soon_threadsafe(_wake, future)

    def _abandon(self) -> None:
        with contextlib.suppress(ClosedError):  # and the claim has ended with the cache
            self.claim.abandon()

    # -- Waiting ---------------------------------------------------------------------------------

    def wait(self) -> None:
        """Until it has landed, or is given up because its owner is gone."""
        here = threading.get_ident()
        ours: weakref.ref[Flight] = weakref.ref(self)
        outer = _blocked.get(here)
        with _Waiting(self):
            _blocked[here] = ours
            try:
                while not self._done.acquire(timeout=_LOOK):
                    if self.gone:
                        self.give_up()
                        return
                self._done.release()
            finally:
                if outer is None:
                    _blocked.pop(here, None)
                else:
                    _blocked[here] = outer

    async def join(self) -> None:
        """As ``wait``, for a task."""
        loop = asyncio.get_running_loop()
        future = self._futures.get(loop)
        if future is None:  # one for all tasks of the loop
            future = self._futures.setdefault(loop, loop.create_future())
            self._watch(loop, future)
        with _Waiting(self):
            if not self.landed:  # only then is the future in time
                await asyncio.wait((future,))

    def _watch(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
        """Looks now and then whether somebody still computes what tasks of this loop wait for."""
        if future.done() or self.landed:
            return
        if self.gone:
            self.give_up()
            future.set_result(None)
        else:
            loop.call_later(_LOOK, self._watch, loop, future)

    def give_up(self) -> None:
        """Its owner is gone; or it has landed in this moment."""
        self._abandon()
        self.under_way.remove(self)

    def would_wait_for_itself(self, *, blocking: bool) -> bool:
        """Whether what runs here, waiting for this flight, would wait for itself in the end.

        blocking: it is the thread that would wait, and not a task alone.
        """
        ours = set()
        here = threading.get_ident()
        flight = _present()
        while flight is not None:
            ours.add(flight)
            flight = flight.parent
        seen: set[Flight] = set()
        pending: list[Flight] = [self]
        while pending:
            flight = pending.pop()
            if flight in ours or (flight.thread == here and (blocking or not flight.in_task)):
                return True
            if flight not in seen:
                seen.add(flight)
                waits = [found() for found in tuple(flight.waits)]
                blocked = _blocked.get(flight.thread)
                waits.append(None if blocked is None else blocked())
                pending += [other for other in waits if other is not None]
        return False


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class _Waiting:
    """``with _Waiting(flight):`` the present computation, if any, waits for that flight."""

    __slots__ = ("_flight", "_mine")

    def __init__(self, flight: Flight) -> None:
        self._flight, self._mine = flight, _present()

    def __enter__(self) -> None:
        if self._mine is not None:
            self._mine.waits.add(weakref.ref(self._flight))

    def __exit__(self, *exception: object) -> None:
        if self._mine is not None:
            self._mine.waits.discard(weakref.ref(self._flight))


# ---- Threads -----------------------------------------------------------------------------------


class ThreadFlight(Flight):
    """A computation in a thread.  Who computes sets ``value`` and ``worked``, or calls ``fail``."""

    __slots__ = ("_codes", "_outer", "computing")

    def __init__(self, claim: Claim, under_way: UnderWay[Any], codes: Collection[CodeType]) -> None:
        """codes: what runs in the frames that have this flight as ``mine`` until the computation ends."""
        super().__init__(claim, under_way)
        self._codes = codes
        self.computing = False  #: whether fast/cached_call.c, which has no frame, runs the function
        self._outer: Token[_Here] | None = None

    def own(self, code: CodeType) -> None:
        """It is the calling thread that computes, in a frame of this code."""
        self._codes = {code}
        self.thread = threading.get_ident()

    @property
    def gone(self) -> bool:
        here = threading.get_ident()
        if self.thread != here and self.process != os.getpid():
            return True  # what a thread of the child's may have the number of
        running = frames()
        if here not in running:
            return False  # greenlets, whose frames are elsewhere
        frame = running.get(self.thread)
        if frame is not None and self.computing:
            return False
        while frame is not None:
            if frame.f_code in self._codes and frame.f_locals.get("mine") is self:
                return False
            frame = frame.f_back
        return True

    def take_off(self) -> None:
        """From here on, what runs is a part of this computation."""
        here: weakref.ref[Flight] = weakref.ref(self)
        if self.parent is not None:
            self.parent.waits.add(here)
        self._outer = current.set(here)

    def land(self) -> None:
        if not self.landed and self._outer is not None:
            current.reset(self._outer)
            if self.parent is not None:
                self.parent.waits.discard(weakref.ref(self))
        super().land()


# ---- Tasks -------------------------------------------------------------------------------------


class TaskFlight(Flight):
    """A computation in a task of its own."""

    __slots__ = ("_loop", "callers", "task")

    in_task = True

    def __init__(self, claim: Claim, under_way: UnderWay[Any]) -> None:
        super().__init__(claim, under_way)
        self._loop = asyncio.get_running_loop()
        self.callers: set[object] = set()  #: who would like it to go on
        self.task: asyncio.Task[Any] | None = None

    @property
    def gone(self) -> bool:
        # A loop that ran when the process was forked says in the child that it runs.
        return self.process != os.getpid() or not self._loop.is_running()

    def start(self, compute: Callable[[Claim], Awaitable[Any]]) -> asyncio.Task[Any]:
        """Computes in a task of the running loop."""

        async def work() -> Any:
            current.set(lambda: self)  # in the task's own context, and what it starts
            return await compute(self.claim)

        self.task = self._loop.create_task(work())
        self.task.add_done_callback(self._end)
        return self.task

    def _end(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            error = task.exception()
            if error is None:
                self.value, self.worked = task.result(), True
            elif isinstance(error, Exception):
                self.fail(error)
        self.land()

    def _watch(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
        if loop is not self._loop:  # which runs, if somebody of its own waits
            super()._watch(loop, future)

    async def join(self) -> None:
        """As ``wait``, for a task, which is one of the callers meanwhile.

        A caller that is cancelled leaves the others alone.  The last one to leave cancels the computation
        and waits for what it does about that, as if it had been called and not shared.
        """
        me = object()
        self.callers.add(me)
        try:
            await super().join()
        except asyncio.CancelledError:
            if len(self.callers) > 1 or self.landed:
                raise
            self._abandon()  # who asks from now on begins anew
            while not self.landed and not self.gone:
                self._cancel()
                try:
                    await super().join()
                except asyncio.CancelledError:
                    continue  # once more, to the computation as well
            if self.failure is not None and self.task is not None:
                self.task.result()
            raise
        finally:
            self.callers.discard(me)

    def wait(self) -> None:
        me = object()
        self.callers.add(me)
        try:
            super().wait()
        finally:
            self.callers.discard(me)

    def _cancel(self) -> None:
        if self.task is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self.task.cancel)
