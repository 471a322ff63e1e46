"""A schedule that follows the growth of a cache: the faster it grows, the more often."""

from __future__ import annotations

from collections.abc import Callable

from ..maintenance.clock import Moment


class FollowGrowth:
    """Due when the cache has grown by ``keys`` since the last run, and at the latest after
    ``longest`` seconds, but never before ``shortest`` have passed.

    For a Job's ``schedule``; looks at the cache every ``shortest`` seconds.
    """

    def __init__(
        self,
        count: Callable[[], int],
        *,
        keys: int = 1000,
        shortest: float = 300,
        longest: float = 6 * 3600,
    ) -> None:
        if keys < 1 or not 0 < shortest <= longest:
            raise ValueError("keys is at least 1, and 0 < shortest <= longest")
        self._count, self._keys = count, keys
        self._shortest, self._longest = shortest, longest
        self._before = count()

    @property
    def look_again(self) -> float:
        return self._shortest

    def wait(self, now: Moment, last: Moment) -> float:
        count = self._count()
        self._before = min(self._before, count)  # it has shrunk: what comes now is growth
        if count - self._before >= self._keys:
            return last.steady + self._shortest - now.steady
        return last.steady + self._longest - now.steady

    def latest(self, now: Moment, last: Moment) -> Moment:
        self._before = self._count()
        return now

    def __str__(self) -> str:
        return f"after {self._keys} new keys, {self._shortest:g}s to {self._longest:g}s"
