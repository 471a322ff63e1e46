"""Expired entries removed regularly, by a thread of the engine, watched from asyncio.

::

    task = CacheCleanupTask(cache, interval=60)
    await task.start()
    await task.trigger_cleanup()
    task.get_metrics()
    await task.stop()
"""

from .metrics import CleanupMetrics
from .sweeping import NothingSwept, NothingToSweep, Sweepable, Sweeping, SweepStatus
from .task import CacheCleanupTask

__all__ = [
    "CacheCleanupTask",
    "CleanupMetrics",
    "NothingSwept",
    "NothingToSweep",
    "SweepStatus",
    "Sweepable",
    "Sweeping",
]
