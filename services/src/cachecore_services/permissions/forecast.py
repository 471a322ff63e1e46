"""What the hit rate would be with another lifetime, measured and not guessed.

For a sample of the users, chosen by a hash of their names, it is followed when each would have been
loaded had the lifetime been a quarter, a half, two, four or eight times what it is.  A read is a hit
under a lifetime if that long has not passed since; else the user would have been loaded then.
So each lifetime has a hit rate of its own, from the very same reads.  Invalidations count for all of
them, being out of any lifetime's hands; room is taken to be unlimited.

A lifetime of which not even two have passed has not been tried: until it ends, every read but the
first is a hit with it.  So there is a forecast only for those, and no advice before there is one for
the lifetime that the cache has.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cachecore import ObjectCache

from ..maintenance.clock import Clock

_FACTORS: Final = (0.25, 0.5, 1, 2, 4, 8)
_ENOUGH: Final = 200  # reads; fewer say nothing
_LIFETIMES: Final = 2  # that have passed


def share_of(user: str, salt: str) -> float:
    """Where a user stands, from 0 to 1: always the same, and unrelated for another salt."""
    hashed = hashlib.sha256(f"{salt}:{user}".encode(errors="surrogatepass")).digest()
    return int.from_bytes(hashed[:8], "big") / 2**64


@dataclass(frozen=True)
class Forecast:
    ttl: float  #: seconds
    hit_rate: float  #: percent


class TTLForecast:
    """Any method may be called from any thread."""

    def __init__(
        self, ttl: float, clock: Clock, *, share: float = 0.125, max_users: int = 10_000
    ) -> None:
        """share: of the users that are followed; max_users: the most of them at once."""
        self.ttls = tuple(ttl * factor for factor in _FACTORS)
        self._ttl, self._clock, self._share = ttl, clock, share
        self._lock = threading.Lock()
        self._loaded: ObjectCache[str, list[float]] = ObjectCache(max_users)
        self.reads = 0
        self._begun: float | None = None  # steady time of the first read
        self._hits = [0] * len(self.ttls)

    def close(self) -> None:
        self._loaded.close()

    def read(self, user: str) -> None:
        if share_of(user, "forecast") >= self._share:
            return
        now = self._clock.now().steady
        with self._lock:
            self._begun = now if self._begun is None else self._begun
            loaded = self._loaded.get(user)
            if loaded is None:
                self._loaded[user] = [now] * len(self.ttls)
                return  # whoever comes for the first time is a miss with any lifetime
            self.reads += 1
            for number, ttl in enumerate(self.ttls):
                if now - loaded[number] < ttl:
                    self._hits[number] += 1
                else:
                    loaded[number] = now

    def invalidated(self, user: str) -> None:
        with self._lock:
            self._loaded.pop(user, None)

    def clear(self) -> None:
        with self._lock:
            self._loaded.clear()

    @property
    def span(self) -> float:
        """Seconds since the first read."""
        return 0.0 if self._begun is None else self._clock.now().steady - self._begun

    def forecasts(self) -> Sequence[Forecast]:
        """One for each lifetime that there were enough reads and enough time for."""
        with self._lock:
            span = self.span
            if self.reads < _ENOUGH:
                return []
            return [
                Forecast(ttl, round(100 * hits / self.reads, 1))
                for ttl, hits in zip(self.ttls, self._hits)
                if span >= _LIFETIMES * ttl
            ]

    def advice(self, worth: float = 5.0) -> str | None:
        """A longer lifetime if it brings ``worth`` points at least, a shorter one if it costs
        less than a fifth of that; None: this one is right, or too little is known."""
        known = {forecast.ttl: forecast.hit_rate for forecast in self.forecasts()}
        if self._ttl not in known:
            return None
        now = known[self._ttl]
        longer = [ttl for ttl, rate in known.items() if ttl > self._ttl and rate - now >= worth]
        shorter = [ttl for ttl, rate in known.items() if ttl < self._ttl and now - rate < worth / 5]
        better = longer[0] if longer else shorter[0] if shorter else None
        if better is None:
            return None
        return (
            f"A TTL of {better / 60:g}min instead of {self._ttl / 60:g}min would have given a hit "
            f"rate of {known[better]:.1f}% instead of {now:.1f}% (measured on {self.reads} reads "
            f"in {self.span / 3600:.1f}h)."
        )
