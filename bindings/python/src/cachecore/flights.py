"""One computation for all who want the same result at the same time.

The first who asks for a key computes it, its flight; the others wait for that and get its result
or its exception.  No lock is held meanwhile, nor while keys are compared: dict.setdefault decides who is first.

Whoever would wait for themselves computes instead: a function that calls itself with the same
arguments, or two that want each other's results.  For that, every flight knows which others its
computation waits for, and a context variable says which flight the present code is a part of.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import weakref
from collections.abc import Awaitable, Callable, Hashable
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

V = TypeVar("V")

_log = logging.getLogger("cachecore")

_current: ContextVar[Flight | None] = ContextVar("cachecore_flight", default=None)


class Flight:
    """A computation under way."""

    __slots__ = ("parent", "waits")

    def __init__(self) -> None:
        self.parent = _current.get()  #: in whose computation this one began
        self.waits: set[Flight] = set()  #: what the computation waits for

    def would_wait_for_itself(self) -> bool:
        """Whether what runs here, waiting for this flight, would wait for itself in the end."""
        ours = set()
        flight = _current.get()
        while flight is not None:
            ours.add(flight)
            flight = flight.parent
        if not ours:
            return False
        seen: set[Flight] = set()
        pending: list[Flight] = [self]
        while pending:
            flight = pending.pop()
            if flight in ours:
                return True
            if flight not in seen:
                seen.add(flight)
                pending += tuple(flight.waits)
        return False


class _Waiting:
    """``with _Waiting(flight):`` the present computation, if any, waits for that flight."""

    __slots__ = ("_flight", "_mine")

    def __init__(self, flight: Flight) -> None:
        self._flight, self._mine = flight, _current.get()

    def __enter__(self) -> None:
        if self._mine is not None:
            self._mine.waits.add(self._flight)

    def __exit__(self, *exception: object) -> None:
        if self._mine is not None:
            self._mine.waits.discard(self._flight)


# ---- Threads -----------------------------------------------------------------------------------


class ThreadFlight(Flight, Generic[V]):
    """A computation in a thread.  Who leads sets ``value`` and ``worked``, or ``error``."""

    __slots__ = ("_done", "_outer", "error", "landed", "value", "worked")

    value: V

    def __init__(self) -> None:
        super().__init__()
        self._done = threading.Lock()
        self._done.acquire()
        self.landed = self.worked = False
        self.error: Exception | None = None

    def take_off(self) -> None:
        """From here on, what runs is a part of this computation."""
        if self.parent is not None:
            self.parent.waits.add(self)
        self._outer = _current.set(self)

    def land(self) -> None:
        """The end of the computation, whatever came of it."""
        _current.reset(self._outer)
        if self.parent is not None:
            self.parent.waits.discard(self)
        self.cancel()

    def cancel(self) -> None:
        """It will not be: whoever waits has to see for themselves."""
        self.landed = True
        self._done.release()

    def wait(self) -> None:
        self._done.acquire()
        self._done.release()


class ThreadFlights(Generic[V]):
    """The flights of a plain function.

    It is used in pieces, not given a function to call, because every call in between
    takes from what recursion a thread has.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, ThreadFlight[V]] = {}
        _all.add(self)

    def forget(self) -> None:
        """Of those under way, nobody hears any more."""
        self._flights = {}

    def board(self, key: Hashable) -> ThreadFlight[V] | None:
        """A flight that has landed and worked, or one of our own, to be ended by ``land``.

        None for who would wait for themselves, and must compute without.  Raises what the flight raised.
        """
        while True:
            mine = ThreadFlight[V]()
            flight = self._flights.setdefault(key, mine)
            if flight is mine:
                mine.take_off()
                return mine
            with _Waiting(flight):
                if flight.would_wait_for_itself():
                    return None
                flight.wait()
            if flight.worked:
                return flight
            if flight.error is not None:
                raise flight.error
            # It was interrupted, which is that thread's affair: once more.

    def land(self, key: Hashable, flight: ThreadFlight[V]) -> None:
        self._flights.pop(key, None)
        flight.land()

    def run_aside(self, key: Hashable, compute: Callable[[], V]) -> None:
        """Has a thread run ``compute``, unless somebody does already."""
        mine = ThreadFlight[V]()
        if self._flights.setdefault(key, mine) is not mine:
            return

        def work() -> None:
            mine.take_off()
            try:
                mine.value = compute()
                mine.worked = True
            except Exception as error:
                mine.error = error
                _log_refresh(error)
            finally:
                self.land(key, mine)

        try:
            threading.Thread(target=work, name="cachecore refresh", daemon=True).start()
        except RuntimeError:  # no more threads, or the interpreter ends
            self._flights.pop(key, None)
            mine.cancel()


# ---- Tasks -------------------------------------------------------------------------------------


class _TaskFlight(Flight, Generic[V]):
    __slots__ = ("callers", "task")

    task: asyncio.Task[V]

    def __init__(self) -> None:
        super().__init__()
        self.callers = 0


class TaskFlights(Generic[V]):
    """The flights of an async function, in each event loop its own.

    A computation is a task of its own.  A caller that is cancelled leaves the others alone; when the last
    one leaves, the computation is cancelled.
    """

    def __init__(self) -> None:
        self.forget()
        _all.add(self)

    def forget(self) -> None:
        """Of those under way, nobody hears any more."""
        self._loops: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, dict[Hashable, _TaskFlight[V]]
        ] = weakref.WeakKeyDictionary()

    async def run(self, key: Hashable, compute: Callable[[], Awaitable[V]]) -> tuple[V, bool]:
        """What ``compute`` returns, and whether it was this call that ran it."""
        flights = self._loops.setdefault(asyncio.get_running_loop(), {})
        flight = flights.get(key)
        first = flight is None
        if flight is None:
            flight = self._start(flights, key, compute)
        with _Waiting(flight):
            if not first and flight.would_wait_for_itself():
                return await compute(), True
            flight.callers += 1
            try:
                return await asyncio.shield(flight.task), first
            finally:
                flight.callers -= 1
                if flight.callers == 0 and not flight.task.done():
                    if flights.get(key) is flight:
                        del flights[key]
                    flight.task.cancel()

    def run_aside(self, key: Hashable, compute: Callable[[], Awaitable[V]]) -> None:
        """Has a task run ``compute``, unless one does already."""
        flights = self._loops.setdefault(asyncio.get_running_loop(), {})
        if key not in flights:
            flight = self._start(flights, key, compute)
            flight.callers = 1  # the cache itself, which does not leave
            flight.task.add_done_callback(_note_refresh)

    def _start(
        self,
        flights: dict[Hashable, _TaskFlight[V]],
        key: Hashable,
        compute: Callable[[], Awaitable[V]],
    ) -> _TaskFlight[V]:
        flight = flights[key] = _TaskFlight[V]()

        async def work() -> V:
            _current.set(flight)  # in the task's own context, and what it starts
            try:
                return await compute()
            finally:
                if flights.get(key) is flight:
                    del flights[key]

        flight.task = asyncio.get_running_loop().create_task(work())
        return flight


def _note_refresh(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log_refresh(task.exception())


def _log_refresh(error: BaseException | None) -> None:
    _log.error("a refresh failed: the stale value stays", exc_info=error)


# ---- fork --------------------------------------------------------------------------------------

_all: weakref.WeakSet[ThreadFlights[Any] | TaskFlights[Any]] = weakref.WeakSet()


def _after_fork() -> None:
    # The threads that computed are not there in the child: nobody may wait for them.
    for flights in list(_all):
        flights.forget()


os.register_at_fork(after_in_child=_after_fork)
