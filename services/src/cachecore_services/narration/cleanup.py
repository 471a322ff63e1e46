"""The cleanup service of the narration system: expired audio and abandoned requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from ..maintenance import ConsecutiveFailures, Every, Job, Outcome, Run, Runner
from .audio import MB, AudioCache, whole
from .requests import NarrationRequests

log = logging.getLogger("cachecore.narration")

CLEANUP: Final = "narration-cleanup"


class CleanupFailed(RuntimeError):
    """One step of a cleanup failed, or both; what could be done has been done."""


class NarrationCleanupService:
    """Cleans up at once, every 6 hours, and when asked."""

    def __init__(
        self,
        audio: AudioCache,
        requests: NarrationRequests,
        cleanup_interval_hours: float = 6,
        abandoned_request_timeout_hours: float = 1,
        **options: Any,
    ) -> None:
        """options: those of a Runner."""
        if not abandoned_request_timeout_hours > 0:
            raise ValueError("abandoned_request_timeout_hours must be greater than 0")
        self._audio, self._requests = audio, requests
        self._interval_hours = cleanup_interval_hours
        self._timeout_hours = abandoned_request_timeout_hours
        options.setdefault("rules", (ConsecutiveFailures(1),))
        job = Job(
            CLEANUP,
            self._clean,
            Every(cleanup_interval_hours * 3600),
            run_at_start=True,
            timeout=3600,
            attempts=3,
            backoff=60,
        )
        self.runner = Runner([job], **options)

    async def start(self) -> None:
        if self.runner.running:
            log.warning("Cleanup service is already running")
            return
        await self.runner.start()
        log.info(
            "Started cleanup service (interval: %.1fh, abandoned timeout: %.1fh)",
            self._interval_hours,
            self._timeout_hours,
        )

    async def stop(self) -> None:
        if self.runner.running:
            await self.runner.stop()
            log.info("Stopped cleanup service")

    async def run_cleanup(self, dry_run: bool = False) -> Outcome:
        """Cleans up now; JobRunning if that is going on."""
        return await self.runner.run(CLEANUP, dry_run=dry_run)

    def get_cleanup_stats(self) -> dict[str, Any]:
        return {
            "running": self.runner.running,
            "cleanup_interval_hours": whole(self._interval_hours),
            "abandoned_timeout_hours": whole(self._timeout_hours),
            "cache": self._audio.stats(),
            "requests": self._requests.stats(),
        }

    async def _clean(self, run: Run) -> Mapping[str, Any]:
        """Both steps, whatever becomes of the first."""
        log.info("Starting cleanup tasks" + (" (dry run)" if run.dry_run else ""))
        report: dict[str, Any] = {}
        errors = []
        for step in (self._clean_audio, self._clean_requests):
            try:
                report |= await step(run.dry_run)
            except Exception as error:
                log.error("%s: %s", type(error).__name__, error)
                errors.append(f"{type(error).__name__}: {error}")
        if errors:
            raise CleanupFailed("; ".join(errors))
        log.info("Cleanup tasks completed successfully")
        return report

    async def _clean_audio(self, dry_run: bool) -> Mapping[str, Any]:
        log.info("Cleaning up expired cache entries")
        cleaned = await asyncio.to_thread(self._audio.cleanup, dry_run)
        said = "Would remove" if dry_run else "Removed"
        freed = cleaned.bytes / MB
        log.info("%s %d expired cache entries, freed %.2f MB", said, cleaned.entries, freed)
        if cleaned.leftovers:
            log.info("%s %d files that belonged to nothing", said, cleaned.leftovers)
        return {
            "removed": cleaned.entries,
            "freedMB": round(freed, 2),
            "leftovers": cleaned.leftovers,
        }

    async def _clean_requests(self, dry_run: bool) -> Mapping[str, Any]:
        log.info("Cleaning up abandoned requests")
        seconds = self._timeout_hours * 3600
        if dry_run:
            count = len(self._requests.abandoned(seconds))
            log.info("Would cancel %d abandoned requests", count)
        else:
            count = self._requests.cancel_abandoned(seconds)
            log.info("Cancelled %d abandoned requests", count)
        return {"cancelled": count}
