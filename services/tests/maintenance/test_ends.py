"""How a run can end: whatever an action raises is that run's failure and nobody else's."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from cachecore_services.maintenance import BackgroundRunner, Every, Job, Run, Runner, Status, Stopping

from .conftest import HOUR, bench

RAISED: list[Callable[[], BaseException]] = [
    lambda: SystemExit(3),
    KeyboardInterrupt,
    asyncio.CancelledError,
    GeneratorExit,
    lambda: BaseExceptionGroup("several", [SystemExit(1), ValueError("x")]),
    lambda: ExceptionGroup("several", [ValueError("x")]),
    StopIteration,
    StopAsyncIteration,
    lambda: TimeoutError("of a socket"),
    lambda: Stopping("nobody asked"),
    type("Own", (BaseException,), {}),
    type("Mute", (Exception,), {"__str__": lambda self: 1 / 0}),
]


def actions(error: Callable[[], BaseException]) -> dict[str, Any]:
    def function(run: Run) -> None:
        raise error()

    async def coroutine(run: Run) -> None:
        raise error()

    async def later(run: Run) -> None:
        await asyncio.sleep(0)
        raise error()

    class Callable_:
        async def __call__(self, run: Run) -> None:
            raise error()

    def marked(run: Run) -> Any:  # where it can be: said to be a coroutine, and raises at once
        raise error()

    mark: Any = getattr(inspect, "markcoroutinefunction", lambda function: function)
    return {
        "function": function,
        "coroutine": coroutine,
        "coroutine, later": later,
        "awaitable of a function": lambda run: later(run),
        "asynchronous object": Callable_(),
        "marked as a coroutine": mark(marked),
    }


@pytest.mark.parametrize("error", RAISED, ids=lambda make: type(make()).__name__)
@pytest.mark.parametrize("kind", list(actions(ValueError)))
async def test_any_exception_is_a_failed_run(kind: str, error: Callable[[], BaseException]) -> None:
    action = actions(error)[kind]
    async with bench(Job("job", action, backoff=0), Job("other", lambda run: {"fine": 1})) as at:
        outcome = await at.runner.run("job", attempts=2)
        assert (outcome.status, outcome.attempts) == (Status.FAILED, 2)
        assert outcome.error is not None and type(error()).__name__ in outcome.error
        assert (await at.runner.run("other")).report == {"fine": 1}
        assert at.runner.histories["job"].consecutive_failures == 1
        assert not at.runner.active("job")
        health = at.runner.health()
        assert not health["healthy"] and list(health["failing"]) == ["job"]


async def test_who_cancels_himself_has_failed() -> None:
    async def last(run: Run) -> dict[str, int]:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        return {"done": 1}

    async def others(run: Run) -> None:
        given_up = asyncio.get_running_loop().create_future()
        given_up.cancel()
        await given_up

    async with bench(Job("last", last), Job("others", others)) as at:
        for name in at.runner.jobs:
            outcome = await at.runner.run(name)
            assert (outcome.status, outcome.error) == (Status.FAILED, "CancelledError")


async def test_a_schedule_goes_on_after_an_exit() -> None:
    def leave(run: Run) -> None:
        sys.exit(3)

    async def leave_too(run: Run) -> None:
        sys.exit(3)

    async with bench(Job("a", leave, Every(HOUR)), Job("b", leave_too, Every(HOUR))) as at:
        for hour in (1, 2, 3):
            await at.clock.advance(HOUR)
            await at.until(2 * hour)
        assert {str(one.error) for one in at.outcomes} == {"SystemExit: 3"}


def test_a_thread_of_its_own_survives_an_exit() -> None:
    async def leave(run: Run) -> None:
        sys.exit(3)

    with BackgroundRunner(Runner([Job("leave", leave)])) as runner:
        for _ in range(2):
            assert runner.run("leave").error == "SystemExit: 3"


async def test_a_cancellation_that_was_asked_for_is_one() -> None:
    started = asyncio.Event()

    async def work(run: Run) -> None:
        started.set()
        await asyncio.Event().wait()

    async with bench(Job("work", work), grace=0.01) as at:
        asking = asyncio.create_task(at.runner.run("work"))
        await started.wait()
        await at.runner.stop()
        outcome = await asking
        assert outcome.status is Status.CANCELLED
        assert at.runner.histories["work"].failing is None


async def test_what_it_cleans_up_when_cancelled_is_waited_for() -> None:
    started, steps = asyncio.Event(), []

    async def work(run: Run) -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            steps.append("cleaned up")

    async with bench(Job("work", work), grace=0.01) as at:
        asking = asyncio.create_task(at.runner.run("work"))
        await started.wait()
        await at.runner.stop()
        assert steps == ["cleaned up"]
        await asking


async def test_a_run_that_is_cancelled_before_its_first_step_has_an_outcome() -> None:
    async with bench(Job("work", lambda run: None), grace=0) as at:
        asking = asyncio.create_task(at.runner.run("work"))
        await asyncio.sleep(0)  # the run is a task now, and has done nothing
        for task in tuple(at.runner._runs):
            task.cancel()
        assert (await asking).status is Status.CANCELLED
        assert not at.runner.active("work")
        assert (await at.runner.run("work")).succeeded


async def test_a_report_that_is_none() -> None:
    async with bench(Job("work", lambda run: 5)) as at:  # type: ignore[arg-type,return-value]
        outcome = await at.runner.run("work", attempts=3)
        assert outcome.error == "TypeError: an action returns a mapping or None, not 'int'"
        assert outcome.attempts == 1


# -- The end of the process ------------------------------------------------------------------------

HANGING = """
import asyncio, sys, threading, time
from cachecore_services.maintenance import BackgroundRunner, Every, Job, Runner
began = threading.Event()
def hang(run):
    began.set()
    time.sleep(600)
