"""What the original cleanup task's tests left out."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref

import pytest
from programs import run_python

from cachecore import Cache
from cachecore_services.cleanup import (
    CacheCleanupTask,
    NothingToSweep,
    cache_cleanup_health,
    get_cache_health,
)
from cachecore.contrib.cleanup import NothingSwept

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


async def test_a_cleanup_that_fails_is_unhealthy_until_one_does_not() -> None:
    scripted = Scripted(1, OSError("disk"), OSError("disk"), 2)
    task = CacheCleanupTask(scripted)
    await task.start()
    healthy = []
    for _ in range(4):
        await task.trigger_cleanup()
        healthy.append(await task.health_check())
    assert healthy == [True, False, False, True]
    scripted.outcomes.append(OSError("disk"))
    await task.trigger_cleanup()
    task.reset_metrics()
    assert task.problem() == "OSError: disk"  # which no reset makes well
    await task.stop()
    assert task.problem() == "OSError: disk"


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


async def test_a_task_whose_thread_cannot_start_says_so() -> None:
    class Refused(Scripted):
        def start(self, *_: object, **__: object) -> None:
            raise MemoryError("no thread")

    task = CacheCleanupTask(Refused())
    await task.start()
    assert not task.running and task.metrics.last_error == "MemoryError: no thread"
    assert not await task.health_check()


async def test_a_sweeper_started_by_hand_is_used_and_left(cache: Cache[bytes]) -> None:
    cache.sweeper.start(30)
    task = CacheCleanupTask(cache, interval=5)
    await task.start()
    assert task.running and await task.health_check() and task.metrics.errors == 0
    assert await task.trigger_cleanup() == 0 and cache.sweeper.interval == 30
    await task.stop()
    assert not task.running and cache.sweeper.running


async def test_several_tasks_share_a_sweeper(cache: Cache[bytes]) -> None:
    tasks = [CacheCleanupTask(cache, interval) for interval in (60, 5, 20)]
    for task, pace in zip(tasks, (60, 5, 5)):
        await task.start()
        assert cache.sweeper.interval == pace
    assert all([await task.health_check() for task in tasks])
    tasks[2].interval = 2
    assert cache.sweeper.interval == 2
    for task, left in zip(tasks, (True, True, False)):
        await task.stop()
        assert not task.running and cache.sweeper.running is left
    assert [task.metrics.errors for task in tasks] == [0, 0, 0]
    await tasks[0].start()  # the interval is its own again
    assert cache.sweeper.interval == 60
    await tasks[0].stop()


async def test_a_single_sweep_takes_the_sweeper_from_nobody(cache: Cache[bytes]) -> None:
    """A task that is started while another has a sweeper just for a sweep goes on afterwards."""
    started = CacheCleanupTask(cache, 60)
    sweeper, holder = cache.sweeper, object()
    started._holders.join(sweeper, holder, 3600)  # as trigger_cleanup does
    await started.start()
    started._holders.leave(sweeper, holder, 5)
    assert started.running and sweeper.interval == 60
    await started.stop()
    assert not sweeper.running


async def test_tasks_that_come_and_go_at_once(cache: Cache[bytes]) -> None:
    keeper = CacheCleanupTask(cache, 60)
    await keeper.start()

    async def come_and_go() -> int:
        task = CacheCleanupTask(cache, 30)
        for _ in range(10):
            await task.start()
            await task.trigger_cleanup()
            await task.stop()
        return task.metrics.errors

    errors = await asyncio.gather(*(come_and_go() for _ in range(5)))
    assert sum(errors) == 0 and await keeper.health_check() and cache.sweeper.interval == 60
    await keeper.stop()
    assert not cache.sweeper.running


async def test_a_failed_sweep_is_unhealthy_until_there_has_been_one() -> None:
    task = CacheCleanupTask(Scripted(OSError("no"), OSError("no"), 0))
    await task.start()
    assert await task.health_check()
    for well in (False, False, True):
        await task.trigger_cleanup()
        assert await task.health_check() is well
    await task.stop()


async def test_a_task_that_is_forgotten_keeps_no_cache() -> None:
    cache: Cache[bytes] = Cache(10)
    forgotten = CacheCleanupTask(cache)
    await forgotten.start()
    alive = weakref.ref(cache)
    del cache, forgotten
    gc.collect()
    assert alive() is None


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
        ill = await cache_cleanup_health()
        assert (ill["status"], ill["problem"]) == ("unhealthy", "the thread has ended")
        assert (await get_cache_health())["status"] == "stopped"
        assert (await get_cache_health())["problem"] == "the thread has ended"
        cache.close()
        assert str(task.problem()).startswith("ClosedError: ")


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
from cachecore_services.cleanup import start_cache_cleanup, get_cleanup_task
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
