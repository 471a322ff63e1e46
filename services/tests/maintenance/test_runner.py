"""Jobs run when they are due, once, and the runner survives them."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from typing import Any

import pytest

from cachecore_services.maintenance import (
    Cron,
    Every,
    Job,
    JobRunning,
    ManualClock,
    Run,
    Runner,
    Status,
    Workplace,
)

from .conftest import HOUR, Bench, bench, scripted


async def test_runs_on_its_interval() -> None:
    job, action = scripted("sweep", {"removed": 3}, schedule=Every(HOUR))
    async with bench(job) as at:
        await at.clock.advance(HOUR - 1)
        assert action.runs == []
        await at.clock.advance(1)
        assert action.triggers == ["schedule"] and at.outcomes[0].report == {"removed": 3}
        await at.clock.advance(10 * HOUR)
        assert len(action.runs) == 11


async def test_runs_by_the_wall_clock() -> None:
    job, action = scripted("sweep", schedule=Cron("0 2 * * *"))
    async with bench(job, clock=ManualClock(wall=1_700_013_599)) as at:  # 01:59:59 UTC
        await at.clock.settle()
        assert action.runs == []
        await at.clock.advance(1)
        assert len(action.runs) == 1 and at.runner.due_in("sweep") == 24 * HOUR
        at.clock.set_wall(at.clock.now().wall + 24 * HOUR - 120)
        await at.clock.advance(119)
        assert len(action.runs) == 1
        await at.clock.advance(1)
        assert len(action.runs) == 2


async def test_a_clock_that_is_set_forward_is_noticed() -> None:
    job, action = scripted("sweep", schedule=Cron("0 2 * * *"))
    async with bench(job) as at:
        at.clock.set_wall(at.clock.now().wall + 12 * HOUR)
        await at.clock.advance(60)
        assert len(action.runs) == 1


async def test_runs_at_start_and_then_by_the_schedule() -> None:
    job, action = scripted("sweep", schedule=Every(HOUR), run_at_start=True)
    async with bench(job) as at:
        assert action.triggers == ["start"]
        await at.clock.advance(HOUR)
        assert action.triggers == ["start", "schedule"]


async def test_jitter_spreads_runs_and_does_not_add_up() -> None:
    seed = random.SystemRandom().getrandbits(32)
    print("seed:", seed)
    job, action = scripted("sweep", schedule=Every(HOUR), jitter=600)
    async with bench(job, chance=random.Random(seed)) as at:
        begin = at.clock.now().wall
        await at.clock.advance(20.5 * HOUR)
    late = [run.started_at - begin - HOUR * number for number, run in enumerate(at.outcomes, 1)]
    assert len(late) == 20 == len(action.runs)
    assert all(-0.01 < wait < 600.01 for wait in late) and len(set(late)) == 20


async def test_failures_are_tried_again_ever_more_slowly() -> None:
    script = OSError("a"), OSError("b"), {"removed": 1}
    job, action = scripted("sweep", *script, attempts=3, backoff=30, schedule=Every(HOUR))
    async with bench(job) as at:
        await at.clock.advance(HOUR)
        await at.clock.advance(29)
        assert len(action.runs) == 1
        await at.clock.advance(1)
        assert len(action.runs) == 2
        await at.clock.advance(59)
        assert len(action.runs) == 2 and at.outcomes == []
        await at.clock.advance(1)
        assert [run.attempt for run in action.runs] == [1, 2, 3]
        (outcome,) = at.outcomes
        assert (outcome.status, outcome.attempts, outcome.duration) == (Status.SUCCEEDED, 3, 90)


async def test_a_job_that_fails_for_good_is_run_again_when_due() -> None:
    script = OSError("disk"), OSError("disk")
    job, action = scripted("sweep", *script, schedule=Every(HOUR), attempts=2)
    async with bench(job) as at:
        await at.clock.advance(HOUR + 30)
        (outcome,) = at.outcomes
        assert outcome.status is Status.FAILED and outcome.error == "OSError: disk"
        await at.clock.advance(HOUR)
        assert at.outcomes[1].succeeded and len(action.runs) == 3
        history = at.runner.histories["sweep"]
        assert (history.failures, history.success_rate) == (1, 50.0)


async def test_a_coroutine_that_takes_too_long_is_cancelled() -> None:
    cancelled = []

    async def hang(run: Run) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(run.stopping.is_set())

    async with bench(Job("hang", hang, Every(HOUR), timeout=10, attempts=3)) as at:
        await at.clock.advance(HOUR + 9)
        assert cancelled == [] and at.runner.active("hang")
        await at.clock.advance(1)
        assert cancelled == [True] and not at.runner.active("hang")
        (outcome,) = at.outcomes
        assert (outcome.status, outcome.error) == (Status.TIMED_OUT, "took longer than 10 s")


async def test_a_thread_that_takes_too_long_is_told_and_never_overtaken() -> None:
    told, end = threading.Event(), threading.Event()

    def hang(run: Run) -> None:
        run.stopping.wait(20)
        told.set()
        end.wait(20)

    async with bench(Job("hang", hang, Every(HOUR), timeout=10)) as at:
        await at.clock.advance(HOUR)
        await at.clock.advance(10)
        await at.until(1)
        assert at.outcomes[0].status is Status.TIMED_OUT
        assert await asyncio.to_thread(told.wait, 20)
        with pytest.raises(JobRunning):
            await at.runner.run("hang")
        await at.clock.advance(HOUR)
        assert at.runner.histories["hang"].skipped == 1 and len(at.outcomes) == 1
        end.set()
        async with asyncio.timeout(20):
            while at.runner.active("hang"):
                await asyncio.sleep(0.001)


async def test_work_on_a_thread_can_ask_whether_to_go_on() -> None:
    def work(run: Run) -> None:
        while True:
            run.check()
            run.stopping.wait(20)

    async with bench(Job("work", work)) as at:
        running = asyncio.create_task(at.runner.run("work"))
        await at.clock.settle()
        await at.runner.stop()
        assert (await running).status is Status.CANCELLED


async def test_no_two_runs_at_once() -> None:
    started, end = asyncio.Event(), asyncio.Event()

    async def work(run: Run) -> None:
        started.set()
        await end.wait()

    async with bench(Job("work", work, Every(HOUR))) as at:
        first = asyncio.create_task(at.runner.run("work"))
        await started.wait()
        with pytest.raises(JobRunning):
            await at.runner.run("work")
        await at.clock.advance(2 * HOUR)
        assert at.runner.histories["work"].skipped == 2
        end.set()
        assert (await first).trigger == "manual"
        await at.clock.advance(HOUR)
        assert [outcome.trigger for outcome in at.outcomes] == ["manual", "schedule"]


async def test_a_caller_that_gives_up_does_not_end_the_run() -> None:
    started, end = asyncio.Event(), asyncio.Event()

    async def work(run: Run) -> None:
        started.set()
        await end.wait()

    async with bench(Job("work", work)) as at:
        asking = asyncio.create_task(at.runner.run("work"))
        await started.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert at.runner.active("work")
        end.set()
        await at.until(1)
        assert at.outcomes[0].succeeded


async def test_a_manual_run_with_options_and_without_effect() -> None:
    job, action = scripted("sweep")
    async with bench(job) as at:
        await at.runner.run("sweep", dry_run=True, aggressive=True)
        assert action.runs[0].dry_run and action.runs[0].options == {"aggressive": True}
        assert at.outcomes[0].dry_run and at.outcomes[0].trigger == "manual"
        with pytest.raises(KeyError):
            await at.runner.run("unheard-of")


async def test_a_manual_run_is_tried_once_for_somebody_waits() -> None:
    job, action = scripted("sweep", OSError("no"), attempts=5)
    async with bench(job) as at:
        assert (await at.runner.run("sweep")).status is Status.FAILED and len(action.runs) == 1


async def test_functions_run_on_threads_and_leave_the_loop_free() -> None:
    """What blocks, a database say, does not block the application."""
    reached, release = threading.Event(), threading.Event()

    def block(run: Run) -> dict[str, Any]:
        reached.set()
        release.wait(20)
        return {"thread": threading.current_thread() is not threading.main_thread()}

    async with bench(Job("block", block)) as at:
        running = asyncio.create_task(at.runner.run("block"))
        assert await asyncio.to_thread(reached.wait, 20)
        release.set()  # by the loop, which is not blocked
        assert (await running).report == {"thread": True}


async def test_a_callable_object_that_is_asynchronous() -> None:
    _, action = scripted("sweep", {"removed": 1})
    async with bench(Job("sweep", action)) as at:
        assert (await at.runner.run("sweep")).report == {"removed": 1}


async def test_stopping_is_prompt_between_runs_and_between_attempts() -> None:
    job, _ = scripted("often", OSError("no"), backoff=1000)
    idle, _ = scripted("idle", schedule=Every(1e6))
    async with bench(job, idle, grace=1e6) as at:
        running = asyncio.create_task(at.runner.run("often", attempts=5))
        await at.clock.settle()
        async with asyncio.timeout(20):
            await at.runner.stop()
        assert (await running).status is Status.CANCELLED
        assert not at.runner.running and at.runner.due_in("idle") is None


async def test_stopping_lets_a_run_end() -> None:
    started, end = asyncio.Event(), asyncio.Event()

    async def work(run: Run) -> dict[str, Any]:
        started.set()
        await end.wait()
        return {"done": 1}

    async with bench(Job("work", work), grace=20) as at:
        running = asyncio.create_task(at.runner.run("work"))
        await started.wait()
        stopping = asyncio.create_task(at.runner.stop())
        await at.clock.settle()
        end.set()
        await stopping
        assert (await running).report == {"done": 1}


async def test_stopping_cancels_what_does_not_end() -> None:
    async with bench(Job("hang", lambda run: asyncio.Event().wait(), Every(1)), grace=0.01) as at:
        pass  # not yet due
    assert at.outcomes == []

    async def hang(run: Run) -> None:
        await asyncio.Event().wait()

    async with bench(Job("hang", hang, Every(1)), grace=0.01) as at:
        await at.clock.advance(1)
        assert at.runner.active("hang")
    assert at.outcomes[0].status is Status.CANCELLED
    assert at.runner.histories["hang"].consecutive_failures == 0


async def test_starting_and_stopping_twice(caplog: pytest.LogCaptureFixture) -> None:
    job, action = scripted("sweep", schedule=Every(HOUR))
    at = Bench([job])
    await at.runner.stop()
    for _ in range(2):
        await at.runner.start()
        await at.clock.settle()
        await at.clock.advance(HOUR)
        with caplog.at_level(logging.WARNING):
            await at.runner.start()
        assert "runs already" in caplog.text
        with pytest.raises(RuntimeError):
            at.runner.add(Job("late", print))
        await at.runner.stop()
        await at.runner.stop()
    assert len(action.runs) == 2


async def test_after_downtime_what_was_missed_is_run_once(tmp_path: Any) -> None:
    clock = ManualClock()
    job, action = scripted("sweep", schedule=Every(24 * HOUR))
    async with bench(job, clock=clock, workplace=Workplace(tmp_path)):
        await clock.advance(23 * HOUR)
    async with bench(job, clock=clock, workplace=Workplace(tmp_path)):
        assert action.runs == []  # the timer did not start over, ...
        await clock.advance(HOUR)
        assert action.triggers == ["schedule"]
    await clock.advance(100 * HOUR)
    async with bench(job, clock=clock, workplace=Workplace(tmp_path)):
        assert action.triggers == ["schedule", "catch-up"]  # ... four missed runs are one, ...
        await clock.advance(19 * HOUR)
        assert len(action.runs) == 2
        await clock.advance(HOUR)
        assert len(action.runs) == 3  # ... and the schedule goes on where it was


async def test_without_catching_up(tmp_path: Any) -> None:
    clock = ManualClock()
    job, action = scripted("sweep", schedule=Every(24 * HOUR), catch_up=False)
    async with bench(job, clock=clock, workplace=Workplace(tmp_path)):
        await clock.advance(HOUR)
    await clock.advance(100 * HOUR)
    async with bench(job, clock=clock, workplace=Workplace(tmp_path)):
        assert action.runs == []


async def test_one_of_several_workers_runs_it_and_all_run_their_own(tmp_path: Any) -> None:
    clock = ManualClock()
    shared = [scripted("database", schedule=Every(HOUR)) for _ in range(3)]
    own = [scripted("cache", schedule=Every(HOUR), everywhere=True) for _ in range(3)]
    workers = [
        Bench(
            [shared[n][0], own[n][0]],
            clock=clock,
            workplace=Workplace(tmp_path),
            election_interval=600,
        )
        for n in range(3)
    ]
    for worker in workers:
        await worker.runner.start()
    assert [worker.runner.leads for worker in workers] == [True, False, False]
    await clock.advance(HOUR)
    assert [len(action.runs) for _, action in shared] == [1, 0, 0]
    assert [len(action.runs) for _, action in own] == [1, 1, 1]
    await workers[0].runner.stop()
    await clock.advance(HOUR)
    assert sum(len(action.runs) for _, action in shared) == 2  # another has taken over
    assert [worker.runner.leads for worker in workers].count(True) == 1
    for worker in workers:
        await worker.runner.stop()


async def test_a_job_is_not_run_by_two_processes_at_once(tmp_path: Any) -> None:
    job, action = scripted("sweep")
    elsewhere = Workplace(tmp_path)
    async with bench(job, workplace=Workplace(tmp_path)) as at:
        with elsewhere.only_one("sweep") as alone:
            assert alone
            with pytest.raises(JobRunning, match="another process"):
                await at.runner.run("sweep")
        assert (await at.runner.run("sweep")).succeeded and len(action.runs) == 1


async def test_the_history_is_a_ring_and_the_status_is_json() -> None:
    import json

    job, _ = scripted("sweep", *({"removed": n} for n in range(5)), schedule=Every(HOUR))
    async with bench(job, history=3) as at:
        await at.clock.advance(5 * HOUR)
        status = json.loads(json.dumps(at.runner.status()))["sweep"]
        assert [run["report"]["removed"] for run in status["history"]] == [2, 3, 4]
        assert status["counts"]["succeeded"] == 5 and status["dueIn"] == HOUR
        assert status["schedule"] == "every 1h" and status["active"] is False


async def test_a_hook_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    job, action = scripted("sweep", schedule=Every(HOUR))
    clock = ManualClock()

    def fail(outcome: Any) -> None:
        raise OSError("no")

    async with Runner([job], clock=clock, on_outcome=fail):
        await clock.advance(2 * HOUR)
    assert len(action.runs) == 2 and "on_outcome failed" in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"name": ""},
        {"name": "../job"},
        {"attempts": 0},
        {"timeout": 0},
        {"jitter": -1},
        {"backoff": float("nan")},
    ],
)
def test_jobs_that_are_none(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Job(**{"name": "job", "action": print, **options})


def test_two_jobs_of_one_name() -> None:
    with pytest.raises(ValueError, match="already"):
        Runner([Job("sweep", print), Job("sweep", print)])
