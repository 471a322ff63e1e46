"""The jobs of the blacklist: expired tokens are removed once a day, others' revocations read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from ..maintenance import Clock, Every, Job, Run, Runner, Schedule
from .blacklist import TokenBlacklist

log = logging.getLogger("cachecore.blacklist")

CLEANUP = "token-cleanup"
SYNC = "token-sync"


def cleanup_expired_tokens(blacklist: TokenBlacklist) -> int:
    """Removes the expired tokens; how many.  What goes wrong is logged, and raised."""
    log.info("Starting cleanup of expired tokens from blacklist")
    try:
        removed = blacklist.remove_expired()
    except Exception as error:
        log.error("Error during token cleanup: %s", error)
        raise
    log.info("Successfully removed %d expired token(s) from blacklist", removed)
    return removed


def cleanup_job(blacklist: TokenBlacklist, schedule: Schedule | None = None) -> Job:
    """Every 24 hours unless told otherwise; a failed run is tried again within the hour."""

    def clean(run: Run) -> Mapping[str, Any]:
        if run.dry_run:
            return {"expired": blacklist.expired(), "removed": 0}
        log.info("Running scheduled token cleanup...")
        removed = cleanup_expired_tokens(blacklist)
        log.info("Scheduled cleanup completed: removed %d expired token(s)", removed)
        return {"removed": removed}

    return Job(
        CLEANUP,
        clean,
        Every(24 * 3600) if schedule is None else schedule,
        jitter=1.0,
        timeout=3600,
        attempts=4,
        backoff=60,
    )


def sync_job(blacklist: TokenBlacklist, seconds: float = 1.0) -> Job:
    def sync(run: Run) -> Mapping[str, Any]:
        read = blacklist.sync()
        degraded = int(blacklist.degraded)
        return {"read": read, "overflows": blacklist.overflows, "degraded": degraded}

    return Job(SYNC, sync, Every(seconds), timeout=60, everywhere=True)


async def periodic_token_cleanup(
    blacklist: TokenBlacklist, interval_hours: float = 24, *, clock: Clock | None = None
) -> None:
    """Cleans up every so many hours until it is cancelled: for an application without a runner."""
    job = cleanup_job(blacklist, Every(interval_hours * 3600))
    async with Runner([job], clock=clock):
        log.info("Token cleanup task started. Will run every %g hours.", interval_hours)
        try:
            await asyncio.Event().wait()
        finally:
            log.info("Token cleanup task cancelled successfully")
