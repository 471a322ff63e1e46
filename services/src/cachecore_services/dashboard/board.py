"""What the page shows, as JSON, and what its buttons do."""

from __future__ import annotations

import inspect
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from cachecore import Cache, ObjectCache
from cachecore.contrib.service import CacheService

from ..cleanup import advise
from ..maintenance import Outcome, Runner
from ..health import Problem, job_problems
from .latencies import Latencies

log = logging.getLogger("cachecore.services")

Shown: TypeAlias = "Cache[Any] | ObjectCache[Any, Any]"

#: What a part of the application says about itself.
Check: TypeAlias = "Callable[[], Iterable[Problem] | Awaitable[Iterable[Problem]]]"

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
        checks: Iterable[Check] = (),
        patience: Mapping[str, int] | None = None,
    ) -> None:
        """sweep_interval: of the caches' sweepers, seconds.

        advised: the caches whose hit rate means something; None: all.
        checks: what else is asked for problems.
        patience: how many failures in a row make a job a problem; 1 for those not named.
        """
        self.caches = dict(caches)
        self.runner = runner
        self.latencies = Latencies() if latencies is None else latencies
        self._advised = set(self.caches if advised is None else advised)
        engines = {name: cache for name, cache in caches.items() if isinstance(cache, Cache)}
        self._checks, self._patience = tuple(checks), dict(patience or {})
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
        """What CacheService says of the sweepers; unhealthy also with a serious problem."""
        report = await self._service.health()
        if serious := [problem.text for problem in await self.problems() if problem.serious]:
            report |= {"status": "unhealthy", "problems": serious}
        return report

    async def problems(self) -> list[Problem]:
        """What is wrong: with the sweepers, the jobs, and whatever was given as a check."""
        found = job_problems(self.runner, self._patience)
        for name, task in self._service.tasks.items():
            if not await task.health_check():
                found.append(Problem(f"the sweeper of {name} does not run"))
        for check in self._checks:
            try:
                answer = check()
                found += await answer if inspect.isawaitable(answer) else answer
            except Exception:
                log.exception("a check of the application's health failed")
                found.append(Problem("a check of the application's health failed"))
        return found

    def data(self) -> dict[str, Any]:
        return {
            "at": datetime.now(UTC).isoformat(),
            "host": socket.gethostname(),
            "pid": os.getpid(),  # each worker tells of itself
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
            "evidence": None,
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
            shown.update(advise(cache, window=_WINDOWS["hour"]).to_dict())
        return shown
