"""What a cache's figures suggest, and on how much evidence.

``advise`` applies rules of thumb to what ``Cache.stats``, ``Cache.window`` and ``Cache.audit`` say.  A
cache that has just been opened misses everything, and ten look-ups have no hit rate worth the name, so a
rule says nothing before there is enough to go by:

- the hit rate: ``min_lookups`` look-ups in the window, and the cache observed for ``min_observed``
  seconds and for one lifetime of its entries (a day at most): before that no entry could expire;
- errors: as many look-ups and errors together;
- the time left of entries: an audit with ``min_entries`` live ones that expire.

The rules on entries, memory and entries that never expire are about what is there now, which needs no
more evidence.  ``Report.evidence`` says how much there was, and what there was too little of.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:  # the package can be imported where the engine's library is not
    from cachecore import Audit, Stats, Window

_DAY: Final = 86_400.0


class Advice(enum.Enum):
    """What figures suggest; the value says it in a sentence."""

    HIT_RATE_CRITICAL = "the hit rate is critical: the cache hardly helps"
    HIT_RATE_LOW = "the hit rate is low: review lifetimes, size and what is cached"
    HIT_RATE_GOOD = "the hit rate is good"
    HIT_RATE_EXCELLENT = "the hit rate is excellent"
    TTL_LOW = "entries are near expiry on average: they are replaced seldom or invalidated often"
    MANY_ENTRIES = "there are many entries: clean up more eagerly, or review the growth"
    ERRORS = "there are many errors beside the hits: check size, bounds and connections"
    MEMORY_HIGH = "memory is nearly used up: clean up more eagerly or shorten lifetimes"
    WITHOUT_EXPIRY = "some entries never expire: remove them, and see who stores them"

    @property
    def text(self) -> str:
        return self.value


class Misses(enum.Enum):
    """What most misses come of, as far as the statistics tell; the value says what helps."""

    EXPIRED = "most misses follow an expiry: consider doubling the lifetimes"
    EVICTED = "most misses follow an eviction: consider a larger cache"
    NEW = "most misses are first look-ups: review what is cached"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where the rules draw their lines.  Shares are from 0 to 1, times seconds."""

    hit_rate_critical: float = 0.5  #: below it
    hit_rate_low: float = 0.7  #: below it
    hit_rate_excellent: float = 0.9  #: from it on; else good
    ttl_low: float = 0.3  #: average time left, of the lifetime
    error_share: float = 0.01  #: errors above it, of the hits
    memory_share: float = 0.8  #: bytes above it, of max_bytes
    entries_high: int = 10_000  #: more than so many
    min_lookups: int = 1000
    min_observed: float = 600.0
    min_entries: int = 30

    def __post_init__(self) -> None:
        shares = "hit_rate_critical hit_rate_low hit_rate_excellent ttl_low error_share memory_share"
        for name in shares.split():
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be a share from 0 to 1")
        for name in ("entries_high", "min_lookups", "min_observed", "min_entries"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must be 0 or more")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a report goes by."""

    lookups: int  #: hits and misses in the window
    hit_rate: float | None  #: of these, 0 to 1; None: there were none
    observed: float  #: seconds since the cache was opened, or for which it remembers
    entries: int  #: live entries that expire, in the audit; 0 without one
    missing: tuple[str, ...]  #: what there was too little of, each in words: "12 of 1000 look-ups"

    def to_dict(self) -> dict[str, Any]:
        return {
            "lookUps": self.lookups,
            "hitRate": self.hit_rate,
            "observedSeconds": round(self.observed, 3),
            "tooLittle": list(self.missing),
        }

    def __str__(self) -> str:
        rate = "" if self.hit_rate is None else f"{100 * self.hit_rate:.1f}% of "
        return f"{rate}{self.lookups} look-ups, observed for {_time(self.observed)}"


@dataclass(frozen=True, slots=True)
class Report:
    """Advice, what most misses come of, and the evidence for both."""

    advice: tuple[Advice, ...]
    misses: Misses | None  #: None: too little is known
    evidence: Evidence

    def text(self, advice: Advice) -> str:
        """The sentence, with its evidence and what helps, where that is known."""
        if advice not in _ON_HIT_RATE:
            return advice.text
        helps = self.misses if advice is Advice.HIT_RATE_CRITICAL else None
        return f"{advice.text} ({self.evidence})" + (f"; {helps.value}" if helps else "")

    def to_dict(self) -> dict[str, Any]:
        return {
            "advice": [{"code": one.name, "text": self.text(one)} for one in self.advice],
            "evidence": self.evidence.to_dict(),
        }


_ON_HIT_RATE: Final = frozenset(
    {
        Advice.HIT_RATE_CRITICAL,
        Advice.HIT_RATE_LOW,
        Advice.HIT_RATE_GOOD,
        Advice.HIT_RATE_EXCELLENT,
    }
)


class Advised(Protocol):
    """A ``cachecore.Cache``."""

    def stats(self) -> Stats: ...
    def window(self, span: float | None = None) -> Window: ...


def advise(
    cache: Advised,
    audit: Audit | None = None,
    *,
    window: float | None = None,
    ttl: float | None = None,
    errors: int = 0,
    thresholds: Thresholds = Thresholds(),
) -> Report:
    """Rules of thumb on the figures of a cache.

    audit: for the advice that needs one (TTL_LOW, WITHOUT_EXPIRY).
    window: the hit rate is that of so many last seconds; None: since the cache was opened.
    ttl: the lifetime, in seconds, that entries are given; None: not known, and no TTL_LOW.
    errors: the caller's own, added to the cache's refused writes.

    Looks at no entry, and costs a few microseconds.  Raises what the cache raises, ClosedError say.
    """
    stats, recent, observed = cache.stats(), cache.window(window), cache.window().span
    lookups = recent.hits + recent.misses
    enough = _Enough()
    found: list[Advice] = []
    misses = None

    needed = max(thresholds.min_observed, min(ttl or 0.0, _DAY))
    asked = enough.of(lookups, thresholds.min_lookups, "look-ups")
    watched = enough.lasting(observed, needed)
    if asked and watched and recent.hit_rate is not None:
        found.append(_on_hit_rate(recent.hit_rate, thresholds))
        misses = _misses(stats, recent)

    expiring = 0 if audit is None else audit.scanned - audit.expired - audit.without_expiry
    if audit is not None and audit.average_ttl is not None and ttl:
        if enough.of(expiring, thresholds.min_entries, "entries that expire"):
            if audit.average_ttl < ttl * thresholds.ttl_low:
                found.append(Advice.TTL_LOW)

    if stats.entries > thresholds.entries_high:
        found.append(Advice.MANY_ENTRIES)
    failed = errors + stats.refused
    if failed > stats.hits * thresholds.error_share:
        if stats.hits + stats.misses + failed >= thresholds.min_lookups:
            found.append(Advice.ERRORS)
    if stats.bytes_limit and stats.bytes_used > stats.bytes_limit * thresholds.memory_share:
        found.append(Advice.MEMORY_HIGH)
    if audit is not None and audit.without_expiry:
        found.append(Advice.WITHOUT_EXPIRY)
    evidence = Evidence(lookups, recent.hit_rate, observed, expiring, tuple(enough.missing))
    return Report(tuple(found), misses, evidence)


def _on_hit_rate(rate: float, thresholds: Thresholds) -> Advice:
    if rate < thresholds.hit_rate_critical:
        return Advice.HIT_RATE_CRITICAL
    if rate < thresholds.hit_rate_low:
        return Advice.HIT_RATE_LOW
    return Advice.HIT_RATE_GOOD if rate < thresholds.hit_rate_excellent else Advice.HIT_RATE_EXCELLENT


def _misses(stats: Stats, recent: Window) -> Misses | None:
    """From how many entries went, and how, since the statistics began."""
    missed = stats.misses
    if not recent.misses or not missed:
        return None
    if max(stats.expirations, stats.evictions) * 2 < missed:
        return Misses.NEW
    return Misses.EXPIRED if stats.expirations >= stats.evictions else Misses.EVICTED


class _Enough:
    """Compares what there is with what is needed, and remembers what is missing."""

    def __init__(self) -> None:
        self.missing: list[str] = []

    def of(self, count: int, needed: int, what: str) -> bool:
        if count < needed:
            self.missing.append(f"{count} of {needed} {what}")
        return count >= needed

    def lasting(self, seconds: float, needed: float) -> bool:
        if seconds < needed:
            self.missing.append(f"observed for {_time(seconds)} of {_time(needed)}")
        return seconds >= needed


def _time(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
