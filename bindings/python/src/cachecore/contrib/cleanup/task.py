"""The cleanup task."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import Any, Final

from .metrics import CleanupMetrics
from .sharing import holders
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

    Several tasks may sweep one cache: they share its sweeper, at the shortest of their intervals,
    and the last that stops ends it.  A sweeper that runs already, because somebody started it, is
    used as it is, and not stopped.

    The asynchronous methods may be awaited on any loop, the others called from any thread.
    None raises for a failed sweep: that is counted, kept as "last_error", logged, and unhealthy
    until a sweep has gone well.
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

        cache: what has a ``sweeper``, as a cachecore.Cache does.
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
        self._holders = holders(self._sweeper)
        self._started = False
        self._hold = object()  # this task, to the others; not itself, or it would keep the cache
        self._errors = 0
        self._last_error: str | None = None
        self._failing: str | None = None  # what failed last, if nothing went well since:
        self._failed_after = -1  # no sweep, beyond so many
        self._before: SweepStatus = self._status()
        fields = {"interval_seconds": interval, "enabled": enabled}
        log.info("cache_cleanup_task_initialized", extra=fields)

    # -- Lifecycle -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Starts the thread unless the cache has one; does nothing if the task is disabled."""
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
        self._failing = None
        log.info("cache_cleanup_started", extra={"interval_seconds": self._interval})

    def _start(self) -> None:
        self._holders.join(
            self._sweeper,
            self._hold,
            self._interval,
            run_at_once=self._run_at_once,
            restart_after_fork=self._restart_after_fork,
        )

    async def stop(self) -> None:
        """Ends the thread, unless others want it or it was not started by a task.

        That takes milliseconds, also in the middle of an interval or of a sweep.
        If it takes longer than 5 s, which is an error, the thread is left to end by itself.
        """
        if not self._started:
            log.debug("cache_cleanup_not_running")
            return
        log.info("cache_cleanup_stopping")
        self._started = False
        try:
            await asyncio.to_thread(self._holders.leave, self._sweeper, self._hold, _STOP_TIMEOUT)
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
        """Seconds, at most; can be set at any time, and holds from then on."""
        return self._interval

    @interval.setter
    def interval(self, interval: float) -> None:
        self._interval = _valid(interval)
        if self.running:
            self._holders.join(self._sweeper, self._hold, self._interval)

    # -- Sweeping --------------------------------------------------------------------------------

    async def trigger_cleanup(self) -> int:
        """Sweeps now, started or not; the number that this very sweep removed, 0 if it failed.

        Does not disturb the schedule.  Cancelling the wait leaves the sweep to end by itself.
        """
        log.debug("cache_cleanup_manual_trigger")
        try:
            removed = await asyncio.to_thread(self._sweep)
        except Exception as error:
            self._failed_after = self._status().sweeps_run
            self._failed("cache_cleanup_error", error)
            return 0
        self._failing = None
        level = logging.INFO if removed else logging.DEBUG
        log.log(level, "cache_cleanup_completed", extra={"entries_removed": removed})
        return removed

    def _sweep(self) -> int:
        """On a thread that may wait.  Without a sweeper, starts one for this single sweep."""
        for_this = object()
        self._holders.join(self._sweeper, for_this, _ONLY_WHEN_TRIGGERED)
        try:
            return self._sweeper.trigger()
        finally:
            self._holders.leave(self._sweeper, for_this, _STOP_TIMEOUT)

    # -- Watching --------------------------------------------------------------------------------

    async def health_check(self) -> bool:
        """Whether ``problem`` has nothing to say."""
        return self.problem() is None

    def problem(self) -> str | None:
        """What is wrong; None: the thread is there, is alive, and has swept since anything failed.

        A slice of a sweep, or a wake-up, that is more than 5 s late is a thread that hangs.  What
        the engine survives, memory that it could not return, is counted in "errors" alone.  A
        disabled task is well.
        """
        if not self.enabled:
            return None
        if not self._started:
            return self._failing or "not running"
        try:
            if not self._sweeper.running:
                return "the thread has ended"
            status = self._sweeper.status()
        except Exception as error:  # the cache has been closed
            return f"{type(error).__name__}: {error}"
        if not status.healthy:
            return "the thread hangs"
        return None if status.sweeps_run > self._failed_after else self._failing

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
        self._last_error = self._failing = f"{type(error).__name__}: {error}"
        log.error(event, extra={"error": str(error), "error_type": type(error).__name__})


def _valid(interval: float) -> float:
    if not 0 < interval < math.inf:
        raise ValueError("interval must be greater than 0, and finite")
    return interval
