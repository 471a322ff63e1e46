"""Values computed where they are missing: ``get_or_set``, of every cache."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

from . import scratch
from .claims import Claim
from .durations import Duration
from .errors import CacheCoreError, FullError, NoMemoryError, RefusedError, TimedOutError
from .mapping import CacheMapping
from .single_flight import SingleFlight

H = TypeVar("H")
K = TypeVar("K")
V = TypeVar("V")

_ABSENT = scratch.ABSENT


class GetOrSet(SingleFlight):
    """What one call computes, after ``_get_live`` has found nothing, and the lifetime of that."""

    def __init__(
        self,
        cache: Any,
        compute: Callable[[], Any],
        ttl: Duration | None,
        *,
        stale: Duration | None = None,
        none_ttl: Duration | None = None,
        early: bool = False,
    ) -> None:
        counted = cache._takes_misses_back and not early
        super().__init__(cache, compute, early=early, counted=counted)
        self.ttl, self.stale, self.none_ttl = ttl, stale, none_ttl

    def keep(self, claim: Claim, key: Any, value: Any) -> None:
        if not claim.held:
            return
        try:
            if value is None and self.none_ttl is not None:
                claim.fulfill_absent(self.none_ttl)
            else:
                claim.fulfill(value, self.ttl, stale=self.stale)
        except (RefusedError, FullError, NoMemoryError, TimedOutError) as error:
            self.unkept(error)

    def unkept(self, error: CacheCoreError) -> None:
        """The value could not be stored, and is returned all the same."""


class Computing(CacheMapping[K, V, H]):
    """The part of a cache that computes."""

    __slots__ = ()

    _claim_type: ClassVar[type[Claim]] = Claim
    _takes_misses_back: ClassVar[bool] = False  # if not, ``_get_live`` does not count them
    _get_live: Callable[..., Any]  # as ``get``

    def get_or_set(
        self,
        key: K,
        compute: Callable[[], V],
        ttl: Duration | None = None,
        *,
        stale: Duration | None = None,
        none_ttl: Duration | None = None,
        early: bool = False,
    ) -> V:
        """The value; if there is none, what ``compute()`` returns, which is stored.

        Of all who miss the same key, threads and tasks, one computes, and the others wait for it.  What
        ``compute`` raises, each of them raises, and nothing is stored.  A value that the cache has no
        room for is returned all the same.  What was deleted or overwritten while it was computed is
        returned to those who asked before, and is not stored.

        ttl: seconds that the value lives; None: the cache's default.
        stale: so many seconds past its deadline the value is still returned, while one thread computes
            the next.  If that fails it is logged, and tried again at the next call.
        none_ttl: None from ``compute`` says that there is no value: that is remembered for so many
            seconds, and None is returned.  Without it, None is a value like others.
        early: have somebody compute a value anew a little before its deadline, as in
            ``get_or_claim``; makes a hit dearer.
        """
        value: V = _ABSENT if early else self._get_live(key, _ABSENT)
        if value is not _ABSENT:
            return value
        call = GetOrSet(self, compute, ttl, stale=stale, none_ttl=none_ttl, early=early)
        value = call.miss(key, (), {})
        return value

    async def get_or_set_async(
        self,
        key: K,
        compute: Callable[[], Awaitable[V]],
        ttl: Duration | None = None,
        *,
        stale: Duration | None = None,
        none_ttl: Duration | None = None,
        early: bool = False,
    ) -> V:
        """As ``get_or_set``, awaiting ``compute()``, with a task to compute the next value.

        One who is cancelled leaves the computation to those who still wait for it; when the last
        one goes, it is cancelled.
        """
        value: V = _ABSENT if early else self._get_live(key, _ABSENT)
        if value is not _ABSENT:
            return value
        call = GetOrSet(self, compute, ttl, stale=stale, none_ttl=none_ttl, early=early)
        value = await call.miss_async(key, (), {})
        return value
