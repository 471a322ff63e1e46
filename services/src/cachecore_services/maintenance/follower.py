"""One job's schedule, followed: what is due is begun, and what fails meanwhile is survived."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from .clock import Clock, Moment
from .faults import Faults
from .job import Job
from .schedule import Schedule
from .workplace import Workplace


_MISSED_MAX: Final = 1000

T = TypeVar("T")


class _Failed(Exception):
    """A schedule has raised something, of whatever class."""


def _asked(question: Callable[..., T], *moments: Moment) -> T:
    """What a schedule answers.  Whatever it raises is its own failure, and ends no task of the loop."""
    try:
        return question(*moments)
    except BaseException as error:
        raise _Failed(f"{type(error).__name__}: {error}") from error


class Follower:
    def __init__(
        self,
        job: Job,
        begin: Callable[[Job, str, int], object],
        *,
        clock: Clock,
        chance: random.Random,
        workplace: Workplace,
        faults: Faults,
        pause: float,
    ) -> None:
        """begin: begins a run and does not wait for it; told the job, what the run comes of, and
            how many that were due before it were not begun.

        pause: seconds until a schedule that failed is asked again.
        """
        self._job, self._begin, self._pause = job, begin, pause
        self._clock, self._chance = clock, chance
        self._workplace, self._faults = workplace, faults
        self.due = math.inf  #: when the next run is, steady time

    async def follow(self) -> None:
        """Never ends, but for a job without a schedule."""
        job = self._job
        last, trigger = self._resume()
        if job.run_at_start:
            await self._clock.sleep(self._chance.uniform(0, job.jitter))
            last = self._clock.now()
            self._run(last, "start", 0)
        while job.schedule is not None:
            try:
                due = await self._until_due(job.schedule, last)
                late = 0 if trigger == "catch-up" else self._missed(job.schedule, last)
                self._run(due, trigger, late)
                last, trigger = due, "schedule"
            except (Exception, SystemExit, KeyboardInterrupt, asyncio.CancelledError):
                here = asyncio.current_task()
                if here is not None and here.cancelling():  # the runner stops
                    raise
                self._faults.survived(
                    "schedule",
                    "the schedule of %s failed, again in %g s",
                    job.name,
                    self._pause,
                    whose=job.name,
                )
                await self._clock.sleep(self._pause)

    def _resume(self) -> tuple[Moment, str]:
        """The moment that the schedule goes on from, and what the first run comes of."""
        job, now = self._job, self._clock.now()
        if job.run_at_start or not job.catch_up or job.schedule is None or job.everywhere:
            return now, "schedule"
        try:
            before = self._workplace.last_run(job.name)
        except Exception:
            self._faults.survived("workplace", "%s: what was missed is not known", job.name)
            return now, "schedule"
        if before is None:
            self._note(now)  # so that restarts do not put the first run off for ever
            return now, "schedule"
        down = max(0.0, now.wall - before)
        last = Moment(now.wall - down, now.steady - down)
        with suppress(Exception):  # it will fail again where that is seen to
            if _asked(job.schedule.wait, now, last) <= 0:
                return last, "catch-up"
        return last, "schedule"

    async def _until_due(self, schedule: Schedule, last: Moment) -> Moment:
        """Waits for the run after ``last``; the moment at which that is due."""
        extra = self._chance.uniform(0, self._job.jitter)
        while True:
            now = self._clock.now()
            left = _asked(schedule.wait, now, last) + extra
            self._faults.passed("schedule", self._job.name)
            self.due = now.steady + left
            if left <= 0:
                return _asked(schedule.latest, now, last)
            # A little late rather than early: never twice for one moment.
            look_again = _asked(lambda: schedule.look_again)
            await self._clock.sleep(max(0.001, min(left, look_again)))

    def _missed(self, schedule: Schedule, last: Moment) -> int:
        """How many runs were due since ``last`` but for one, if nobody set the clock: the loop was
        blocked, or the process stopped.  At most 1000."""
        now = self._clock.now().steady
        count = 0
        with suppress(Exception):  # it is due all the same
            while count <= _MISSED_MAX:
                step = _asked(schedule.wait, last, last)
                if step <= 0 or last.steady + step > now:
                    break
                last = Moment(last.wall + step, last.steady + step)
                count += 1
        return max(0, count - 1)

    def _run(self, due: Moment, trigger: str, missed: int) -> None:
        self._note(due)
        self._begin(self._job, trigger, missed)

    def _note(self, due: Moment) -> None:
        """Remembers, beyond this process, where the schedule is."""
        if self._job.everywhere:
            return
        try:
            self._workplace.ran(self._job.name, due.wall)
            self._faults.passed("workplace")
        except Exception:
            self._faults.survived(
                "workplace", "%s: what is missed will not be known", self._job.name
            )
