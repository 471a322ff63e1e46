"""The runner: jobs done when they are due, by one of the workers, and what became of them.

One task of the event loop for each job waits until it is due and runs it; nothing happens in
between.  A run is one of a kind: a job that is going on, here or in another process of the same
workplace, is not started a second time, and one whose thread outlives its timeout counts as going
on until the thread has ended.  Failures are tried again as the job says, logged, counted, and
shown to the alert rules; they never stop the runner.
"""

from __future__ import annotations

import asyncio
import logging
import random
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Any, Self

from .alarm import Alarm
from .alert import AlertHook, ConsecutiveFailures, Rule
from .attempts import Attempts
from .clock import Clock, Moment, SystemClock
from .job import Job, Run
from .outcome import History, Outcome, Status
from .workplace import Workplace

log = logging.getLogger("cachecore.maintenance")


class JobRunning(RuntimeError):
    """The job is being run already, by this process or by another one."""


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

        workplace: with a directory, workers agree on who leads, and missed runs are caught up.
        history: outcomes kept of each job.
        rules, on_alert: what is worth an alert, and who is told.
        on_outcome: called with every outcome, on the loop.
        grace: seconds that ``stop`` gives the runs that are going on.
        election_interval: seconds until one that does not lead tries to again.
        clock, chance: time, and the source of jitter, for tests.
        """
        self.jobs: dict[str, Job] = {}
        self.histories: dict[str, History] = {}
        self.alarm = Alarm(rules, on_alert)
        self.workplace = Workplace() if workplace is None else workplace
        self._history = history
        self._on_outcome = on_outcome
        self._grace, self._election_interval = grace, election_interval
        self._clock: Clock = SystemClock() if clock is None else clock
        self._chance = random.Random() if chance is None else chance
        self._active: dict[str, Run] = {}
        self._due: dict[str, float] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._runs: set[asyncio.Task[Any]] = set()  # those that ``stop`` lets end
        self._following = False
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
        """Begins to follow the schedules; nothing, when it does already."""
        if self.running:
            log.warning("the runner runs already")
            return
        self.running = True
        self._following = False
        self._ending = asyncio.Event()
        for job in self.jobs.values():
            if job.everywhere:
                self._spawn(self._follow(job))
        self._elect()
        if not self.workplace.leads:
            self._spawn(self._stand())

    async def stop(self) -> None:
        """Ends it: at once when nothing is going on, else after at most ``grace`` seconds.

        Runs that have not ended by then are cancelled, threads left to end by themselves.
        """
        if not self.running:
            return
        self.running = False
        self._ending.set()
        for task in tuple(self._tasks):
            if task not in self._runs:
                task.cancel()
        for run in self._active.values():
            run.stopping.set()
        if runs := set(self._runs):
            _, late = await asyncio.wait(runs, timeout=self._grace)
            for task in late:
                task.cancel()
        if rest := set(self._tasks):
            _, late = await asyncio.wait(rest, timeout=self._grace)
            for task in late:
                log.error("%r does not end, and is left", task.get_name())
        self._due.clear()
        self.workplace.step_down()

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
        return self.workplace.leads

    def _elect(self) -> None:
        if not self._following and self.workplace.lead():
            self._following = True
            for job in self.jobs.values():
                if not job.everywhere:
                    self._spawn(self._follow(job))

    async def _stand(self) -> None:
        while not self.leads:
            await self._clock.sleep(self._election_interval)
            self._elect()
        log.info("this runner leads now")

    # -- Schedules -------------------------------------------------------------------------------

    def due_in(self, name: str) -> float | None:
        """Seconds until the job's next run by the schedule; None: this runner plans none."""
        due = self._due.get(name)
        return None if due is None else max(0.0, due - self._clock.now().steady)

    async def _follow(self, job: Job) -> None:
        now = last = self._clock.now()
        trigger = "schedule"
        if job.run_at_start:
            await self._clock.sleep(self._chance.uniform(0, job.jitter))
            last = await self._scheduled(job, "start", self._clock.now())
        elif job.catch_up and job.schedule is not None and not job.everywhere:
            before = self.workplace.last_run(job.name)
            if before is None:
                self._note(job, now)  # so that restarts do not put the first run off for ever
            else:
                down = max(0.0, now.wall - before)
                last = Moment(now.wall - down, now.steady - down)
                trigger = "catch-up"
        if job.schedule is None:
            return
        if job.schedule.wait(now, last) > 0:
            trigger = "schedule"
        while True:
            extra = self._chance.uniform(0, job.jitter)
            while True:
                now = self._clock.now()
                left = job.schedule.wait(now, last) + extra
                self._due[job.name] = now.steady + left
                if left <= 0:
                    break
                # A little late rather than early: never twice for one moment.
                await self._clock.sleep(max(0.001, min(left, job.schedule.look_again)))
            last = await self._scheduled(job, trigger, job.schedule.latest(now, last))
            trigger = "schedule"

    async def _scheduled(self, job: Job, trigger: str, due: Moment) -> Moment:
        """Runs the job, without waiting for its end if it is going on; ``due``."""
        self._note(job, due)
        try:
            await self._run(job, Run(job.name, trigger))
        except JobRunning:
            self.histories[job.name].skipped += 1
            log.warning("%s is due, and still going on: skipped", job.name)
        return due

    def _note(self, job: Job, due: Moment) -> None:
        """Remembers, beyond this process, where the schedule is."""
        if job.everywhere:
            return
        try:
            self.workplace.ran(job.name, due.wall)
        except OSError as error:
            log.error("%s: what was missed will not be known: %s", job.name, error)

    # -- Runs ------------------------------------------------------------------------------------

    async def run(
        self, name: str, *, dry_run: bool = False, attempts: int = 1, **options: Any
    ) -> Outcome:
        """Runs a job now, beside its schedule, and waits for what becomes of it.

        On this worker, whoever leads.  JobRunning if it is going on; KeyError if there is no such
        job.  It is tried once, for somebody is waiting, or so many ``attempts``.  ``options``
        reach the action.
        """
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
            if not answer.done():
                answer.cancel()

        task = self._spawn(self._alone(job, run, answer))
        self._runs.add(task)
        task.add_done_callback(over)
        return await asyncio.shield(answer)  # a caller that gives up does not end the run

    async def _alone(self, job: Job, run: Run, answer: asyncio.Future[Outcome]) -> None:
        claim = nullcontext(True) if job.everywhere else self.workplace.only_one(job.name)
        with claim as alone:
            if not alone:
                answer.set_exception(JobRunning(f"{job.name} is run by another process"))
                return
            attempts = Attempts(job, run, self._clock, self._ending)
            outcome = await attempts.perform()
            self._tell(outcome)
            if not answer.done():
                answer.set_result(outcome)
            await attempts.ended()

    def _tell(self, outcome: Outcome) -> None:
        history = self.histories[outcome.job]
        history.add(outcome)
        if self._on_outcome is not None:
            try:
                self._on_outcome(outcome)
            except Exception:
                log.exception("on_outcome failed")
        if changes := self.alarm.judge(outcome, history, self._clock.now().wall):
            task = self._spawn(self.alarm.tell(changes))
            self._runs.add(task)
            task.add_done_callback(self._runs.discard)

    # -- Watching --------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Everything about every job, as JSON has it."""
        return {name: self._status(job) for name, job in self.jobs.items()}

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
