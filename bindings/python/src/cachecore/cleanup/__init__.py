"""Expired entries removed regularly, by a thread of the engine, watched from asyncio.

::

    from cachecore.cleanup import start_cache_cleanup, stop_cache_cleanup

    task = await start_cache_cleanup(cache, interval=60)
    await task.trigger_cleanup()
    task.get_metrics()
    await stop_cache_cleanup()
"""

from .metrics import CleanupMetrics
from .service import (
    cache_cleanup_health,
    get_cache_health,
    get_cleanup_task,
    start_cache_cleanup,
    stop_cache_cleanup,
)
from .sweeping import NothingToSweep, Sweepable, Sweeping
from .task import CacheCleanupTask

__all__ = [
    "CacheCleanupTask",
    "CleanupMetrics",
    "NothingToSweep",
    "Sweepable",
    "Sweeping",
    "cache_cleanup_health",
    "get_cache_health",
    "get_cleanup_task",
    "start_cache_cleanup",
    "stop_cache_cleanup",
]
