"""The cleanup task of the process, and what its endpoints say."""

from __future__ import annotations

import logging
from typing import Any

from cachecore.contrib.cleanup import CacheCleanupTask, Sweepable

log = logging.getLogger("cachecore.cleanup")

_cleanup_task: CacheCleanupTask | None = None


async def start_cache_cleanup(
    cache: Sweepable, interval: float = 60, enabled: bool = True
) -> CacheCleanupTask:
    """Makes and starts the process's cleanup task; if there is one, returns that instead."""
    global _cleanup_task
    if _cleanup_task is not None:
        log.warning("cache_cleanup_already_started")
        return _cleanup_task
    _cleanup_task = task = CacheCleanupTask(cache, interval, enabled)
    await task.start()
    return task


async def stop_cache_cleanup() -> None:
    """Stops the process's cleanup task, if there is one."""
    global _cleanup_task
    task, _cleanup_task = _cleanup_task, None
    if task is None:
        log.debug("cache_cleanup_not_started")
        return
    await task.stop()


def get_cleanup_task() -> CacheCleanupTask | None:
    return _cleanup_task


async def get_cache_health() -> dict[str, Any]:
    """``{"status": "not_started"}``, or whether it runs, what is wrong, if so, and its metrics."""
    task = _cleanup_task
    if task is None:
        return {"status": "not_started"}
    problem = task.problem()
    return {
        "status": "running" if task.running else "stopped",
        "healthy": problem is None,
        **({} if problem is None else {"problem": problem}),
        "metrics": task.get_metrics(),
    }


async def cache_cleanup_health() -> dict[str, Any]:
    """What ``GET /health/cache-cleanup`` answers: disabled, healthy or unhealthy, and why."""
    task = _cleanup_task
    if task is None:
        return {"status": "disabled"}
    problem = task.problem()
    return {
        "status": "healthy" if problem is None else "unhealthy",
        **({} if problem is None else {"problem": problem}),
        "running": task.running,
        "metrics": task.get_metrics(),
    }
