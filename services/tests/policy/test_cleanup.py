"""The 32 scenarios of the original cleanup task's tests, on the engine's sweeper."""

from __future__ import annotations

import asyncio
import dataclasses
import sys

import pytest

from cachecore import Cache
from cachecore_services.cleanup import (
    CacheCleanupTask,
    CleanupMetrics,
    get_cleanup_task,
    start_cache_cleanup,
    stop_cache_cleanup,
)
from cachecore_services.policy import PolicyCache

from .sweepers import Scripted, cache, eventually, expired, one_for_the_process, task

__all__ = ["cache", "task"]  # fixtures


class TestCleanupMetrics:
    def test_initial_state(self) -> None:
        assert set(dataclasses.astuple(CleanupMetrics())) == {0, 0.0, None}

    def test_avg_entries_per_cleanup(self) -> None:
        metrics = CleanupMetrics(cleanups_run=10, total_entries_removed=50)
        assert metrics.avg_entries_per_cleanup == 5.0

    def test_avg_entries_per_cleanup_zero_cleanups(self) -> None:
        assert CleanupMetrics().avg_entries_per_cleanup == 0.0

    def test_to_dict(self) -> None:
        shown = CleanupMetrics(100, 523, 7, 0.83, 0).to_dict()
        assert {
            "cleanups_run": 100,
            "total_entries_removed": 523,
            "last_cleanup_removed": 7,
            "last_cleanup_duration_ms": 0.83,
            "avg_entries_per_cleanup": 5.23,
            "errors": 0,
        }.items() <= shown.items()


class TestInitialization:
    def test_default_initialization(self, cache: Cache[bytes]) -> None:
        task = CacheCleanupTask(cache)
        assert (task.cache, task.interval, task.enabled, task.running) == (cache, 60, True, False)
        assert task.metrics.cleanups_run == 0

    def test_custom_initialization(self, cache: Cache[bytes]) -> None:
        task = CacheCleanupTask(cache, interval=30, enabled=False)
        assert (task.interval, task.enabled) == (30, False)


class TestLifecycle:
    async def test_start_task(self, cache: Cache[bytes], task: CacheCleanupTask) -> None:
        await task.start()
        assert task.running is True and cache.sweeper.running
        await task.stop()

    async def test_start_when_disabled(self, cache: Cache[bytes]) -> None:
        task = CacheCleanupTask(cache, enabled=False)
        await task.start()
        assert task.running is False and not cache.sweeper.running

    async def test_start_when_already_running(self, task: CacheCleanupTask) -> None:
        await task.start()
        await task.start()
        assert task.running is True and task.metrics.errors == 0
        await task.stop()

    async def test_stop_task(self, cache: Cache[bytes], task: CacheCleanupTask) -> None:
        await task.start()
        await task.stop()
        assert task.running is False and not cache.sweeper.running

    async def test_stop_when_not_running(self, task: CacheCleanupTask) -> None:
        await task.stop()
        assert task.running is False and task.metrics.errors == 0

    async def test_stop_with_timeout(self) -> None:
        class Stuck(Scripted):
            def stop(self, timeout: float | None = None) -> None:
                raise TimeoutError("still ending")

        task = CacheCleanupTask(Stuck(), interval=100)
        await task.start()
        await task.stop()
        assert task.running is False
        assert task.metrics.last_error == "TimeoutError: still ending"


class TestExecution:
    async def test_perform_cleanup_success(
        self, cache: Cache[bytes], task: CacheCleanupTask
    ) -> None:
        expired(cache, 10)
        await task.trigger_cleanup()
        metrics = task.metrics
        assert (metrics.cleanups_run, metrics.total_entries_removed) == (1, 10)
        assert metrics.last_cleanup_removed == 10 and metrics.last_cleanup_duration_ms > 0
        assert cache.stats().expirations == 10

    async def test_perform_cleanup_no_entries(
        self, cache: Cache[bytes], task: CacheCleanupTask
    ) -> None:
        cache["live"] = b""
        await task.trigger_cleanup()
        metrics = task.metrics
        assert (metrics.cleanups_run, metrics.total_entries_removed) == (1, 0)
        assert "live" in cache

    async def test_perform_cleanup_error(self, caplog: pytest.LogCaptureFixture) -> None:
        task = CacheCleanupTask(Scripted(5, OSError("no memory")))
        assert [await task.trigger_cleanup() for _ in range(2)] == [5, 0]  # not the last result
        metrics = task.get_metrics()
        assert (metrics["errors"], metrics["cleanups_run"]) == (1, 1)
        assert metrics["last_error"] == "OSError: no memory"
        assert "cache_cleanup_error" in caplog.messages

    async def test_manual_trigger_cleanup(
        self, cache: Cache[bytes], task: CacheCleanupTask
    ) -> None:
        for running in (False, True):
            if running:
                await task.start()
            expired(cache, 7)
            before = task.metrics.total_entries_removed
            removed = await task.trigger_cleanup()
            assert task.metrics.total_entries_removed - before == 7
            assert removed == 7 or running  # the schedule may have been first
        await task.stop()
        assert not cache.sweeper.running

    async def test_cleanup_loop_runs_periodically(
        self, cache: Cache[bytes], task: CacheCleanupTask
    ) -> None:
        expired(cache, 3)
        await task.start()
        await eventually(lambda: task.metrics.cleanups_run >= 3)
        assert task.metrics.total_entries_removed == 3
        await task.stop()

    async def test_cleanup_loop_handles_errors(self) -> None:
        scripted = Scripted(OSError("once"), 5, 5)
        task = CacheCleanupTask(scripted, interval=0.05)
        await task.start()
        assert [await task.trigger_cleanup() for _ in range(3)] == [0, 5, 5]
        scripted.now = dataclasses.replace(scripted.now, errors=2)  # the engine's own
        assert (task.metrics.errors, task.metrics.cleanups_run) == (3, 2)
        assert task.running and await task.health_check()
        await task.stop()

    async def test_cleanup_loop_cancellation(
        self, cache: Cache[bytes], task: CacheCleanupTask
    ) -> None:
        await task.start()
        waiting = asyncio.create_task(task.trigger_cleanup())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        run = task.metrics.cleanups_run
        await eventually(lambda: task.metrics.cleanups_run > run + 1)  # it goes on
        await task.stop()


