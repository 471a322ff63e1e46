"""The runner: jobs done when they are due, by one of the workers, and what became of them.

One task of the event loop for each job waits until it is due and runs it; nothing happens in
between.  A run is one of a kind: a job that is going on, here or in another process of the same
workplace, is not started a second time, and one whose thread outlives its timeout counts as going
on until the thread has ended, or the runner was stopped.  What is due while a run goes on is skipped,
and counted.  Failures are tried again as the job says, logged, counted, and shown to the alert
rules; they never stop the runner.  Nor does what fails around the jobs: an election, a rule, a
hook, a file (``Faults``).
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Final, Self

from .alarm import Alarm
from .alert import AlertHook, ConsecutiveFailures, Rule
from .attempts import Attempts
from .clock import Clock, SystemClock
from .faults import Faults
from .follower import Follower
from .job import Job, JobRunning, Run
from .outcome import History, Outcome, Status
from .plain import described
from .records import Records
from .workplace import Workplace

log = logging.getLogger("cachecore.maintenance")


# What a stopped coroutine has to end in, beyond the grace of those that were not yet told.
_CANCELLING: Final = 1.0


class Runner:
    """``async with Runner([Job("sweep", sweep, Every(60))]) as runner: ...``

    Belongs to the event loop on which it was started; ``BackgroundRunner`` brings its own.
    """

    def __init__(
        self,
        jobs: Iterable[Job] = (),
        *,
        workplace: Workplace | None = None,
        history: int = 100,
        rules: Sequence[Rule] = (ConsecutiveFailures(2),),
        on_alert: AlertHook | None = None,
        on_outcome: Callable[[Outcome], object] | None = None,
        grace: float = 5.0,
        election_interval: float = 5.0,
        clock: Clock | None = None,
        chance: random.Random | None = None,
    ) -> None:
        """Starts nothing yet.

        workplace: with a directory, workers agree on who leads, missed runs are caught up, and
            what became of earlier runs is known to the alert rules after a restart.
        history: outcomes kept of each job.
        rules, on_alert: what is worth an alert, and who is told.
        on_outcome: called with every outcome, on the loop.
        grace: seconds that ``stop`` gives the runs that are going on.
        election_interval: seconds until one that does not lead tries to again, and until a
            schedule that failed is looked at again.
        clock, chance: time, and the source of jitter, for tests.
        """
        self.jobs: dict[str, Job] = {}
        self.histories: dict[str, History] = {}
        self.faults = Faults()
        self.alarm = Alarm(rules, on_alert, self.faults)
        self.workplace = Workplace() if workplace is None else workplace
        self._records = Records(self.workplace, self.histories, self.alarm, self.faults)
        self._history = history
        self._on_outcome = on_outcome
        self._grace, self._election_interval = grace, election_interval
        self._clock: Clock = SystemClock() if clock is None else clock
        self._chance = random.Random() if chance is None else chance
        self._active: dict[str, Run] = {}
        self._unended: set[Attempts] = set()  # runs of which something may go on
        self._followers: dict[str, Follower] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._runs: set[asyncio.Task[Any]] = set()  # those that ``stop`` lets end
        self._following = False
        self._process = 0  # that in which it was started
        self._ending = asyncio.Event()
        self.running = False
        for job in jobs:
            self.add(job)

    def add(self, job: Job) -> None:
        """Takes on another job, before the start."""
        if job.name in self.jobs:
            raise ValueError(f"there is a job {job.name!r} already")
        if self.running:
            raise RuntimeError("the runner has been started")
        self.jobs[job.name] = job
        self.histories[job.name] = History(self._history)

    # -- Lifecycle -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begins to follow the schedules; nothing, when it does already.

        In a forked child it starts afresh: what the parent was doing is the parent's.
        """
        if self.running and not self._forked:
            log.warning("the runner runs already")
            return
        if self._forked:
            self._tasks, self._runs, self._active, self._unended = set(), set(), {}, set()
        self._process = os.getpid()
        self.running = True
        self._following = False
        self._ending = asyncio.Event()
        self.alarm.start()
        if len(self._led) < len(self.jobs):
            self._records.take_seat()
        for job in self.jobs.values():
            if job.everywhere:
                self._follow(job)
        self._elect()
        if not self._following:
            self._spawn(self._stand())

    async def stop(self) -> None:
        """Ends it: at once when nothing is going on, else after at most ``grace`` seconds.

        Runs that have not ended by then are cancelled, and left if that takes more than another
        second; threads are left to end by themselves, and hold up neither this nor the process.
        """
        if not self.running:
            return
        self.running = False
        if self._forked:
            return  # it is the parent that runs
        self._ending.set()
        for task in tuple(self._tasks):
            if task not in self._runs:
                task.cancel()
        for run in self._active.values():
            run.stopping.set()
        try:
            if runs := set(self._runs):
                _, late = await asyncio.wait(runs, timeout=self._grace)
                for task in late:
                    task.cancel()
            if rest := set(self._tasks):
                _, late = await asyncio.wait(rest, timeout=_CANCELLING)
                for task in late:
                    task.cancel()  # also from waiting for what does not end
        finally:
            for attempts in self._unended:
                attempts.leave()
            self._unended.clear()
            self._followers.clear()
            self.workplace.step_down(self.jobs)
            self._records.leave_seat()
            self._process = 0

    @property
    def _forked(self) -> bool:
        """Whether it was started in the process that this one was forked from."""
        return self._process not in (0, os.getpid())

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """What ASGI frameworks call a lifespan."""
        async with self:
            yield

    async def serve(self) -> None:
        """Runs until SIGTERM or SIGINT: for a process that does nothing else."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, ended.set)
        try:
            async with self:
                await ended.wait()
        finally:
            for number in signals:
                loop.remove_signal_handler(number)

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_log_crash)
        return task

    # -- Election --------------------------------------------------------------------------------

    @property
    def leads(self) -> bool:
        return self.workplace.leads_for(self.jobs)

    @property
    def _led(self) -> list[str]:
        """The jobs that only the leader runs."""
        return [job.name for job in self.jobs.values() if not job.everywhere]

    def _elect(self) -> None:
        """Takes the lead if nobody has it; what fails is tried again."""
        try:
            leads = self.workplace.lead(self.jobs)
        except Exception:
            self.faults.survived("election", "the election failed; it is tried again")
            return
        self.faults.passed("election")
        if leads and not self._following:
            self._following = True
            for name in self._led:
                self._follow(self.jobs[name])

    async def _stand(self) -> None:
        while not self._following:
            await self._clock.sleep(self._election_interval)
            self._elect()
        log.info("this runner leads now")

    # -- Schedules -------------------------------------------------------------------------------

    def due_in(self, name: str) -> float | None:
        """Seconds until the job's next run by the schedule; None: this runner plans none."""
        follower = self._followers.get(name)
        if follower is None or follower.due == math.inf:
            return None
        return max(0.0, follower.due - self._clock.now().steady)

    def _follow(self, job: Job) -> None:
        self._records.recall(job)
        self._followers[job.name] = follower = Follower(
            job,
            self._begin,
            clock=self._clock,
            chance=self._chance,
            workplace=self.workplace,
            faults=self.faults,
            pause=self._election_interval,
        )
        self._spawn(follower.follow())

    def _begin(self, job: Job, trigger: str, missed: int) -> None:
        """Runs the job, beside its schedule: what is due before the run has ended is skipped."""
        self.histories[job.name].skipped += missed
        if missed:
            log.warning("%s: %d runs were not begun in time: skipped", job.name, missed)
        self._spawn(self._scheduled(job, trigger))

    async def _scheduled(self, job: Job, trigger: str) -> None:
        try:
            await self._run(job, Run(job.name, trigger))
        except JobRunning:
            self.histories[job.name].skipped += 1
            log.warning("%s is due, and still going on: skipped", job.name)

    # -- Runs ------------------------------------------------------------------------------------

    async def run(
        self, name: str, *, dry_run: bool = False, attempts: int = 1, **options: Any
    ) -> Outcome:
        """Runs a job now, beside its schedule, and waits for what becomes of it.

        On this worker, whoever leads.  JobRunning if it is going on; KeyError if there is no such
        job; RuntimeError in a forked child, which has to start the runner itself.  It is tried
        once, for somebody is waiting, or so many ``attempts``.  ``options`` reach the action.
        """
        if self._forked:
            raise RuntimeError(
                f"the runner was started in process {self._process}, and this is a child of it: "
                "a runner does not survive a fork, start it here"
            )
        job = replace(self.jobs[name], attempts=attempts)
        return await self._run(job, Run(name, "manual", dry_run, options=options))

    def active(self, name: str) -> bool:
        """Whether this runner is running the job."""
        return name in self._active

    async def _run(self, job: Job, run: Run) -> Outcome:
        if job.name in self._active:
            raise JobRunning(f"{job.name} is running")
        self._active[job.name] = run
        answer: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def over(task: asyncio.Task[Any]) -> None:
            self._runs.discard(task)
            del self._active[job.name]
            if not answer.done():  # it was ended before its first step
                answer.set_result(self._unperformed(job, run, task))

        task = self._spawn(self._alone(job, run, answer))
        self._runs.add(task)
        task.add_done_callback(over)
        return await asyncio.shield(answer)  # a caller that gives up does not end the run

    async def _alone(self, job: Job, run: Run, answer: asyncio.Future[Outcome]) -> None:
        with ExitStack() as held:
            claimed = job.everywhere

            def claim() -> None:
                nonlocal claimed
                claimed = claimed or held.enter_context(self.workplace.only_one(job.name))
                if not claimed:
                    raise JobRunning(f"{job.name} is run by another process")

            attempts = Attempts(job, run, self._clock, self._ending, claim)
            self._unended.add(attempts)
            try:
                outcome = await attempts.perform()
            except JobRunning as error:
                if not answer.done():
                    answer.set_exception(error)
                    answer.exception()  # which the caller may have ceased to wait for
                self._unended.discard(attempts)
                return
            self._tell(job, outcome)
            if not answer.done():
                answer.set_result(outcome)
            await attempts.ended()
            self._unended.discard(attempts)

    def _unperformed(self, job: Job, run: Run, task: asyncio.Task[Any]) -> Outcome:
        """The outcome of a run whose task ended without one."""
        error = None if task.cancelled() else task.exception()
        outcome = Outcome(
            job=job.name,
            trigger=run.trigger,
            status=Status.FAILED if error else Status.CANCELLED,
            started_at=self._clock.now().wall,
            duration=0.0,
            attempts=0,
            dry_run=run.dry_run,
            error=described(error) if error else "the runner stopped",
        )
        self._tell(job, outcome)
        return outcome

    def _tell(self, job: Job, outcome: Outcome) -> None:
        history = self.histories[job.name]
        history.add(outcome)
        self._records.keep(job, outcome)
        if self._on_outcome is not None:
            try:
                self._on_outcome(outcome)
            except BaseException:
                self.faults.survived("outcome hook", "on_outcome failed")
        if changes := self.alarm.judge(outcome, history, self._clock.now().wall):
            task = self._spawn(self.alarm.tell(changes))
            self._runs.add(task)
            task.add_done_callback(self._runs.discard)

    # -- Watching --------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Everything about every job, as JSON has it."""
        return {name: self._status(job) for name, job in self.jobs.items()}

    def health(self) -> dict[str, Any]:
        """Whether it runs and each job did well the last time; if not, what failed.

        A run counts when all its attempts have ended.  A job that has not run yet is well.
        """
        failing = {
            name: {"failures": history.consecutive_failures, "error": history.failing.error}
            for name, history in self.histories.items()
            if history.failing is not None
        }
        running = self.running and not self._forked
        return {
            "healthy": running and not failing,
            "running": running,
            "failing": failing,
            "faults": dict(self.faults.counts),
        }

    def _status(self, job: Job) -> Mapping[str, Any]:
        history = self.histories[job.name]
        return {
            "schedule": None if job.schedule is None else str(job.schedule),
            "active": self.active(job.name),
            "dueIn": self.due_in(job.name),
            "counts": {str(status): history.counts[status] for status in Status},
            "skipped": history.skipped,
            "consecutiveFailures": history.consecutive_failures,
            "successRate": history.success_rate,
            "history": [outcome.to_dict() for outcome in history],
        }


def _log_crash(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("a task of the runner ended", exc_info=task.exception())
