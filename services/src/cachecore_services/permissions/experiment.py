"""Two lifetimes at once, each for its share of the users, and what came of it."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import Any

from .forecast import share_of


@dataclass
class Arm:
    ttl: float  #: seconds
    hits: int = 0
    misses: int = 0

    @property
    def reads(self) -> int:
        return self.hits + self.misses

    @property
    def hit_rate(self) -> float | None:
        return self.hits / self.reads if self.reads else None

    def to_dict(self) -> dict[str, Any]:
        rate = self.hit_rate
        return {
            "ttl": self.ttl,
            "hits": self.hits,
            "misses": self.misses,
            "hitRate": None if rate is None else round(100 * rate, 1),
        }


class TTLExperiment:
    """Users are in arm B by a hash of their names: always the same ones, whatever the process."""

    def __init__(self, ttl_a: float, ttl_b: float, share_b: float = 0.5, name: str = "ttl") -> None:
        if not 0 <= share_b <= 1 or not ttl_a > 0 or not ttl_b > 0:
            raise ValueError("share_b is from 0 to 1, and lifetimes are greater than 0")
        self.a, self.b = Arm(ttl_a), Arm(ttl_b)
        self._share_b, self._name = share_b, name
        self._begun: float | None = None
        self._last = 0.0
        self._lock = threading.Lock()

    def arm(self, user: str) -> Arm:
        return self.b if share_of(user, self._name) < self._share_b else self.a

    def read(self, user: str, hit: bool, now: float | None = None) -> None:
        """now: steady time in seconds; None: the system's."""
        now = time.monotonic() if now is None else now
        arm = self.arm(user)
        with self._lock:
            self._begun = now if self._begun is None else self._begun
            self._last = now
            if hit:
                arm.hits += 1
            else:
                arm.misses += 1

    def report(self) -> dict[str, Any]:
        """Both arms, and by how many points B's hit rate is higher, at a confidence of 95 %.

        Conclusive only after 100 reads of each arm, and twice the longer lifetime: before that, it has
        not yet ended for most.
        The interval takes reads to be independent; those of one user are not quite, so it is
        somewhat too narrow where few users read much.
        """
        a, b = self.a, self.b
        report: dict[str, Any] = {"a": a.to_dict(), "b": b.to_dict(), "difference": None}
        seconds = 0.0 if self._begun is None else self._last - self._begun
        enough = min(a.reads, b.reads) >= 100 and seconds >= 2 * max(a.ttl, b.ttl)
        if a.hit_rate is not None and b.hit_rate is not None:
            spread = 1.96 * math.sqrt(
                a.hit_rate * (1 - a.hit_rate) / a.reads + b.hit_rate * (1 - b.hit_rate) / b.reads
            )
            points = b.hit_rate - a.hit_rate
            low, high = points - spread, points + spread
            report["difference"] = {
                "points": round(100 * points, 1),
                "from": round(100 * low, 1),
                "to": round(100 * high, 1),
                "seconds": round(seconds),
                "conclusive": enough and (low > 0 or high < 0),
            }
        return report