class TestMetricsAndMonitoring:
    async def test_get_metrics(self, cache: Cache[bytes], task: CacheCleanupTask) -> None:
        for _ in range(2):
            expired(cache, 5)
            await task.trigger_cleanup()
        metrics = task.get_metrics()
        assert (metrics["cleanups_run"], metrics["total_entries_removed"]) == (2, 10)
        assert metrics["avg_entries_per_cleanup"] == 5.0

    async def test_reset_metrics(self, cache: Cache[bytes], task: CacheCleanupTask) -> None:
        expired(cache, 5)
        await task.trigger_cleanup()
        task.reset_metrics()
        assert task.get_metrics() == CleanupMetrics().to_dict()

    async def test_health_check_running(self, task: CacheCleanupTask) -> None:
        await task.start()
        assert await task.health_check() is True
        await task.stop()

    async def test_health_check_not_running(self, task: CacheCleanupTask) -> None:
        assert await task.health_check() is False

    async def test_health_check_disabled(self, cache: Cache[bytes]) -> None:
        assert await CacheCleanupTask(cache, enabled=False).health_check() is True

    async def test_health_check_task_finished(
        self, cache: Cache[bytes], task: CacheCleanupTask
    ) -> None:
        await task.start()
        cache.sweeper.stop()  # behind its back
        assert task.running is False
        assert await task.health_check() is False
        await task.start()
        cache.close()
        assert task.running is False
        assert await task.health_check() is False


class TestGlobalInstance:
    async def test_start_cache_cleanup(self, cache: Cache[bytes]) -> None:
        async with one_for_the_process(cache) as task:
            assert task.running is True and get_cleanup_task() is task

    async def test_start_cache_cleanup_already_started(self, cache: Cache[bytes]) -> None:
        async with one_for_the_process(cache) as task:
            assert await start_cache_cleanup(cache) is task

    async def test_stop_cache_cleanup(self, cache: Cache[bytes]) -> None:
        async with one_for_the_process(cache):
            await stop_cache_cleanup()
            assert get_cleanup_task() is None

    async def test_stop_cache_cleanup_not_started(self) -> None:
        await stop_cache_cleanup()
        assert get_cleanup_task() is None

    async def test_get_cleanup_task(self, cache: Cache[bytes]) -> None:
        assert get_cleanup_task() is None
        async with one_for_the_process(cache):
            assert get_cleanup_task() is not None


class TestIntegration:
    async def test_full_lifecycle(self) -> None:
        async with PolicyCache() as cache:
            task = CacheCleanupTask(cache, interval=0.02)
            await task.start()
            await cache.set("u", "a", "r", {"allow": True}, ttl_seconds=0.01)
            await eventually(lambda: task.metrics.total_entries_removed == 1)
            assert await task.trigger_cleanup() == 0
            assert await task.health_check() is True
            await task.stop()
            assert task.running is False

    async def test_concurrent_operations(self, cache: Cache[bytes]) -> None:
        for running in (False, True):
            task = CacheCleanupTask(cache, interval=60)
            if running:
                await task.start()
            expired(cache, 9)
            results = await asyncio.gather(*(task.trigger_cleanup() for _ in range(3)))
            assert sum(results) == 9 and task.metrics.cleanups_run == 3
            await task.stop()


def test_scenarios_are_all_there() -> None:
    classes = [
        kind for name, kind in vars(sys.modules[__name__]).items() if name.startswith("Test")
    ]
    counts = [sum(name.startswith("test_") for name in vars(kind)) for kind in classes]
    assert counts == [4, 2, 6, 7, 6, 5, 2]
