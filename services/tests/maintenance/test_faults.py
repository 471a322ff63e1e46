"""What fails around the jobs passes, and the schedules go on."""

from __future__ import annotations

import asyncio
import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cachecore_services.maintenance import (
    ConsecutiveFailures,
    Every,
    Job,
    ManualClock,
    Moment,
    Run,
    Status,
    Workplace,
)

from .conftest import HOUR, Bench, bench, scripted


class Flaky(Workplace):
    """Fails in these methods while told to."""

    def __init__(self, directory: Path | None, *failing: str) -> None:
        super().__init__(directory)
        self.failing = set(failing)
        for name in ("_take", "ran", "last_run", "remember", "remembered"):
            self.wrap(name)

    def wrap(self, name: str) -> None:
        real = getattr(self, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if name in self.failing:
                raise OSError(errno.EMFILE, "too many open files")
            return real(*arguments, **named)

        setattr(self, name, call)


@contextmanager
def no_more_files() -> Iterator[None]:
    """The process can open nothing more."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_a_lock_that_cannot_be_had_is_a_failed_run(tmp_path: Path) -> None:
    job, action = scripted("sweep", schedule=Every(HOUR))
    async with bench(job, workplace=Workplace(tmp_path)) as at:
        with no_more_files():
            await at.clock.advance(2 * HOUR)
            assert [one.status for one in at.outcomes] == [Status.FAILED] * 2
            assert "Too many open files" in str(at.outcomes[0].error)
            assert ("consecutive-failures", "sweep") in at.runner.alarm.firing
            assert (await at.runner.run("sweep")).status is Status.FAILED
        await at.clock.advance(HOUR)
        assert at.outcomes[-1].succeeded and len(action.runs) == 1
        assert not at.runner.alarm.firing and at.runner.health()["healthy"]
        assert at.runner.faults.counts["workplace"] > 0


async def test_it_is_tried_again_as_the_job_says(tmp_path: Path) -> None:
    place = Flaky(tmp_path)
    job, action = scripted("sweep", schedule=Every(HOUR), attempts=2, backoff=30)
    async with bench(job, workplace=place) as at:
        place.failing.add("_take")
        await at.clock.advance(HOUR)
        place.failing.clear()
        await at.clock.advance(30)
        assert [(one.status, one.attempts) for one in at.outcomes] == [(Status.SUCCEEDED, 2)]


async def test_a_start_without_a_lock_stands_by(tmp_path: Path) -> None:
    place = Flaky(tmp_path, "_take", "last_run", "remembered", "ran")
    led, action = scripted("led", schedule=Every(HOUR))
    own, its = scripted("own", schedule=Every(HOUR), everywhere=True)
    async with bench(led, own, workplace=place, election_interval=60) as at:
        assert at.runner.running and not at.runner.leads
        await at.clock.advance(180)
        assert at.runner.faults.counts["election"] == 4
        place.failing.clear()
        await at.clock.advance(60)
        assert at.runner.leads
        await at.clock.advance(HOUR)
        assert len(action.runs) == len(its.runs) == 1


async def test_a_standby_survives_a_failed_election(tmp_path: Path) -> None:
    clock = ManualClock()
    first = Bench([scripted("sweep")[0]], clock=clock, workplace=Workplace(tmp_path))
    await first.runner.start()
    place = Flaky(tmp_path)
    job, action = scripted("sweep", schedule=Every(HOUR))
    async with bench(job, clock=clock, workplace=place, election_interval=60) as at:
        place.failing.add("_take")
        await clock.advance(120)
        await first.runner.stop()
        await clock.advance(60)
        assert not at.runner.leads and at.runner.faults.counts["election"] == 3
        place.failing.clear()
        await clock.advance(60 + HOUR)
        assert at.runner.leads and len(action.runs) == 1


async def test_files_that_cannot_be_written_or_read(tmp_path: Path) -> None:
    place = Flaky(tmp_path, "ran", "last_run", "remember", "remembered")
    job, action = scripted("sweep", schedule=Every(HOUR))
    async with bench(job, workplace=place) as at:
        await at.clock.advance(3 * HOUR)
        assert len(action.runs) == 3 and all(one.succeeded for one in at.outcomes)
        assert at.runner.faults.counts["workplace"] >= 7


class Odd:
    """A schedule that raises every other time."""

    look_again = 60.0

    def __init__(self) -> None:
        self.asked = 0

    def wait(self, now: Moment, last: Moment) -> float:
        self.asked += 1
        if self.asked % 2:
            raise LookupError("no such zone any more")
        return last.steady + HOUR - now.steady

    def latest(self, now: Moment, last: Moment) -> Moment:
        return now


async def test_a_schedule_that_raises_is_asked_again() -> None:
    job, action = scripted("sweep", schedule=Odd())
    async with bench(job, election_interval=600) as at:
        await at.clock.advance(8 * HOUR)
        assert len(action.runs) >= 2 and at.runner.faults.counts["schedule"] > 2


class Rule(ConsecutiveFailures):
    def holds(self, *_: object) -> str | None:
        raise self.error  # type: ignore[attr-defined]


class OfItsOwnKind(BaseException):
    """As some frameworks have of their own."""


ERRORS = [KeyError("no"), SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError(), OfItsOwnKind()]


@pytest.mark.parametrize("error", ERRORS)
async def test_a_rule_that_raises(error: BaseException) -> None:
    rule = Rule()
    object.__setattr__(rule, "error", error)
    job, action = scripted("sweep", OSError("a"), OSError("b"), schedule=Every(HOUR))
    heard: list[str] = []

    async def hear(alert: Any) -> None:
        heard.append(alert.message)

    async with bench(job, rules=[rule, ConsecutiveFailures(2)], on_alert=hear) as at:
        await at.clock.advance(3 * HOUR)
        assert len(action.runs) == 3 and at.runner.faults.counts["rule"] == 3
        assert len(heard) == 2  # the other rule's: begun, and over
        assert (await at.runner.run("sweep")).succeeded


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("kind", ["function", "coroutine"])
async def test_hooks_that_raise(kind: str, error: BaseException) -> None:
    def fail(_: object) -> None:
        raise error

    async def fail_too(_: object) -> None:
        raise error

    job, action = scripted("sweep", OSError("a"), OSError("b"), schedule=Every(HOUR))
    at = Bench([job], on_alert=fail if kind == "function" else fail_too)
    at.runner._on_outcome = fail
    async with at.runner:
        await at.clock.advance(3 * HOUR)
        async with asyncio.timeout(20):
            while at.runner.faults.counts["alert hook"] < 2:
                await asyncio.sleep(0.001)
        assert len(action.runs) == 3 and at.runner.faults.counts["outcome hook"] == 3
        assert ("alert hook", "") in at.runner.faults.standing


async def test_faults_are_metrics() -> None:
    client = pytest.importorskip("prometheus_client")
    from cachecore_services.maintenance.prometheus import JobCollector

    async with bench(Job("sweep", lambda run: None)) as at:
        at.runner.faults.counts["election"] = 2
        registry = client.CollectorRegistry()
        registry.register(JobCollector(at.runner))
        text = client.generate_latest(registry).decode().splitlines()
        assert 'cachecore_runner_faults_total{part="election"} 2.0' in text
        assert 'cachecore_runner_faults_total{part="schedule"} 0.0' in text


# -- What was due and not run ----------------------------------------------------------------------


async def test_intervals_that_a_run_overruns_are_skipped_and_counted() -> None:
    clock = ManualClock()
    begun = []

    async def slow(run: Run) -> None:
        begun.append(clock.now().steady)
        await clock.sleep(35)

    async with bench(Job("slow", slow, Every(10)), clock=clock) as at:
        await clock.advance(205)
        assert begun == [10, 50, 90, 130, 170]
        assert at.runner.histories["slow"].skipped == 20 - len(begun)
        assert at.runner.status()["slow"]["skipped"] == 15


async def test_so_are_those_that_a_blocked_loop_missed() -> None:
    clock = ManualClock()
    job, action = scripted("sweep", schedule=Every(10))
    async with bench(job, clock=clock) as at:
        await clock.advance(10)
        clock._step(35)  # nobody woke in between
        await clock.settle()
        assert len(action.runs) == 2 and at.runner.histories["sweep"].skipped == 2
        await clock.advance(5)
        assert len(action.runs) == 3


@pytest.mark.parametrize("where", ["wait", "latest", "look_again"])
@pytest.mark.parametrize(
    "error",
    [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit, ValueError, StopIteration],
)
async def test_whatever_a_schedule_raises_the_job_goes_on(
    error: type[BaseException], where: str
) -> None:
    class Raises:
        failures = 2

        def fail(self, here: str) -> None:
            if here == where and self.failures:
                self.failures -= 1
                raise error

        @property
        def look_again(self) -> float:
            self.fail("look_again")
            return HOUR

        def wait(self, now: Moment, last: Moment) -> float:
            self.fail("wait")
            return last.steady + HOUR - now.steady

        def latest(self, now: Moment, last: Moment) -> Moment:
            self.fail("latest")
            return now

    job, action = scripted("sweep", schedule=Raises())
    async with bench(job) as at:
        await at.clock.advance(4 * HOUR)
        assert len(action.runs) >= 2 and at.runner.faults.counts["schedule"] == 2
        assert at.runner.health()["faults"] == {"schedule": 2}
        assert ("schedule", "sweep") not in at.runner.faults.standing


async def test_a_stray_cancellation_from_a_clock_ends_no_schedule() -> None:
    class Stray(ManualClock):
        failures = 2

        async def sleep(self, seconds: float) -> None:
            if self.failures and seconds > 100:
                self.failures -= 1
                raise asyncio.CancelledError
            await super().sleep(seconds)

    job, action = scripted("sweep", schedule=Every(HOUR))
    async with bench(job, clock=Stray()) as at:
        await at.clock.advance(3 * HOUR)
        assert len(action.runs) >= 2
