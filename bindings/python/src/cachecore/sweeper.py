"""The thread that removes expired entries, as an object."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Protocol

from . import _native
from .durations import Duration, interval_ms, slice_us, timeout_ms
from .errors import ReadOnlyError
from .stats import SweeperState, SweeperStatus


class Swept(Protocol):
    """What of a cache its sweeper uses."""

    @property
    def closed(self) -> bool: ...

    def _run(self, function: Callable[..., int], *arguments: Any) -> int: ...


class Sweeper:
    """Controls a cache's sweeper: ``cache.sweeper.start()``.

    It is a native thread that never runs Python and never takes the GIL.  Nothing depends on it: an
    expired entry is not returned, swept or not (to the clock's few milliseconds).  It is stopped until
    started, at most one runs for each cache, and closing the cache stops it.

    Every method may be called from any thread, and raises StateError when the sweeper is not in
    a state for it.  Durations are seconds or a timedelta.
    """

    __slots__ = ("_cache",)

    def __init__(self, cache: Swept) -> None:
        self._cache = cache

    @property
    def cache(self) -> Any:
        """The Cache that it sweeps."""
        return self._cache

    def start(
        self,
        interval: Duration | None = None,
        max_slice: Duration | None = None,
        *,
        run_at_once: bool = False,
        restart_after_fork: bool = False,
    ) -> None:
        """Starts the thread.

        interval: from the end of one sweep to the next; None: chosen from the lifetimes seen.
        max_slice: the longest it holds a lock at a time; None: 200 microseconds.
        run_at_once: sweep at the start, not only after the first interval.
        restart_after_fork: start again in a forked child, where it is stopped otherwise.
        """
        options = _native.SweeperOptions(
            flags=(_native.SWEEPER_RUN_AT_ONCE if run_at_once else 0)
            | (_native.SWEEPER_RESTART_AFTER_FORK if restart_after_fork else 0),
            interval_ms=interval_ms(interval),
            max_slice_us=slice_us(max_slice),
        )
        self._cache._run(_native.sweeper_start, ctypes.byref(options))

    def stop(self, timeout: Duration | None = None) -> None:
        """Ends the thread and waits for that: milliseconds, even in the middle of an interval.

        TimedOutError if it takes longer than ``timeout``: it is still ending, call again.
        """
        self._cache._run(_native.sweeper_stop, timeout_ms(timeout))

    def pause(self) -> None:
        """Suspends the schedule; ``trigger`` still works."""
        self._cache._run(_native.sweeper_pause)

    def resume(self) -> None:
        """Takes the schedule up again."""
        self._cache._run(_native.sweeper_resume)

    def trigger(self) -> int:
        """Has the thread sweep now, waits for that very sweep, and returns what it removed."""
        removed = ctypes.c_uint64()
        self._cache._run(_native.sweeper_trigger, ctypes.byref(removed))
        return removed.value

    def set_interval(self, interval: Duration | None) -> None:
        """Changes the interval at once; None: automatic."""
        self._cache._run(_native.sweeper_set_interval, interval_ms(interval))

    @property
    def interval(self) -> float:
        """Seconds between sweeps, the one chosen when it is automatic.  Can be set."""
        return self.status().interval

    @interval.setter
    def interval(self, interval: Duration | None) -> None:
        self.set_interval(interval)

    @property
    def running(self) -> bool:
        """Whether there is a thread, paused or not."""
        return self.status().state is not SweeperState.STOPPED

    def status(self) -> SweeperStatus:
        """What it did and how it is; works whether or not it runs."""
        status = _native.SweeperStatus()
        self._cache._run(_native.sweeper_status, ctypes.byref(status))
        return SweeperStatus.of(status)

    def __repr__(self) -> str:
        if self._cache.closed:
            return "<cachecore.Sweeper of a closed cache>"
        try:
            return f"<cachecore.Sweeper {self.status().state.name.lower()}>"
        except ReadOnlyError:
            return "<cachecore.Sweeper of a cache that is read-only>"
