"""What is in a cache, how it did lately, and what that suggests.  Times are seconds."""

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


class Advice(enum.Flag):
    """What figures suggest; ``text`` says it in a sentence."""

    HIT_RATE_CRITICAL = _native.ADVICE_HIT_RATE_CRITICAL
    HIT_RATE_LOW = _native.ADVICE_HIT_RATE_LOW
    HIT_RATE_GOOD = _native.ADVICE_HIT_RATE_GOOD
    HIT_RATE_EXCELLENT = _native.ADVICE_HIT_RATE_EXCELLENT
    TTL_LOW = _native.ADVICE_TTL_LOW
    MANY_ENTRIES = _native.ADVICE_MANY_ENTRIES
    ERRORS = _native.ADVICE_ERRORS
    MEMORY_HIGH = _native.ADVICE_MEMORY_HIGH
    WITHOUT_EXPIRY = _native.ADVICE_WITHOUT_EXPIRY

    @property
    def text(self) -> str:
        """One sentence for one piece of advice."""
        return str(_native.advice_text(self.value).decode())


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


def _thousandths(share: float | None, name: str) -> int:
    """A threshold: None is 0, the default."""
    if share is None:
        return 0
    if not 0.001 <= share <= 1:
        raise ValueError(f"{name} must be a share from 0.001 to 1")
    return round(share * 1000)


def _seconds_or_none(ms: int) -> float | None:
    return None if ms < 0 else ms / 1000


class Audited:
    """The part of Cache that looks at the cache as a whole."""

    __slots__ = ()

    _listening: bool

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
        start = key_bytes(prefix)
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

    def advice(
        self,
        audit: Audit | None = None,
        *,
        window: Duration | None = None,
        errors: int = 0,
        expected_ttl: Duration | None = None,
        hit_rate_critical: float | None = None,
        hit_rate_low: float | None = None,
        hit_rate_excellent: float | None = None,
        ttl_low: float | None = None,
        error_share: float | None = None,
        memory_share: float | None = None,
        entries_high: int | None = None,
    ) -> list[Advice]:
        """Rules of thumb on the figures of the cache; nothing is said without figures.

        audit: for the advice that needs one (TTL_LOW, WITHOUT_EXPIRY).
        window: the hit rate is that of so many last seconds; None: of the statistics.
        errors: the caller's own, added to the cache's.
        expected_ttl: what ``ttl_low`` is a share of; None: the cache's default.

        The thresholds, None being the default: a hit rate below ``hit_rate_critical`` (0.5) or
        ``hit_rate_low`` (0.7), or from ``hit_rate_excellent`` (0.9) on; an average time left below
        ``ttl_low`` (0.3) of what is expected; errors above ``error_share`` (0.01) of the hits;
        memory above ``memory_share`` (0.8) of max_bytes; more than ``entries_high`` (10 000) entries.
        """
        options = _native.AdviceOptions(
            hit_rate_critical=_thousandths(hit_rate_critical, "hit_rate_critical"),
            hit_rate_low=_thousandths(hit_rate_low, "hit_rate_low"),
            hit_rate_excellent=_thousandths(hit_rate_excellent, "hit_rate_excellent"),
            ttl_low=_thousandths(ttl_low, "ttl_low"),
            error_share=_thousandths(error_share, "error_share"),
            memory_share=_thousandths(memory_share, "memory_share"),
            entries_high=bound(entries_high, "entries_high"),
            expected_ttl_ms=durations.default_ms(expected_ttl, "expected_ttl"),
            window_ms=durations.default_ms(window, "window"),
            errors=natural(errors, "errors"),
        )
        figures = None
        if audit is not None:
            left = audit.average_ttl
            figures = _native.Audit(
                average_ttl_ms=-1 if left is None else round(left * 1000),
                without_expiry=audit.without_expiry,
            )
        bits = ctypes.c_uint32()
        self._run(
            _native.advise,
            ctypes.byref(options),
            None if figures is None else ctypes.byref(figures),
            ctypes.byref(bits),
        )
        return [advice for advice in Advice if bits.value & advice.value]
