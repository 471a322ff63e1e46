"""What can be read off a cache, once for every monitoring system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from .. import _native
from ..cache import Cache
from ..errors import ClosedError
from ..stats import Stats, SweeperStatus

#: One cache, or several under names, which become the label or attribute ``cache``.
Caches: TypeAlias = "Cache[Any, Any] | Mapping[str, Cache[Any, Any]]"


class Reading(NamedTuple):
    stats: Stats
    sweeper: SweeperStatus


class Measure(NamedTuple):
    name: str  #: of words separated by "_"
    unit: str  #: UCUM, as OpenTelemetry wants it
    help: str
    read: Callable[[Reading], float]


COUNTERS: Final = (
    Measure("hits", "{read}", "Reads that found a live entry", lambda r: r.stats.hits),
    Measure("misses", "{read}", "Reads that did not", lambda r: r.stats.misses),
    Measure("inserts", "{entry}", "Entries stored under a new key", lambda r: r.stats.inserts),
    Measure("updates", "{entry}", "Entries stored in place of another", lambda r: r.stats.updates),
    Measure("deletes", "{entry}", "Live entries removed on request", lambda r: r.stats.deletes),
    Measure("evictions", "{entry}", "Live entries forgotten for room", lambda r: r.stats.evictions),
    Measure("expirations", "{entry}", "Entries that had expired", lambda r: r.stats.expirations),
    Measure("refused", "{entry}", "Writes that stored nothing", lambda r: r.stats.refused),
    Measure("stale_served", "{read}", "Answers past deadline", lambda r: r.stats.stale_served),
    Measure("absent_served", "{read}", "Answers: no value", lambda r: r.stats.absent_served),
    Measure("sweeps", "{sweep}", "Sweeps for expired entries", lambda r: r.sweeper.sweeps_run),
    Measure("sweep_errors", "{error}", "Failures of the sweeper", lambda r: r.sweeper.errors),
    Measure("swept", "{entry}", "Entries that sweeps removed", lambda r: r.sweeper.entries_removed),
)

GAUGES: Final = (
    Measure("entries", "{entry}", "Live entries", lambda r: r.stats.entries),
    Measure("entries_limit", "{entry}", "Most entries; 0: any", lambda r: r.stats.entries_limit),
    Measure("stale", "{entry}", "Past deadline, to be served", lambda r: r.stats.stale),
    Measure("absent", "{entry}", "Entries: no value", lambda r: r.stats.absent),
    Measure("used_bytes", "By", "Memory in use", lambda r: r.stats.bytes_used),
    Measure("resident_bytes", "By", "Memory held", lambda r: r.stats.bytes_resident),
    Measure("limit_bytes", "By", "Most memory in use; 0: any", lambda r: r.stats.bytes_limit),
    Measure("backlog", "{entry}", "Expired and not yet removed", lambda r: r.sweeper.backlog),
    Measure("sweep_seconds", "s", "Duration of the last sweep", lambda r: r.sweeper.last_duration),
    Measure("sweeper_healthy", "1", "1: runs, and has not hung", lambda r: r.sweeper.healthy),
)


def by_name(caches: Caches) -> dict[str, Cache[Any, Any]]:
    """A cache without a name is called "default"."""
    return {"default": caches} if isinstance(caches, Cache) else dict(caches)


def readings(caches: Mapping[str, Cache[Any, Any]]) -> dict[str, Reading]:
    """Of the caches that are open."""
    found = {}
    for name, cache in caches.items():
        try:
            found[name] = Reading(cache.stats(), _sweeper_status(cache))
        except ClosedError:
            continue
    return found


def _sweeper_status(cache: Cache[Any, Any]) -> SweeperStatus:
    if cache.read_only:  # none runs here, nor can
        return SweeperStatus.of(_native.SweeperStatus(last_run_age_ms=-1))
    return cache.sweeper.status()
