"""The cleanup task."""

from __future__ import annotations

import asyncio
import logging
import math
from threading import Lock
from typing import Any, Final

from .metrics import CleanupMetrics
from .sweeping import NothingSwept, Sweepable, Sweeping, SweepStatus

log = logging.getLogger("cachecore.cleanup")

_STOP_TIMEOUT: Final = 5.0
_ONLY_WHEN_TRIGGERED: Final = 365 * 86400.0


class CacheCleanupTask:
    """Removes a cache's expired entries regularly: ``await CacheCleanupTask(cache).start()``.

    The work is done by the engine's own thread, in slices of a fraction of a millisecond, without
    the GIL and without the event loop: a blocked loop does not stop it, and it never blocks one.
    What it did and whether it has hung is read from the engine, not from a loop that would have
    hung with it.

    The asynchronous methods may be awaited on any loop, the others called from any thread.
    None raises for a failed sweep: that is counted, kept as "last_error", and logged.
    """

    def __init__(
        self,
        cache: Sweepable,
        interval: float = 60,
        enabled: bool = True,
        *,
        run_at_once: bool = False,
        restart_after_fork: bool = True,
    ) -> None:
        """Starts nothing yet.

        cache: what has a ``sweeper``: a cachecore.Cache or a PolicyCache.
        interval: seconds from the end of one sweep to the next; greater than 0.
        enabled: False: ``start`` does nothing.
        run_at_once: sweep at the start, not only after the first interval.
        restart_after_fork: run in forked children, too: a thread does not survive a fork.
        """
        self.cache = cache
        self.enabled = enabled
        self._interval = _valid(interval)
        self._run_at_once = run_at_once
        self._restart_after_fork = restart_after_fork
        self._sweeper: Sweeping = cache.sweeper
        self._started = False
        self._errors = 0
        self._last_error: str | None = None
        self._single = Lock()  # while a sweeper is started, and while one runs for a trigger
        self._before: SweepStatus = self._status()
        fields = {"interval_seconds": interval, "enabled": enabled}
        log.info("cache_cleanup_task_initialized", extra=fields)

    # -- Lifecycle -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts the thread; does nothing when it runs already, or the task is disabled."""
        if not self.enabled:
            log.info("cache_cleanup_disabled")
            return
        if self.running:
            log.warning("cache_cleanup_already_running")
            return
        try:
            await asyncio.to_thread(self._start)
        except Exception as error:
            self._failed("cache_cleanup_start_error", error)
            return
        self._started = True
        log.info("cache_cleanup_started", extra={"interval_seconds": self._interval})

    def _start(self) -> None:
        with self._single:
            self._sweeper.start(
                self._interval,
                run_at_once=self._run_at_once,
                restart_after_fork=self._restart_after_fork,
            )

    async def stop(self) -> None:
        """Ends the thread: milliseconds, also in the middle of an interval or of a sweep.

        If it takes longer than 5 s, which is an error, the thread is left to end by itself.
        """
        if not self._started:
            log.debug("cache_cleanup_not_running")
            return
        log.info("cache_cleanup_stopping")
        self._started = False
        try:
            await asyncio.to_thread(self._sweeper.stop, _STOP_TIMEOUT)
        except TimeoutError as error:
            self._failed("cache_cleanup_stop_timeout", error)
        except Exception as error:
            self._failed("cache_cleanup_stop_error", error)
        log.info("cache_cleanup_stopped")

    @property
    def running(self) -> bool:
        """Whether the task was started and its thread is there."""
        return self._started and self._alive()

    @property
    def interval(self) -> float:
        """Seconds; can be set at any time, and holds from then on."""
        return self._interval

    @interval.setter
    def interval(self, interval: float) -> None:
        self._interval = _valid(interval)
        if self.running:
            self._sweeper.set_interval(self._interval)

    # -- Sweeping --------------------------------------------------------------------------------

    async def trigger_cleanup(self) -> int:
        """Sweeps now, started or not; the number that this very sweep removed, 0 if it failed.

        Does not disturb the schedule.  Cancelling the wait leaves the sweep to end by itself.
        """
        log.debug("cache_cleanup_manual_trigger")
        try:
            removed = await asyncio.to_thread(self._sweep)
        except Exception as error:
            self._failed("cache_cleanup_error", error)
            return 0
        level = logging.INFO if removed else logging.DEBUG
        log.log(level, "cache_cleanup_completed", extra={"entries_removed": removed})
        return removed

    def _sweep(self) -> int:
        """On a thread that may wait.  Without a sweeper, starts one for this single sweep."""
        with self._single:
            if not self._sweeper.running:
                self._sweeper.start(_ONLY_WHEN_TRIGGERED)
                try:
                    return self._sweeper.trigger()
                finally:
                    self._sweeper.stop(_STOP_TIMEOUT)
        return self._sweeper.trigger()

    # -- Watching --------------------------------------------------------------------------------

    async def health_check(self) -> bool:
        """Whether the thread is there, is alive, and has not hung; a disabled task is well.

        A slice of a sweep, or a wake-up, that is more than 5 s late is a thread that hangs.
        """
        if not self.enabled:
            return True
        return self.running and self._status().healthy

    @property
    def metrics(self) -> CleanupMetrics:
        now, before = self._status(), self._before
        run = now.sweeps_run - before.sweeps_run
        return CleanupMetrics(
            cleanups_run=run,
            total_entries_removed=now.entries_removed - before.entries_removed,
            last_cleanup_removed=now.last_removed if run else 0,
            last_cleanup_duration_ms=now.last_duration * 1000 if run else 0.0,
            errors=now.errors - before.errors + self._errors,
            last_error=self._last_error,
            last_cleanup_age_s=now.last_run_age if run else None,
            backlog=now.backlog,
        )

    def get_metrics(self) -> dict[str, Any]:
        """Counters, and the last sweep: durations in milliseconds, ages in seconds."""
        return self.metrics.to_dict()

    def reset_metrics(self) -> None:
        self._before = self._status()
        self._errors = 0
        self._last_error = None
        log.info("cache_cleanup_metrics_reset")

    def _alive(self) -> bool:
        try:
            return self._sweeper.running
        except Exception:  # the cache has been closed
            return False

    def _status(self) -> SweepStatus:
        try:
            return self._sweeper.status()
        except Exception:  # the cache has been closed
            return getattr(self, "_before", NothingSwept(healthy=False))

    def _failed(self, event: str, error: Exception) -> None:
        self._errors += 1
        self._last_error = f"{type(error).__name__}: {error}"
        log.error(event, extra={"error": str(error), "error_type": type(error).__name__})


def _valid(interval: float) -> float:
    if not 0 < interval < math.inf:
        raise ValueError("interval must be greater than 0, and finite")
    return interval
