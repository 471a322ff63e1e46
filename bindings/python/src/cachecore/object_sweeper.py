"""The thread that removes expired objects.

What the engine's own sweeper frees is memory of the engine, and needs no GIL.  To drop the last
reference to an object runs Python: its finalizer, and the listener that is told.  So this sweeper is
a thread of Python's, and does what ``ObjectCache.cleanup_expired`` does, a batch at a time, between which other
threads run.

It refers to its cache weakly, and ends when that has gone.  It is a daemon, which no exit waits for,
and is ended by ``atexit`` all the same, so that none runs while the interpreter goes: the main one, or
a sub-interpreter.  A forked child has none; what it had of one is made anew.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from dataclasses import dataclass
from typing import Any, Final, Protocol

from .durations import Duration, interval_ms, timeout_ms
from .errors import ClosedError, StateError, TimedOutError
from .stats import Stats, SweeperState

_log: Final = logging.getLogger("cachecore")

_AUTOMATIC: Final = 1.0  # seconds
_BATCH: Final = 256  # objects that may be freed before another thread gets its turn
_HUNG: Final = 60.0  # seconds that no sweep takes


class Swept(Protocol):
    """What of a cache its sweeper uses."""

    @property
    def closed(self) -> bool: ...

    def cleanup_expired(self, max_entries: int = 0) -> int: ...

    def stats(self) -> Stats: ...
_AT_EXIT: Final = 1.0  # seconds that each may take to end
_LOOK: Final = 0.5  # seconds after which a wait for a thread looks whether it is alive


@dataclass(frozen=True, slots=True)
class ObjectSweeperStatus:
    """How the sweeper is doing; its counters run from its first start on this cache."""

    state: SweeperState
    healthy: bool  #: there is a thread, it is alive, and no sweep takes longer than a minute
    interval: float  #: in force, in seconds
    sweeps_run: int
    entries_removed: int
    last_removed: int
    last_duration: float  #: of the last sweep, in seconds
    last_run_age: float | None  #: seconds since the last sweep ended; None: none yet
    errors: int  #: sweeps that ended with an exception, which was logged
    backlog: int  #: entries expired and not yet removed


class _Request:
    """A sweep that somebody waits for."""

    removed: int | None = None  # None: not yet, or never if the thread has ended


class ObjectSweeper:
    """Controls the sweeper of an ObjectCache: ``cache.sweeper.start()``.

    Nothing depends on it: an expired object is not returned, swept or not (to the clock's few
    milliseconds), and each write removes a few that have expired.  It is for a cache that is not
    written to for long.  It is stopped until started, at most one runs for each cache, and closing
    the cache stops it, as does the end of the interpreter.  Finalizers and ``on_removal`` of what it
    removes run on its thread.

    Every method may be called from any thread, and raises StateError when the sweeper is not in
    a state for it, or no thread can be started here.  Durations are seconds or a timedelta.
    """

    __slots__ = (
        "__weakref__",
        "_begun",
        "_cache",
        "_changed",
        "_duration",
        "_ended",
        "_ending",
        "_errors",
        "_interval",
        "_last_removed",
        "_paused",
        "_removed",
        "_requests",
        "_restarting",
        "_sweeps",
        "_thread",
    )

    def __init__(self, cache: Swept) -> None:
        self._cache = weakref.ref(cache)
        self._interval = _AUTOMATIC
        self._sweeps = self._removed = self._last_removed = self._errors = 0
        self._duration = 0.0
        self._ended: float | None = None
        self._reset()

    def _reset(self) -> None:
        """As without a thread, in a new cache or a forked child."""
        # All below is changed with this held, but for the counters, which the thread alone changes.
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._paused = self._ending = self._restarting = False
        self._begun: float | None = None  # when the sweep under way began
        self._requests: list[_Request] = []

    # -- Controls --------------------------------------------------------------------------------

    def start(
        self,
        interval: Duration | None = None,
        *,
        run_at_once: bool = False,
        restart_after_fork: bool = False,
    ) -> None:
        """Starts the thread.

        interval: from the end of one sweep to the next; None: a second.
        run_at_once: sweep at the start, not only after the first interval.
        restart_after_fork: start again in a forked child, where it is stopped otherwise.
        """
        seconds = _seconds(interval)
        self._opened()
        with self._changed:
            if self._alive() is not None:
                raise StateError("the sweeper runs already")
            self._paused = self._ending = False
            self._interval, self._restarting = seconds, restart_after_fork
            self._requests = [_Request()] if run_at_once else []
            try:
                cache = weakref.ref(self._opened(), self._wake)
                thread = threading.Thread(
                    target=self._work, args=(cache,), name="cachecore-sweeper", daemon=True
                )
                thread.start()  # it waits for the lock that we hold
            except RuntimeError as error:  # in some sub-interpreters, and when all ends
                raise StateError(f"no sweeper can be started here: {error}") from error
            self._thread = thread
        _started[self] = None

    def stop(self, timeout: Duration | None = None) -> None:
        """Ends the thread and waits for that: a batch at most, even in the middle of an interval.

        TimedOutError if it takes longer than ``timeout``: it is still ending, call again.  On the
        sweeper's own thread, in a listener say, it waits for nothing.
        """
        wait = timeout_ms(timeout) / 1000 or None
        self._opened()
        with self._changed:
            self._running()
        if not self._end(wait):
            raise TimedOutError("the sweeper is still ending")

    def pause(self) -> None:
        """Suspends the schedule; ``trigger`` still works."""
        self._set(paused=True)

    def resume(self) -> None:
        """Takes the schedule up again."""
        self._set(paused=False)

    def _set(self, paused: bool) -> None:
        self._opened()
        with self._changed:
            self._running()
            self._paused = paused
            self._changed.notify_all()

    def trigger(self) -> int:
        """Has the thread sweep now, waits for that very sweep, and returns what it removed."""
        self._opened()
        request = _Request()
        with self._changed:
            if self._running() is threading.current_thread():
                raise StateError("the sweeper cannot wait for itself")
            self._requests.append(request)
            self._changed.notify_all()
            while request.removed is None and self._alive() is not None:
                self._changed.wait(_LOOK)
        if request.removed is None:
            raise StateError("the sweeper was stopped")
        return request.removed

    def set_interval(self, interval: Duration | None) -> None:
        """Changes the interval, which begins anew; None: a second."""
        seconds = _seconds(interval)
        self._opened()
        with self._changed:
            self._running()
            self._interval = seconds
            self._changed.notify_all()

    @property
    def interval(self) -> float:
        """Seconds between sweeps.  Can be set."""
        return self.status().interval

    @interval.setter
    def interval(self, interval: Duration | None) -> None:
        self.set_interval(interval)

    @property
    def running(self) -> bool:
        """Whether there is a thread, paused or not."""
        return self.status().state is not SweeperState.STOPPED

    def status(self) -> ObjectSweeperStatus:
        """What it did and how it is; works whether or not it runs."""
        backlog = self._opened().stats().expired
        with self._changed:
            now = time.monotonic()
            thread = self._alive()
            state = SweeperState.PAUSED if self._paused else SweeperState.RUNNING
            return ObjectSweeperStatus(
                state=SweeperState.STOPPED if thread is None else state,
                healthy=thread is not None
                and (self._begun is None or now - self._begun < _HUNG),
                interval=self._interval,
                sweeps_run=self._sweeps,
                entries_removed=self._removed,
                last_removed=self._last_removed,
                last_duration=self._duration,
                last_run_age=None if self._ended is None else now - self._ended,
                errors=self._errors,
                backlog=backlog,
            )

    def __repr__(self) -> str:
        try:
            return f"<cachecore.ObjectSweeper {self.status().state.name.lower()}>"
        except ClosedError:
            return "<cachecore.ObjectSweeper of a closed cache>"

    # -- The thread ------------------------------------------------------------------------------

    def _opened(self) -> Swept:
        cache = self._cache()
        if cache is None or cache.closed:
            raise ClosedError("the cache is closed")
        return cache

    def _alive(self) -> threading.Thread | None:
        thread = self._thread
        return thread if thread is not None and thread.is_alive() else None

    def _running(self) -> threading.Thread:
        thread = self._alive()
        if thread is None:
            raise StateError("the sweeper does not run")
        return thread

    def _wake(self, _: object = None) -> None:
        with self._changed:
            self._changed.notify_all()

    def _end(self, wait: float | None) -> bool:
        """Ends the thread, if there is one; whether it has ended within so many seconds."""
        thread = self._thread
        self._ending = True
        self._wake()
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(wait)
        return not thread.is_alive()

    def _work(self, cache: weakref.ref[Swept]) -> None:
        while (requests := self._next(cache)) is not None:
            self._begun = time.monotonic()
            try:
                removed = self._sweep(cache)
            except ClosedError:
                break
            except Exception:
                removed = 0
                self._errors += 1
                _log.exception("a sweep failed")
            with self._changed:
                self._ended = time.monotonic()
                self._duration, self._begun = self._ended - self._begun, None
                self._sweeps += 1
                self._removed += removed
                self._last_removed = removed
                for request in requests:
                    request.removed = removed
                self._changed.notify_all()

    def _next(self, cache: weakref.ref[Swept]) -> list[_Request] | None:
        """Waits for the next sweep; who waits for it, or None at the end."""
        with self._changed:
            while not self._ending and cache() is not None:
                if self._requests:
                    requests, self._requests = self._requests, []
                    return requests
                # Not told of anything while an interval went by.
                if not self._changed.wait(None if self._paused else self._interval):
                    return []
            return None

    def _sweep(self, cache: weakref.ref[Swept]) -> int:
        """Holds the cache for no longer than a batch."""
        total, removed = 0, _BATCH
        while removed == _BATCH and not self._ending and (held := cache()) is not None:
            removed = held.cleanup_expired(_BATCH)
            total += removed
            del held
            time.sleep(0)  # others want the GIL
        return total


def _seconds(interval: Duration | None) -> float:
    return min(interval_ms(interval) / 1000 or _AUTOMATIC, threading.TIMEOUT_MAX)


_started: Final = weakref.WeakKeyDictionary[ObjectSweeper, None]()


def _all_started() -> list[ObjectSweeper]:
    """Those that were started in this interpreter; another thread may start one meanwhile."""
    return [sweeper for found in _started.keyrefs() if (sweeper := found()) is not None]


def _after_fork() -> None:
    for sweeper in _all_started():
        restart = sweeper._restarting and not sweeper._ending and sweeper._thread is not None
        interval, paused = sweeper._interval, sweeper._paused
        sweeper._reset()
        if restart:
            try:
                sweeper.start(interval, restart_after_fork=True)
                sweeper._paused = paused
            except StateError:
                _log.exception("no sweeper in the forked child")


@atexit.register
def _at_exit() -> None:
    for sweeper in _all_started():
        sweeper._end(_AT_EXIT)


os.register_at_fork(after_in_child=_after_fork)
