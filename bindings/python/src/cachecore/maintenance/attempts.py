"""One run of a job: its attempts, each within its time, and the waits between them.

An action that is a coroutine can be cancelled, by its timeout or by the end of the runner.  One
on a thread cannot: it is told (``Run.stopping``), and ``ended`` waits for the thread.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from dataclasses import replace
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, retry_if_not_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential

from .clock import Clock
from .job import Job, Report, Run, Stopping
from .outcome import Outcome, Status

log = logging.getLogger("cachecore.maintenance")


class Attempts:
    def __init__(self, job: Job, run: Run, clock: Clock, ending: asyncio.Event) -> None:
        """ending: set when the runner stops."""
        self._job, self._run, self._clock, self._ending = job, run, clock, ending
        self._threads: list[asyncio.Future[Any]] = []
        self._count = 0

    async def perform(self) -> Outcome:
        """Never raises."""
        job, run, begun = self._job, self._run, self._clock.now()
        report: Report = {}
        error = None
        retrying = AsyncRetrying(
            sleep=self._pause,
            stop=stop_after_attempt(job.attempts),
            wait=wait_exponential(multiplier=job.backoff, max=job.backoff_max),
            # What hung once is not tried again at once, and its thread may still be there.
            retry=retry_if_not_exception_type((TimeoutError, Stopping, asyncio.CancelledError)),
            before_sleep=self._log_retry,
            reraise=True,
        )
        try:
            report = dict(await retrying(self._attempt) or {})
            status = Status.SUCCEEDED
        except TimeoutError as failure:
            status, error = Status.TIMED_OUT, str(failure) or "timed out"
        except (asyncio.CancelledError, Stopping):
            status, error = Status.CANCELLED, "the runner stopped"
        except Exception as failure:
            status, error = Status.FAILED, f"{type(failure).__name__}: {failure}"
        if error is not None and status is not Status.CANCELLED:
            log.error("%s %s: %s", job.name, status, error)
        return Outcome(
            job=job.name,
            trigger=run.trigger,
            status=status,
            started_at=begun.wall,
            duration=self._clock.now().steady - begun.steady,
            attempts=self._count,
            dry_run=run.dry_run,
            report=report,
            error=error,
        )

    async def ended(self) -> None:
        """Waits for the thread of an attempt that timed out, unless the runner stops."""
        while not self._ending.is_set() and not all(thread.done() for thread in self._threads):
            await asyncio.wait(self._threads)

    async def _attempt(self) -> Report | None:
        self._count += 1
        job, run = self._job, replace(self._run, attempt=self._count)
        if inspect.iscoroutinefunction(job.action):
            work: asyncio.Future[Any] = asyncio.ensure_future(job.action(run))
        else:
            work = asyncio.ensure_future(_on_thread(job, run))
            self._threads.append(work)
        limit = asyncio.ensure_future(self._clock.sleep(job.timeout)) if job.timeout else None
        try:
            waited = {work} if limit is None else {work, limit}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                result: Report | None = work.result()
                return result
            raise TimeoutError(f"took longer than {job.timeout:g} s")
        finally:
            if limit is not None:
                limit.cancel()
            if not work.done():
                run.stopping.set()
                if work not in self._threads:
                    work.cancel()
                    await asyncio.wait({work})

    async def _pause(self, seconds: float) -> None:
        """Sleeps between attempts; Stopping when the runner stops meanwhile."""
        sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait({sleep, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            ending.cancel()
        if self._ending.is_set():
            raise Stopping("the runner stops")

    def _log_retry(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0
        log.warning("%s failed, again in %g s: %s", self._job.name, wait, error)


async def _on_thread(job: Job, run: Run) -> Report | None:
    result: Any = await asyncio.to_thread(job.action, run)
    if inspect.isawaitable(result):  # of a callable object, say
        result = await result
    return result  # type: ignore[no-any-return]
