"""What the library reports, as immutable values.  Times are seconds, sizes bytes."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Generic, NamedTuple, TypeVar

from . import _native
from .arguments import HandedKey
from .durations import seconds_left

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Stats:
    """Readings of one moment, and counters since the cache was opened or reset_stats."""

    shard_count: int
    entries: int  #: live entries
    bytes_used: int  #: memory in use: entries, index, bookkeeping
    bytes_limit: int  #: max_bytes; 0: unbounded
    entries_limit: int  #: max_entries; 0: unbounded
    hits: int  #: reads that found a live entry
    misses: int  #: reads that did not
    inserts: int  #: stored under a key that had no live entry
    updates: int  #: stored in place of a live entry
    deletes: int  #: live entries removed by delete, clear, ...
    evictions: int  #: live entries forgotten to make room
    expirations: int  #: entries removed because they had expired
    refused: int  #: writes that stored nothing: too large, full, no memory
    bytes_resident: int  #: memory held from the system, free space kept for new entries included
    removals_lost: int  #: removals dropped, for want of memory, before they were taken
    expired: int  #: entries past their deadline that are still there, ``stale`` and ``absent`` included
    entries_before: int  #: entries there when the counters began
    stale: int  #: values past their deadline that may still be served
    absent: int  #: entries that say that there is no value
    stale_served: int  #: answers that were such a value; each is one of ``misses``, too
    absent_served: int  #: answers that there is no value; each is one of ``misses``, too

    @property
    def hit_rate(self) -> float:
        """Hits among all reads, 0.0 to 1.0; 0.0 before the first read."""
        reads = self.hits + self.misses
        return self.hits / reads if reads else 0.0

    @classmethod
    def of(cls, native: _native.Stats) -> Stats:
        return cls(*(getattr(native, field.name) for field in fields(cls)))


@dataclass(frozen=True, slots=True)
class SharedInfo:
    """Of a cache that processes share: counters of all of them, since the file was made."""

    processes: int  #: that have it open now
    max_processes: int  #: that may have it open at once
    warm: bool  #: there were entries when it was last opened by a process that found no other
    unlinked: bool  #: the file is no longer at its path; who opens that has another cache
    recoveries: int  #: shards put right after a process died
    entries_lost: int  #: entries that this cost
    borrows_reclaimed: int  #: acquired values taken back from the dead
    region_bytes: int  #: size of the file, which is sparse

    @classmethod
    def of(cls, native: _native.SharedInfo) -> SharedInfo:
        values = {field.name: getattr(native, field.name) for field in fields(cls)}
        return cls(**values | {"warm": bool(native.warm), "unlinked": bool(native.unlinked)})


@dataclass(frozen=True, slots=True)
class EntryInfo:
    """All about one entry."""

    value_size: int
    ttl: float  #: time left to live; NEVER if it does not expire
    age: float  #: since the value was stored
    idle: float  #: since it was stored, touched or read; while several threads read, up to 32 ms more
    version: int  #: differs for every value ever stored under the key

    @classmethod
    def of(cls, native: _native.EntryInfo) -> EntryInfo:
        return cls(
            value_size=native.value_size,
            ttl=seconds_left(native.ttl_ms),
            age=native.age_ms / 1000,
            idle=native.idle_ms / 1000,
            version=native.version,
        )


class Found(NamedTuple, Generic[V]):
    """A value, and what was known of the entry just before it was read."""

    value: V
    version: int  #: for compare_and_set; differs for every value ever stored under the key
    ttl: float  #: time left to live; NEVER if it does not expire
    age: float  #: since the value was stored
    idle: float  #: since it was stored, touched or read

    @classmethod
    def of(cls, value: V, info: EntryInfo) -> Found[V]:
        return cls(value, info.version, info.ttl, info.age, info.idle)


class ScanRecord(NamedTuple, Generic[HandedKey]):
    """An entry that a scan came across."""

    key: HandedKey
    value_size: int
    ttl: float  #: time left to live; NEVER if it does not expire

    @staticmethod
    def unpack(records: bytes, text: bool = False) -> Iterator[ScanRecord[Any]]:
        """The records that the library wrote; with ``text``, their keys as str."""
        unpack, header = _native.SCAN_RECORD.unpack_from, _native.SCAN_RECORD.size
        at = 0
        while at < len(records):
            record_size, key_size, value_size, ttl_ms = unpack(records, at)
            key = records[at + header : at + header + key_size]
            yield ScanRecord(bytes.decode(key) if text else key, value_size, seconds_left(ttl_ms))
            at += record_size


class SweeperState(enum.Enum):
    STOPPED = _native.SWEEPER_STOPPED
    RUNNING = _native.SWEEPER_RUNNING
    PAUSED = _native.SWEEPER_PAUSED


@dataclass(frozen=True, slots=True)
class SweeperStatus:
    """How the sweeper is doing; its counters run from its first start on this cache."""

    state: SweeperState
    healthy: bool  #: there is a thread, it is alive, and it has not hung
    interval: float  #: in force; the one chosen when it is automatic
    sweeps_run: int
    entries_removed: int
    last_removed: int
    last_duration: float  #: of the last sweep, pauses between slices included
    max_slice: float  #: longest the lock was held by any slice
    last_run_age: float | None  #: since the last sweep ended; None: none yet
    errors: int  #: failures survived: memory not returned, ...
    backlog: int  #: entries expired and not yet removed
    last_lag: float  #: longest that an entry outlived its deadline before the last sweep took it
    max_lag: float  #: the same over all sweeps

    @classmethod
    def of(cls, native: _native.SweeperStatus) -> SweeperStatus:
        age_ms = native.last_run_age_ms
        return cls(
            state=SweeperState(native.state),
            healthy=bool(native.healthy),
            interval=native.interval_ms / 1000,
            sweeps_run=native.sweeps_run,
            entries_removed=native.entries_removed,
            last_removed=native.last_removed,
            last_duration=native.last_duration_ns / 1e9,
            max_slice=native.max_slice_ns / 1e9,
            last_run_age=None if age_ms < 0 else age_ms / 1000,
            errors=native.errors,
            backlog=native.backlog,
            last_lag=native.last_lag_ms / 1000,
            max_lag=native.max_lag_ms / 1000,
        )
