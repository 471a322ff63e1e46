"""What the original cleanup task's tests left out."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest
from conftest import run_python

from cachecore import Cache
from cachecore.cleanup import (
    CacheCleanupTask,
    NothingToSweep,
    cache_cleanup_health,
    get_cache_health,
)
from cachecore.cleanup.sweeping import NothingSwept

from .sweepers import Scripted, cache, eventually, expired, one_for_the_process, task

__all__ = ["cache", "task"]  # fixtures


async def test_a_hung_sweep_is_noticed() -> None:
    scripted = Scripted()
    task = CacheCleanupTask(scripted)
    await task.start()
    assert await task.health_check() is True
    scripted.now = NothingSwept(healthy=False)
    assert task.running and await task.health_check() is False
    await task.stop()


async def test_a_blocked_loop_does_not_stop_the_sweeper(
    cache: Cache[bytes], task: CacheCleanupTask
) -> None:
    expired(cache, 4)
    await task.start()
    while task.metrics.total_entries_removed < 4:
        pass  # the loop has no chance to run anything
    await task.stop()


async def test_the_loop_is_free_while_a_sweep_is_awaited() -> None:
    go = threading.Event()

    class Slow(Scripted):
        def trigger(self) -> int:
            go.wait(20)
            return 1

    sweep = asyncio.create_task(CacheCleanupTask(Slow()).trigger_cleanup())
    await asyncio.sleep(0.01)
    go.set()
    assert await sweep == 1


@pytest.mark.parametrize("interval", [0, -1, float("inf"), float("nan")])
async def test_an_interval_is_a_time(interval: float, task: CacheCleanupTask) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        CacheCleanupTask(NothingToSweepIn(), interval)
    with pytest.raises(ValueError, match="greater than 0"):
        task.interval = interval


class NothingToSweepIn:
    sweeper = NothingToSweep()


async def test_the_interval_can_be_changed_while_it_runs(cache: Cache[bytes]) -> None:
    task = CacheCleanupTask(cache, interval=3600)
    await task.start()
    task.interval = 0.01
    await eventually(lambda: task.metrics.cleanups_run >= 2)
    assert task.interval == 0.01 and cache.sweeper.interval == 0.01
    await task.stop()


async def test_it_can_run_at_once(cache: Cache[bytes]) -> None:
    task = CacheCleanupTask(cache, interval=3600, run_at_once=True)
    await task.start()
    await eventually(lambda: task.metrics.cleanups_run == 1)
    await task.stop()


async def test_a_task_whose_thread_cannot_start_says_so(cache: Cache[bytes]) -> None:
    cache.sweeper.start()
    task = CacheCleanupTask(cache)
    await task.start()
    assert not task.running and "StateError" in str(task.metrics.last_error)
    assert not await task.health_check()
    cache.sweeper.stop()


async def test_it_can_be_started_again_and_counts_on(cache: Cache[bytes]) -> None:
    task = CacheCleanupTask(cache, interval=60)
    for _ in range(2):
        await task.start()
        await task.trigger_cleanup()
        await task.stop()
    assert task.metrics.cleanups_run == 2


async def test_what_the_endpoints_say(cache: Cache[bytes]) -> None:
    assert await cache_cleanup_health() == {"status": "disabled"}
    assert await get_cache_health() == {"status": "not_started"}
    async with one_for_the_process(cache) as task:
        metrics = task.get_metrics()
        well = {"status": "healthy", "running": True, "metrics": metrics}
        assert await cache_cleanup_health() == well
        assert await get_cache_health() == {
            "status": "running",
            "healthy": True,
            "metrics": metrics,
        }
        cache.sweeper.stop()
        assert (await cache_cleanup_health())["status"] == "unhealthy"
        assert (await get_cache_health())["status"] == "stopped"


async def test_the_log_has_an_event_for_each_step(
    cache: Cache[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "cachecore.cleanup")
    task = CacheCleanupTask(cache)
    await task.stop()
    await task.start()
    await task.start()
    await task.trigger_cleanup()
    task.reset_metrics()
    await task.stop()
    assert [message.removeprefix("cache_cleanup_") for message in caplog.messages] == [
        "task_initialized",
        "not_running",
        "started",
        "already_running",
        "manual_trigger",
        "completed",
        "metrics_reset",
        "stopping",
        "stopped",
    ]


def test_it_runs_on_in_a_forked_child_and_at_exit() -> None:
    run = run_python(
        """
import asyncio, logging, os, warnings
warnings.simplefilter("ignore", DeprecationWarning)
logging.getLogger("asyncio").setLevel(logging.ERROR)  # -X dev: what took 0.1 s
from cachecore import Cache
from cachecore.cleanup import start_cache_cleanup, get_cleanup_task
cache = Cache(10)
asyncio.run(start_cache_cleanup(cache, interval=0.01))
child = os.fork()
task = get_cleanup_task()
run = task.metrics.cleanups_run
while task.metrics.cleanups_run < run + 2:
    pass
if child:
    print(os.waitpid(child, 0)[1], task.running)
else:
    os._exit(0 if task.running else 1)
"""
    )
    assert (run.stdout, run.stderr) == ("0 True\n", "")
