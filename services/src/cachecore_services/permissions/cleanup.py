"""The audit of the permission cache: what it removes, reports, recommends, and alerts of.

The engine does the walking, in batches that let requests in between: see ``Cache.audit``.  In
aggressive mode it also removes what has not been used for longer than the threshold: really used,
as the engine remembers it for every entry.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from cachecore import Audit, EntryKind

from ..cleanup import Thresholds, advise
from ..maintenance import (
    ConsecutiveFailures,
    Cron,
    Job,
    Outcome,
    Run,
    Runner,
    Schedule,
    Status,
    SuccessRate,
    Threshold,
)
from ..health import Problem
from .cache import PREFIX, PermissionCache
from .findings import Figures, issues, recommendations

log = logging.getLogger("cachecore.permissions")

CLEANUP: Final = "permission-cache-cleanup"
DAY: Final = 86_400.0

_READS: Final = 100  # fewer say nothing of errors
_A_DAYS_READS: Final = 20  # of a whole day fewer say something

RULES: Final = (
    ConsecutiveFailures(2),
    SuccessRate(99.0),
    Threshold("staleTTLKeys", above=10),
    Threshold("hitRate24h", below=50),
    Threshold("errorRate", above=1),
)


@dataclass(frozen=True)
class CleanupOptions:
    """scanBatchSize, aggressiveCleanup, inactivityThresholdDays, generateReport."""

    scan_batch_size: int = 100
    aggressive_cleanup: bool = False
    inactivity_threshold_days: float = 30
    generate_report: bool = True


class PermissionCacheCleanup:
    def __init__(
        self,
        permissions: PermissionCache,
        schedule: Schedule | None = None,
        options: CleanupOptions | None = None,
        **runner: Any,
    ) -> None:
        """schedule: every six hours unless told otherwise.  runner: options of a Runner."""
        self._permissions = permissions
        self._options = CleanupOptions() if options is None else options
        self._schedule = Cron("0 */6 * * *") if schedule is None else schedule
        runner.setdefault("rules", RULES)
        job = Job(
            CLEANUP,
            self._clean,
            self._schedule,
            timeout=3600,
            attempts=2,
            backoff=30,
            everywhere=not permissions.is_shared,  # else each process has a cache of its own
        )
        self.runner = Runner([job], **runner)

    async def start(self) -> None:
        """initializePermissionCacheCleanupJobs"""
        await self.runner.start()
        log.info("[PermissionCacheCleanup] ✓ Scheduled cleanup job (%s)", self._schedule)

    async def stop(self) -> None:
        """shutdownCleanupWorker"""
        await self.runner.stop()

    async def run_cleanup_now(self, dry_run: bool = False, **options: Any) -> Outcome:
        """runCleanupNow: options are those of CleanupOptions; TypeError for any other."""
        replace(self._options, **options)
        return await self.runner.run(CLEANUP, dry_run=dry_run, **options)

    # -- The job ---------------------------------------------------------------------------------

    def _clean(self, run: Run) -> Mapping[str, Any]:
        options = replace(self._options, **run.options)
        _log("Starting cleanup process...")
        _log("Scan batch size: %d", options.scan_batch_size)
        _log("Aggressive cleanup: %s", str(options.aggressive_cleanup).lower())
        found = self._audit(options)
        _log("Total permission keys found: %d", found.scanned)
        removed, stale, inactive = self._remove(run, options, found)
        result = self._result(found, removed, stale, inactive, options)
        metrics = result["currentMetrics"]
        _log(
            "Cleanup complete: { scanned: %d, cleaned: %d, hitRate: %s, avgTTL: %s }",
            found.scanned,
            removed,
            "null" if metrics["hitRate"] is None else f"'{metrics['hitRate']:.1f}%'",
            "null" if metrics["avgTTL"] is None else f"'{metrics['avgTTL']:.0f}s'",
        )
        for title in ("Recommendations", "Issues detected"):
            lines = result["recommendations" if title[0] == "R" else "issues"]
            if lines:
                log.info("[PermissionCacheCleanupWorker] %s:", title)
                for number, line in enumerate(lines, 1):
                    log.info("  %d. %s", number, line)
        return result

    def _audit(self, options: CleanupOptions, remove: EntryKind | None = None) -> Audit:
        return self._permissions.cache.audit(
            PREFIX,
            remove=remove,
            idle=options.inactivity_threshold_days * DAY,
            batch_size=options.scan_batch_size,
        )

    def _remove(self, run: Run, options: CleanupOptions, found: Audit) -> tuple[int, int, int]:
        """How many were removed; how many of them never expired, and were idle."""
        doomed = found.without_expiry + (found.idle if options.aggressive_cleanup else 0)
        if run.dry_run:
            return 0, found.without_expiry, found.idle if options.aggressive_cleanup else 0
        if doomed:
            _log("Deleting %d keys...", doomed)
        stale = self._audit(options, EntryKind.WITHOUT_EXPIRY) if found.without_expiry else None
        inactive = None
        if options.aggressive_cleanup and found.idle:
            inactive = self._audit(options, EntryKind.IDLE)
        gone = [0 if audit is None else audit.removed for audit in (stale, inactive)]
        return sum(gone), found.without_expiry, gone[1]

    def _result(
        self, found: Audit, removed: int, stale: int, inactive: int, options: CleanupOptions
    ) -> dict[str, Any]:
        permissions = self._permissions
        cache = permissions.cache
        recent, day = cache.window(6 * 3600), cache.window(DAY)
        stats = cache.stats()
        rate = None if recent.hit_rate is None else round(100 * recent.hit_rate, 1)
        whole_day = day.hits + day.misses >= _A_DAYS_READS and day.span >= 23 * 3600
        report = advise(
            cache, found, window=6 * 3600, ttl=permissions.ttl, errors=permissions.failures
        )
        figures = Figures(
            advice=report.advice,
            misses=report.misses,
            evidence=report.evidence,
            hit_rate=rate,
            hits=stats.hits,
            errors=permissions.errors,
            keys=found.scanned,
            stale=stale,
            average_ttl=found.average_ttl,
            ttl=permissions.ttl,
            memory=100 * stats.bytes_used / stats.bytes_limit if stats.bytes_limit else None,
        )
        compared = stats.hits + permissions.errors >= _READS
        advised = []
        if options.generate_report:
            advised = recommendations(figures)
            if (better := permissions.forecast.advice()) is not None:
                advised.append(better)
        return {
            "scannedKeys": found.scanned,
            "cleanedKeys": removed,
            "staleTTLKeys": stale,
            "inactiveUserCaches": inactive,
            "currentMetrics": {
                "hitRate": rate,
                "totalKeys": cache.count(),
                "avgTTL": None if found.average_ttl is None else round(found.average_ttl, 1),
            },
            "recommendations": advised,
            "issues": issues(figures) if options.generate_report else [],
            # Beyond the seed's: what the advice goes by, and what the alert rules look at.
            "evidence": report.evidence.to_dict(),
            "hitRate24h": round(100 * (day.hit_rate or 0), 1) if whole_day else None,
            "errorRate": round(100 * permissions.errors / max(1, stats.hits), 2)
            if compared
            else None,
        }

    # -- Statistics ------------------------------------------------------------------------------

    def get_cleanup_statistics(self) -> dict[str, Any]:
        """getCleanupStatistics: the queue, the cache, and how the store is doing.

        The store is called what it was called when it was Redis.
        """
        history = self.runner.histories[CLEANUP]
        active = self.runner.active(CLEANUP)
        metrics = self._permissions.get_metrics()
        return {
            "jobQueue": {
                "waiting": int(self.runner.running and not active),
                "active": int(active),
                "completed": history.counts[Status.SUCCEEDED],
                "failed": history.failures,
            },
            "cacheHealth": {
                name: metrics[name] for name in ("hitRate", "totalKeys", "hits", "misses", "errors")
            },
            "redisHealth": self.store_health(),
        }

    def store_health(self) -> dict[str, Any]:
        """healthy, degraded or unhealthy: by a look-up's latency, memory, and hit rate."""
        cache = self._permissions.cache
        begun = time.perf_counter()
        try:
            cache.contains(PREFIX)
            latency = (time.perf_counter() - begun) * 1000
            stats, hour = cache.stats(), cache.window(3600)
        except Exception:
            return {"status": "unhealthy", "latency": -1, "memoryUsagePercent": 0}
        memory = 100 * stats.bytes_used / stats.bytes_limit if stats.bytes_limit else 0.0
        least = Thresholds()
        is_known = hour.hits + hour.misses >= least.min_lookups and hour.span >= least.min_observed
        seldom = is_known and (hour.hit_rate or 0) < least.hit_rate_low
        degraded = latency > 100 or memory > 85 or seldom
        status = "unhealthy" if latency > 200 else "degraded" if degraded else "healthy"
        return {
            "status": status,
            "latency": round(latency, 4),
            "memoryUsagePercent": round(memory, 2),
        }

    def problems(self) -> list[Problem]:
        """What the service's health says of the store."""
        status = self.store_health()["status"]
        if status == "healthy":
            return []
        return [Problem(f"the store of permissions is {status}", status == "unhealthy")]


def _log(message: str, *arguments: object) -> None:
    log.info("[PermissionCacheCleanup] " + message, *arguments)
