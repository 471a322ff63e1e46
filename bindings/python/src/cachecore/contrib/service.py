"""An application's caches from its startup to its shutdown, and what it tells about them.

Knows no framework: ``starlette.py`` and ``fastapi.py`` make routes of it.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any, Protocol, TypeAlias, cast

from ..cache import Cache
from .cleanup import CacheCleanupTask, Sweepable


class Reporting(Sweepable, Protocol):
    """A cache of another kind, such as one built on ``Cache``."""

    def get_metrics(self) -> dict[str, Any]:
        """What it says of itself, as JSON has it."""
        ...

    def close(self) -> object:
        """May be a coroutine function."""
        ...


Served: TypeAlias = Cache[Any, Any] | Reporting
Many: TypeAlias = Mapping[str, Served]


class CacheService:
    """Caches under names, each with a cleanup task while the application runs.

    ::

        service = CacheService({"sessions": cache})
        app = FastAPI(lifespan=service.lifespan)

    The threads of the sweepers are started at startup, so after a worker has been forked.
    """

    def __init__(
        self,
        caches: Served | Many,
        *,
        sweep_interval: float | None = 60,
        close: bool = False,
    ) -> None:
        """sweep_interval: seconds; None: no sweeper.  close: also close the caches at the end."""
        self.caches = _by_name(caches)
        self._close = close
        self._lifespans = 0
        enabled = sweep_interval is not None
        interval = 60 if sweep_interval is None else sweep_interval
        self.tasks = {
            name: CacheCleanupTask(cache, interval, enabled) for name, cache in self.caches.items()
        }

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[dict[str, Any]]:
        """What ASGI frameworks call a lifespan; yields the state ``{"caches": ...}``.

        It may be entered several times, as by an application and one mounted in it: the last that
        ends stops the tasks.
        """
        self._lifespans += 1
        try:
            for task in self.tasks.values():
                if not task.running:
                    await task.start()
            yield {"caches": self.caches}
        finally:
            self._lifespans -= 1
            if not self._lifespans:
                await self._end()

    async def _end(self) -> None:
        for task in self.tasks.values():
            await task.stop()
        if self._close:
            for cache in self.caches.values():
                closing = cache.close()
                if inspect.isawaitable(closing):
                    await closing

    def stats(self) -> dict[str, Any]:
        """Statistics by cache; of one that has been closed, ``{"closed": True}``."""
        return {name: _stats(cache) for name, cache in self.caches.items()}

    async def health(self) -> dict[str, Any]:
        """``{"status", "running", "metrics"}``, where one is unhealthy if any is.

        Metrics are those of the only task, or by the names of several.
        """
        tasks = {name: task for name, task in self.tasks.items() if task.enabled}
        if not tasks:
            return {"status": "disabled"}
        healthy = [await task.health_check() for task in tasks.values()]
        metrics = {name: task.get_metrics() for name, task in tasks.items()}
        return {
            "status": "healthy" if all(healthy) else "unhealthy",
            "running": all(task.running for task in tasks.values()),
            "metrics": next(iter(metrics.values())) if len(metrics) == 1 else metrics,
        }

    async def cleanup(self) -> dict[str, Any]:
        """Sweeps every cache now; success is that none failed."""
        errors = self._errors()
        removed = {name: await task.trigger_cleanup() for name, task in self.tasks.items()}
        return {"success": self._errors() == errors, "removed": removed}

    def _errors(self) -> int:
        return sum(task.metrics.errors for task in self.tasks.values())


def _by_name(caches: Served | Many) -> dict[str, Served]:
    # A Cache is a Mapping, too.
    single = hasattr(caches, "sweeper")
    named = {"default": cast("Served", caches)} if single else dict(cast("Many", caches))
    if not all(hasattr(cache, "sweeper") for cache in named.values()):
        raise TypeError("caches must be a Cache, or what has a sweeper, or several by name")
    return named


def _stats(cache: Served) -> dict[str, Any]:
    if not isinstance(cache, Cache):
        return cache.get_metrics()
    if cache.closed:
        return {"closed": True}
    stats = cache.stats()
    return {**asdict(stats), "hit_rate": stats.hit_rate}
