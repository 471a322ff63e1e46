"""One run of a job: its attempts, each within its time, and the waits between them.

An action that is a coroutine can be cancelled, by its timeout or by the end of the runner.  One
on a thread cannot: it is told (``Run.stopping``), and ``ended`` waits for the thread.

Whatever an action raises is that run's failure and nobody else's.  SystemExit and KeyboardInterrupt
would end the event loop from inside a task, and a CancelledError that nobody asked for would look
like the end of the runner, so an action's exception is handed on as a value, never raised in a task
of the loop.  (A Ctrl-C that hits a coroutine on a loop without a signal handler is taken for the
job's failure, too; asyncio.run, uvicorn and ``Runner.serve`` have one.)
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from ..extras import needs

needs("maintenance", "tenacity")

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential

from .clock import Clock
from .job import Job, JobRunning, Report, Run, Stopping
from .outcome import Outcome, Status
from .plain import described, plain
from .threads import Raised, on_thread

log = logging.getLogger("cachecore.maintenance")


class Failed(Exception):
    """Carries what an action raised, of whatever class."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class Attempts:
    def __init__(
        self,
        job: Job,
        run: Run,
        clock: Clock,
        ending: asyncio.Event,
        claim: Callable[[], object] = lambda: None,
    ) -> None:
        """ending: set when the runner stops.

        claim: called at the beginning of each attempt; what it raises is the attempt's failure,
        but for JobRunning.
        """
        self._job, self._run, self._clock, self._ending = job, run, clock, ending
        self._claim = claim
        self._late: list[asyncio.Future[Any]] = []  # what outlives its time
        self._count = 0

    async def perform(self) -> Outcome:
        """Raises JobRunning, and nothing else."""
        job, run, begun = self._job, self._run, self._clock.now()
        report: Report = {}
        error = None
        retrying = AsyncRetrying(
            sleep=self._pause,
            stop=stop_after_attempt(job.attempts),
            wait=wait_exponential(multiplier=job.backoff, max=job.backoff_max),
            # What hung once is not tried again at once, and its thread may still be there.
            retry=retry_if_exception_type(Failed),
            before_sleep=self._log_retry,
            reraise=True,
        )
        try:
            report = _reported(await retrying(self._attempt))
            status = Status.SUCCEEDED
        except TimeoutError as failure:
            status, error = Status.TIMED_OUT, str(failure)
        except (asyncio.CancelledError, Stopping):
            status, error = Status.CANCELLED, "the runner stopped"
        except JobRunning:
            raise
        except Failed as failure:
            status, error = Status.FAILED, described(failure.error)
        except Exception as failure:
            status, error = Status.FAILED, described(failure)
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
        """Waits for what outlived its time; for a thread not when the runner stops."""
        while waiting := [work for work in self._late if self._holds_up(work)]:
            await asyncio.wait(waiting)

    def leave(self) -> None:
        """When the runner has stopped: nobody waits any more for coroutines that do not end.

        Not even ``asyncio.run``, which cancels all tasks that there are, and waits for them without a limit.
        """
        for work in self._late:
            if isinstance(work, asyncio.Task) and not work.done():
                log.error("%s ignores that it is cancelled, and is left", self._job.name)
                asyncio._unregister_task(work)

    def _holds_up(self, work: asyncio.Future[Any]) -> bool:
        stoppable = isinstance(work, asyncio.Task)
        return not work.done() and (stoppable or not self._ending.is_set())

    async def _attempt(self) -> object:
        """What the action returned; Failed, TimeoutError, Stopping, JobRunning."""
        self._count += 1
        job, run = self._job, replace(self._run, attempt=self._count)
        try:
            self._claim()
            work = _begin(job, run)
        except JobRunning:
            raise
        except Exception as error:  # no lock, no thread
            raise Failed(error) from error
        limit = asyncio.ensure_future(self._clock.sleep(job.timeout)) if job.timeout else None
        try:
            while True:
                waited = {work} if limit is None else {work, limit}
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    raise TimeoutError(f"took longer than {job.timeout:g} s")
                result = _result(work, run)
                if not inspect.isawaitable(result):
                    return result
                work = asyncio.ensure_future(_awaited(result))
        finally:
            if limit is not None:
                limit.cancel()
            if not work.done():
                run.stopping.set()
                self._late.append(work)
                if isinstance(work, asyncio.Task):
                    work.cancel()

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
        failure = state.outcome.exception() if state.outcome else None
        wait = state.next_action.sleep if state.next_action else 0
        said = described(failure.error) if isinstance(failure, Failed) else failure
        log.warning("%s failed, again in %g s: %s", self._job.name, wait, said)


def _begin(job: Job, run: Run) -> asyncio.Future[Any]:
    """A task on the loop, or a function on a thread, that ends with a value or ``Raised``."""
    action: Any = job.action
    if inspect.iscoroutinefunction(action) or inspect.iscoroutinefunction(
        getattr(action, "__call__", None)  # noqa: B004: an object's own
    ):
        return asyncio.ensure_future(_guarded(action, run))
    return on_thread(f"cachecore-job-{job.name}", action, run)


async def _guarded(action: Callable[..., Awaitable[Any]], *arguments: Any) -> object:
    try:
        return await action(*arguments)
    except BaseException as error:
        return Raised(error)


async def _awaited(result: Awaitable[Any]) -> object:
    """Of a function that returned it: the wait belongs on the loop."""

    async def action() -> object:
        return await result

    return await _guarded(action)


def _result(work: asyncio.Future[Any], run: Run) -> object:
    # Cancelled are those before their first step, and those that cancel themselves in their last.
    result = Raised(asyncio.CancelledError()) if work.cancelled() else work.result()
    if not isinstance(result, Raised):
        return result
    if run.stopping.is_set() and isinstance(result.error, (asyncio.CancelledError, Stopping)):
        raise Stopping("the runner stops") from result.error
    raise Failed(result.error) from result.error


def _reported(result: object) -> Report:
    if result is None:
        return {}
    if not isinstance(result, Mapping):
        raise TypeError(f"an action returns a mapping or None, not {type(result).__name__!r}")
    report: Report = plain(result)
    return report
