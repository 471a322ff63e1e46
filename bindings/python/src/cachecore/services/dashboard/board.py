"""What the page shows, as JSON, and what its buttons do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from ...cache import Cache
from ...contrib.service import CacheService
from ...maintenance import Outcome, Runner
from ...object_cache import ObjectCache
from .latencies import Latencies

Shown: TypeAlias = "Cache[Any] | ObjectCache[Any, Any]"

_WINDOWS: Final = {"fiveMinutes": 300, "hour": 3600, "day": 86_400}


class Board:
    """Caches with their sweepers, the jobs of a runner, and latencies."""

    def __init__(
        self,
        caches: Mapping[str, Shown],
        runner: Runner,
        *,
        latencies: Latencies | None = None,
        sweep_interval: float = 60,
        advised: Collection[str] | None = None,
    ) -> None:
        """sweep_interval: of the caches' sweepers, seconds.

        advised: the caches whose hit rate means something; None: all.
        """
        self.caches = dict(caches)
        self.runner = runner
        self.latencies = Latencies() if latencies is None else latencies
        self._advised = set(self.caches if advised is None else advised)
        engines = {name: cache for name, cache in caches.items() if isinstance(cache, Cache)}
        self._service = CacheService(engines, sweep_interval=sweep_interval)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Sweeps the caches meanwhile."""
        async with self._service.lifespan():
            yield

    async def run(self, job: str, dry_run: bool = False) -> Outcome:
        """Runs a job now; JobRunning if it runs already, KeyError if there is none."""
        return await self.runner.run(job, dry_run=dry_run)

    async def sweep(self, cache: str) -> int:
        """Removes what has expired now; how many.  KeyError if there is no such cache."""
        return await self._service.tasks[cache].trigger_cleanup()

    async def health(self) -> dict[str, Any]:
        """Whether the sweepers are there and well; see CacheService."""
        return await self._service.health()

    def data(self) -> dict[str, Any]:
        return {
            "at": datetime.now(UTC).isoformat(),
            "leads": self.runner.leads,
            "caches": {name: self._cache(name, cache) for name, cache in self.caches.items()},
            "latencies": self.latencies.to_dict(),
            "jobs": self.runner.status(),
            "alerts": [alert.to_dict() for alert in self.runner.alarm.firing.values()],
        }

    def _cache(self, name: str, cache: Shown) -> dict[str, Any]:
        stats = cache.stats()
        reads = stats.hits + stats.misses
        shown: dict[str, Any] = {
            "entries": stats.entries,
            "entriesLimit": stats.entries_limit,
            "bytesUsed": stats.bytes_used,
            "bytesLimit": stats.bytes_limit,
            "hits": stats.hits,
            "misses": stats.misses,
            "hitRate": {"ever": stats.hits / reads if reads else None},
            "evictions": stats.evictions,
            "expirations": stats.expirations,
            "refused": stats.refused,
            "sweeper": None,
            "advice": [],
        }
        if isinstance(cache, ObjectCache):
            shown["bytesUsed"] = cache.weight
            return shown
        for window, seconds in _WINDOWS.items():
            shown["hitRate"][window] = cache.window(seconds).hit_rate
        status = cache.sweeper.status()
        shown["sweeper"] = {
            "state": status.state.name.lower(),
            "healthy": status.healthy,
            "interval": status.interval,
            "sweepsRun": status.sweeps_run,
            "entriesRemoved": status.entries_removed,
            "lastRemoved": status.last_removed,
            "lastDuration": status.last_duration,
            "lastRunAge": status.last_run_age,
            "lastLag": status.last_lag,
            "maxLag": status.max_lag,
            "backlog": status.backlog,
            "errors": status.errors,
        }
        if name in self._advised:
            advice = cache.advice(window=_WINDOWS["hour"])
            shown["advice"] = [{"code": one.name, "text": one.text} for one in advice]
        return shown
