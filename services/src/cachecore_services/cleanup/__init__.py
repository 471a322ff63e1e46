"""Expired entries removed regularly, by a thread of the engine, watched from asyncio.

::

    from cachecore_services.cleanup import start_cache_cleanup, stop_cache_cleanup

    task = await start_cache_cleanup(cache, interval=60)
    await task.trigger_cleanup()
    task.get_metrics()
    await stop_cache_cleanup()

``advise`` says what a cache's figures suggest, and on how much evidence.
"""

from cachecore.contrib.cleanup import (
    CacheCleanupTask,
    CleanupMetrics,
    NothingToSweep,
    Sweepable,
    Sweeping,
)

from .advice import Advice, Evidence, Misses, Report, Thresholds, advise
from .service import (
    cache_cleanup_health,
    get_cache_health,
    get_cleanup_task,
    start_cache_cleanup,
    stop_cache_cleanup,
)

__all__ = [
    "Advice",
    "CacheCleanupTask",
    "CleanupMetrics",
    "Evidence",
    "Misses",
    "NothingToSweep",
    "Report",
    "Sweepable",
    "Sweeping",
    "Thresholds",
    "advise",
    "cache_cleanup_health",
    "get_cache_health",
    "get_cleanup_task",
    "start_cache_cleanup",
    "stop_cache_cleanup",
]
