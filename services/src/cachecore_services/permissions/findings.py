"""What an audit's figures mean: recommendations and issues, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..cleanup import Advice, Evidence, Misses


@dataclass(frozen=True)
class Figures:
    """What the rules look at; ``cachecore_services.cleanup.advise`` has applied the thresholds."""

    advice: Sequence[Advice]
    hit_rate: float | None  #: percent; None: nobody asked
    hits: int
    errors: int
    keys: int
    stale: int  #: keys that never expire
    average_ttl: float | None
    ttl: float  #: what keys are given
    memory: float | None = None  #: percent of what is allowed
    misses: Misses | None = None  #: what most of them come of; None: not known
    evidence: Evidence | None = None  #: what advice about the hit rate goes by


def recommendations(figures: Figures) -> list[str]:
    """Nothing is said of a cache nobody has asked, or of a lifetime nobody has."""
    rate = 0.0 if figures.hit_rate is None else figures.hit_rate
    ttl = 0.0 if figures.average_ttl is None else figures.average_ttl
    minutes = figures.ttl / 60
    helps = {
        Misses.EVICTED: "Consider a larger cache.",
        Misses.NEW: "Most misses are first look-ups: review what is asked.",
    }
    doubling = f"Consider doubling the TTL ({minutes:g}min → {2 * minutes:g}min)."
    texts = {
        Advice.HIT_RATE_CRITICAL: (
            f"CRITICAL: Very low cache hit rate ({rate:.1f}%). "
            + (doubling if figures.misses is None else helps.get(figures.misses, doubling))
        ),
        Advice.HIT_RATE_LOW: (
            f"Low cache hit rate ({rate:.1f}%). Review permission check patterns."
        ),
        Advice.HIT_RATE_GOOD: (
            f"Good cache hit rate ({rate:.1f}%). Current configuration is working well."
        ),
        Advice.HIT_RATE_EXCELLENT: f"Excellent cache hit rate ({rate:.1f}%). TTL is optimal.",
        Advice.TTL_LOW: (
            f"Most caches are near expiration (avg TTL: {ttl:.0f}s). "
            "This suggests high invalidation rate."
        ),
        Advice.MANY_ENTRIES: (
            f"High number of cached keys ({figures.keys}). Consider enabling aggressive cleanup, "
            "and review the caching strategy if it keeps growing."
        ),
        Advice.ERRORS: (
            f"High error rate ({figures.errors} errors vs {figures.hits} hits). "
            "Investigate the stability of the cache."
        ),
        Advice.MEMORY_HIGH: (
            f"Cache memory usage is high ({figures.memory or 0:.0f}%). "
            "Enable aggressive cleanup or reduce the TTL."
        ),
        Advice.WITHOUT_EXPIRY: (
            f"URGENT: {figures.stale} keys have no TTL. Find out who stores them."
        ),
    }
    if figures.evidence is not None:
        for one in texts:
            if one.name.startswith("HIT_RATE"):
                texts[one] += f" ({figures.evidence})"
    return [texts[one] for one in figures.advice if one in texts]


def issues(figures: Figures) -> list[str]:
    """One line for each kind of problem, however many keys have it."""
    found = []
    if figures.stale:
        found.append(f"Found {figures.stale} keys without TTL - this indicates a caching bug")
    if Advice.ERRORS in figures.advice:
        found.append(f"High cache error rate: {figures.errors} errors vs {figures.hits} hits")
    if Advice.HIT_RATE_CRITICAL in figures.advice:
        found.append("Hit rate below 50% - cache not effective")
    return found