def alert(alert):
    began.set()
    time.sleep(600)
def fail(run):
    raise OSError("no")
job = Job("job", hang, run_at_start=True, timeout=0.01)
runner = Runner([job], grace=0.1)
alerting = Runner([Job("fail", fail, Every(0.01))], on_alert=alert, grace=0.1)
async def beside(runner):
    async with runner:
        while not began.is_set():
            await asyncio.sleep(0.001)
def background(stop):
    ours = BackgroundRunner(runner)
    ours.start()
    began.wait()
    if stop:
        ours.stop()
"""


@pytest.mark.parametrize(
    "end",
    [
        "asyncio.run(beside(runner))",
        "asyncio.run(beside(alerting))",
        "background(True)",
        "background(False)",
    ],
)
def test_a_thread_that_hangs_does_not_hold_up_the_process(end: str) -> None:
    subprocess.run(
        [sys.executable, "-c", f"{HANGING}\n{end}"], timeout=120, check=True, capture_output=True
    )


async def test_stopping_is_done_within_the_grace_whatever_hangs() -> None:
    release = threading.Event()

    async def deaf(run: Run) -> None:
        while not release.is_set():
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    jobs = Job("deaf", deaf), Job("stuck", lambda run: release.wait(60) and None)
    async with bench(*jobs, grace=0.05) as at:
        asking = [asyncio.create_task(at.runner.run(job.name)) for job in jobs]
        await asyncio.sleep(0.01)
        began = time.monotonic()
        await at.runner.stop()
        print("stopped after", time.monotonic() - began)
        assert not at.runner.running and not release.is_set()
        release.set()
        await asyncio.gather(*asking)


STUBBORN = """
import asyncio
from cachecore_services.maintenance import BackgroundRunner, Every, Job, Runner

async def stubborn(run):
    while True:
        try:
            await asyncio.sleep(3600)
        except BaseException as error:
            if isinstance(error, GeneratorExit):
                raise

def late(run):
    return stubborn(run)

jobs = [
    Job("stubborn", stubborn, Every(0.01)),
    Job("late", late, Every(0.01)),
    Job("timed", stubborn, Every(0.01), timeout=0.02),
]

async def main():
    async with Runner(jobs, grace=0.1):
        await asyncio.sleep(0.3)
    print("stopped")

HOW
print("over")
"""


@pytest.mark.parametrize(
    "how",
    [
        "asyncio.run(main())",
        "with BackgroundRunner(Runner(jobs, grace=0.1)): __import__('time').sleep(0.3)",
    ],
)
def test_a_coroutine_that_ignores_every_cancellation_holds_nothing_up(how: str) -> None:
    """Neither ``stop`` nor the end of the loop, which waits for all tasks that it knows."""
    command = [sys.executable, "-c", STUBBORN.replace("HOW", how)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0 and "over" in ended.stdout, ended.stderr
    if "main" in how:
        assert "stopped" in ended.stdout
        for name in ("stubborn", "late", "timed"):
            assert f"{name} ignores that it is cancelled" in ended.stderr
