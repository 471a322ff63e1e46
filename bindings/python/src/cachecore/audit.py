"""What is in a cache, and how it did lately.  Times are seconds."""

from __future__ import annotations

import ctypes
import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import _native, durations
from .arguments import Key, bound, key_bytes, natural
from .durations import Duration


class EntryKind(enum.Flag):
    """Kinds of entries; one that has expired is of no other kind."""

    EXPIRED = _native.ENTRY_EXPIRED  #: and not yet removed
    NEAR_EXPIRY = _native.ENTRY_NEAR_EXPIRY  #: little time left to live
    WITHOUT_EXPIRY = _native.ENTRY_WITHOUT_EXPIRY  #: never expires
    IDLE = _native.ENTRY_IDLE  #: not used for a long time


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found; the kinds include what it removed."""

    scanned: int  #: entries looked at
    expired: int
    near_expiry: int
    without_expiry: int
    idle: int
    removed: int
    bytes: int  #: of all looked at: bookkeeping, keys, values
    removed_bytes: int
    average_ttl: float | None  #: time left, of live entries that expire; None: there are none
    average_age: float | None  #: since they were stored, of live entries; None: there are none


@dataclass(frozen=True, slots=True)
class Window:
    """Hits and misses of the recent past."""

    hits: int
    misses: int
    span: float  #: for how long they were really counted

    @property
    def hit_rate(self) -> float | None:
        """Hits among all reads, 0.0 to 1.0; None if there were none."""
        reads = self.hits + self.misses
        return self.hits / reads if reads else None


def _seconds_or_none(ms: int) -> float | None:
    return None if ms < 0 else ms / 1000


class Audited:
    """The part of Cache that looks at the cache as a whole."""

    __slots__ = ()

    _listening: bool
    _decode_keys: bool

    def _run(self, function: Callable[..., int], *arguments: Any) -> int:
        raise NotImplementedError

    def _deliver(self) -> None:
        raise NotImplementedError

    def audit(
        self,
        prefix: Key = b"",
        *,
        remove: EntryKind | None = None,
        near_expiry: Duration | None = None,
        idle: Duration | None = None,
        batch_size: int | None = None,
    ) -> Audit:
        """Looks at every entry whose key begins with the prefix, and counts them by kind.

        remove: the kinds to remove, as ``EntryKind.EXPIRED | EntryKind.IDLE``; None: a dry run.
        near_expiry: what is little time left to live; None: a minute.
        idle: what is a long time without use; None: 30 days.
        batch_size: entries looked at in one hold of a lock, about; None: 100.

        Works in slices that others can get in between.  Counts as no use.
        """
        kinds = EntryKind(0) if remove is None else remove
        if not isinstance(kinds, EntryKind):
            raise TypeError(f"remove must be an EntryKind, not {type(remove).__name__!r}")
        options = _native.AuditOptions(
            remove_kinds=kinds.value,
            near_expiry_ms=durations.default_ms(near_expiry, "near_expiry"),
            idle_ms=durations.default_ms(idle, "idle"),
            batch_size=natural(bound(batch_size, "batch_size"), "batch_size", 2**32 - 1),
        )
        found = _native.Audit()
        start = key_bytes(prefix, self._decode_keys)
        self._run(
            _native.audit, start, len(start), ctypes.byref(options), ctypes.byref(found)
        )
        if self._listening:
            self._deliver()
        return Audit(
            scanned=found.scanned,
            expired=found.expired,
            near_expiry=found.near_expiry,
            without_expiry=found.without_expiry,
            idle=found.idle,
            removed=found.removed,
            bytes=found.bytes,
            removed_bytes=found.removed_bytes,
            average_ttl=_seconds_or_none(found.average_ttl_ms),
            average_age=_seconds_or_none(found.average_age_ms),
        )

    def window(self, span: Duration | None = None) -> Window:
        """Hits and misses of the last so many seconds; None: since the cache was opened.

        To the minute, or the hour if it is longer than an hour, and 32 hours back; ``span`` of
        the result says for how long they were really counted.  No ``reset_stats`` ends it.
        """
        found = _native.Window()
        window_ms = durations.default_ms(span, "span")
        self._run(_native.window, window_ms, ctypes.byref(found))
        return Window(hits=found.hits, misses=found.misses, span=found.span_ms / 1000)
