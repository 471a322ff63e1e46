"""The cache of objects."""

from __future__ import annotations

import ctypes
from collections.abc import (
    Callable,
    Hashable,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    ValuesView,
)
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar

from . import _native, copying, durations, scratch
from .arguments import bound, natural, pairs
from .computing import Computing
from .durations import Duration
from .errors import CacheCoreError, ClosedError, StateError, error_for
from .handle import CLOSED, open_handle
from .object_claims import ObjectClaim
from .object_sweeper import ObjectSweeper
from .order import Ordered
from .removals import Cause, Delivery
from .stats import Stats
from .under_way import UnderWay

if TYPE_CHECKING:
    from .object_store import ObjectStore
else:
    from ._path import ObjectStore

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_POLICIES: Final = {"lru": _native.POLICY_LRU, "adaptive": _native.POLICY_ADAPTIVE}
_PAGE: Final = 64  # entries that iterating copies at first
_UNBOUNDED: Final = 2**62  # entries, where the weights alone are the bound


class _Items(ItemsView[K, V]):
    _mapping: ObjectCache[K, V]

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self._mapping._pairs()


class _Values(ValuesView[V]):
    _mapping: ObjectCache[Any, V]

    def __iter__(self) -> Iterator[V]:
        return (value for _, value in self._mapping._pairs())


class ObjectCache(  # pyright: ignore[reportIncompatibleMethodOverride]
    ObjectStore[K, V], Ordered[K], Computing[K, V, K]
):
    """A bounded cache of Python objects: ``ObjectCache(10_000, ttl=300)``.

    Keys are anything hashable, values any objects.  They are kept by reference, not copied: a
    list that is changed after it was stored has changed in the cache.  Which entries stay is
    the engine's decision, in one exact order of use.  A key is hashed once for each call.

    References to what was evicted, replaced or deleted are dropped before the call that did it
    returns.  To what has expired: when somebody asks for it, when room is needed, by ``cleanup_expired``, or,
    a few at a time, by every write, whatever its key.  Where no write may come for long, the
    ``sweeper`` does it, a thread that you start.
    The garbage collector sees through the cache: one that is part of a cycle is collected.

    Any method may be called from any thread.  A forked child has a private copy.  Durations are
    as with Cache.  Any call after ``close`` is a ClosedError.

    It is a MutableMapping: iterating goes over a copy, in the order in which the entries were
    stored (stored again: moved to the end), and no change meanwhile is an error.  The copy is made of the
    first entries, and of all others when those have been gone through, so that it takes no longer to
    begin in a large cache: what changes meanwhile may be seen or not, and no key twice.
    Unlike a dict, two caches are equal only if they are the same.
    """

    __slots__ = ("__weakref__", "_delivery", "_maxsize", "_sweeper", "_under_way")

    _claim_type = ObjectClaim
    _takes_misses_back = True
    _get_live = ObjectStore.get

    def __init__(
        self,
        max_entries: int | None = None,
        *,
        max_weight: int | None = None,
        weigher: Callable[[K, V], int] | None = None,
        ttl: Duration | None = None,
        tti: Duration | None = None,
        jitter: float | None = None,
        policy: Literal["lru", "adaptive"] = "lru",
        on_removal: Callable[[K, V, Cause], object] | None = None,
        manual_clock: bool = False,
    ) -> None:
        """Opens a cache and starts no thread.  At least one of the two bounds must be given.

        max_entries: most entries held at once.
        max_weight: the most that the weights of all entries add up to.
        weigher: the weight of an entry, an int of 0 and up, called once when it is stored,
            before anything has changed; without one, each weighs 1, or what ``set`` is told.
        ttl: lifetime of entries stored without one; None or NEVER: they do not expire.
        tti: an entry not used for so long expires, whatever its lifetime.
        jitter: each lifetime is shortened by a random part of up to this one, from 0 to 1 (0.1: a
            tenth; to the thousandth), so that entries stored together do not expire together.
            Not the time to idle.
        policy: forget what was used longest ago ("lru"), or weigh how often, too ("adaptive").
        on_removal: called as on_removal(key, value, cause) for all that leaves, by the thread whose
            call removed it or came across it, when the call is done; see ``deliver_removals``.
        manual_clock: time stands still until ``advance_clock``, and jitter is the same in every
            run, for tests.
        """
        self._begin()
        if max_entries is None and max_weight is None:
            raise ValueError("a cache needs a bound: give max_entries or max_weight")
        if weigher is not None and max_weight is None:
            raise ValueError("a weigher needs max_weight")
        if policy not in _POLICIES:
            raise ValueError(f"policy must be 'lru' or 'adaptive', not {policy!r}")
        delivery = None if on_removal is None else Delivery[K, V](on_removal)
        options = _native.Options(
            policy=_POLICIES[policy],
            flags=_native.REPORT_REMOVALS | (_native.MANUAL_CLOCK if manual_clock else 0),
            shard_count=1,  # the GIL admits one writer anyway: one exact order of use
            max_entries=bound(max_entries, "max_entries") or _UNBOUNDED,
            default_ttl_ms=durations.default_ms(ttl, "ttl"),
            default_tti_ms=durations.default_ms(tti, "tti"),
            hash_seed=1 if manual_clock else 0,  # the same jitter in every run
            ttl_jitter_permille=durations.jitter_permille(jitter),
        )
        self._open_with(options)
        self._set_bounds(options.max_entries, bound(max_weight, "max_weight"))
        self._weigher = weigher
        self._listen(delivery)

    def _begin(self) -> None:
        """Closed, until it is open, for __repr__ and close."""
        self._exchange(CLOSED, ctypes.addressof(CLOSED))
        self._sweeper = ObjectSweeper(self)
        self._under_way = UnderWay[Any]()
        self._notices = None
        self._listening = False

    def _open_with(self, options: _native.Options) -> None:
        self._deferring = options.policy == _native.POLICY_LRU and not options.default_tti_ms
        self._manual_clock = bool(options.flags & _native.MANUAL_CLOCK)
        self._default_ttl_ms = options.default_ttl_ms
        self._jitter_permille = options.ttl_jitter_permille
        self._spared_hits = self._spared_misses = self._spared_updates = 0
        handle = open_handle(options)
        self._exchange(handle, ctypes.addressof(handle))

    def _set_bounds(self, max_entries: int, max_weight: int) -> None:
        self._limit(max_entries, max_weight)
        self._maxsize = max_weight or max_entries

    def _listen(self, delivery: Delivery[K, V] | None) -> None:
        self._delivery = delivery
        if delivery is not None:
            self._notices = []
            self._listening = True

    def copy(self) -> Self:
        """A new cache with the same options and bounds, and with the entries that are live.

        It shares the objects.  Each entry has what is left of its lifetime, or some milliseconds
        less, never more; with jitter, less a random part of it; with a time to idle, what is left of
        that is its lifetime.  They are stored in the order of ``coldest``, so that they are evicted
        in the order in which they would have been here; iterating over the copy has that order,
        too.  Counts as no use here.  In the copy the counters begin anew, the sweeper is stopped,
        and a manual clock stands at its beginning.  The listener hears of what leaves the copy,
        too, once that is complete.

        It is not of one moment: what other threads write meanwhile may be in it or not.  That of a
        subclass is made without its ``__init__``, and shares the attributes that are its own.
        """
        source = self._open()
        made = copying.begin(self)
        made._begin()
        options = copying.options(source)
        made._open_with(options)
        made._set_bounds(options.max_entries, self._max_weight)
        made._weigher = self._weigher

        def store(id: bytes, entry: tuple[K, V, int], ttl_ms: int) -> None:
            key, value, weight = entry
            ObjectStore.set(made, key, value, durations.seconds_of(ttl_ms), weight)

        def drop(id: bytes, entry: tuple[K, V, int]) -> None:
            ObjectStore.delete(made, entry[0])

        copying.copy_entries(source, self._ids(_native.coldest), self._entry, store, drop)
        made.reset_stats()
        made._listen(None if self._delivery is None else self._delivery.copy())
        return made

    # -- Closing ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Stops the sweeper and drops every reference; further calls do nothing.

        Nothing is reported as removed.  A sweep under way ends after the batch that it is at.
        """
        self._exchange(CLOSED, ctypes.addressof(CLOSED))
        self._sweeper._end(0)

    def __repr__(self) -> str:
        if self._handle is CLOSED:
            return "<cachecore.ObjectCache closed>"
        return f"<cachecore.ObjectCache of {len(self)} entries>"

    # -- Reading ---------------------------------------------------------------------------------

    def get_many(self, keys: Iterable[K]) -> dict[K, V]:
        """The objects of those keys that are there."""
        found = {}
        for key in keys:
            value = self.get(key, scratch.ABSENT)
            if value is not scratch.ABSENT:
                found[key] = value
        return found

    def ttl(self, key: K) -> float | None:
        """Seconds left to live, NEVER if it does not expire, None if it is not there."""
        id = self._identify(key)
        left = ctypes.c_int64()
        if id is None or self._run(_native.ttl, id, len(id), ctypes.byref(left)) == _native.MISS:
            return None
        return durations.seconds_left(left.value)

    def __len__(self) -> int:
        """The number of live entries; one that has expired is not counted."""
        return int(_native.count(self._open()))

    def __iter__(self) -> Iterator[K]:
        return (key for key, _ in self._pairs())

    def _pairs(self) -> Iterator[tuple[K, V]]:
        first = self._snapshot(_PAGE)
        return iter(first) if len(first) < _PAGE else self._all_pairs(first)

    def _all_pairs(self, first: list[tuple[K, V]]) -> Iterator[tuple[K, V]]:
        yield from first
        seen = {key for key, _ in first}  # which may have been stored again since
        yield from [pair for pair in self._snapshot(0) if pair[0] not in seen]

    def items(self) -> ItemsView[K, V]:
        """Keys and objects; counts as nothing."""
        return _Items(self)

    def values(self) -> ValuesView[V]:
        """The objects; counts as nothing."""
        return _Values(self)

    @property
    def weight(self) -> int:
        """What the weights of all entries add up to, expired ones that are not yet removed too."""
        return self._weight

    @property
    def maxsize(self) -> int:
        """``max_weight`` if there is one, else ``max_entries``: as cachetools has it."""
        return self._maxsize

    @property
    def currsize(self) -> int:
        """What ``maxsize`` bounds: the weight, or the number of live entries."""
        return self.weight if self._max_weight else len(self)

    @property
    def default_ttl(self) -> float:
        """Seconds that an entry lives which is stored without a lifetime; NEVER: it does not expire.

        It is what was given as ``ttl``, to the millisecond.  ``ttl`` is the method that says how long
        one entry has left.
        """
        self._open()
        return durations.seconds_default(self._default_ttl_ms)

    # -- Writing ---------------------------------------------------------------------------------

    def set_many(self, entries: Mapping[K, V], ttl: Duration | None = None) -> None:
        """Stores all of a mapping, in order."""
        for key, value in pairs(entries):
            self.set(key, value, ttl)

    def touch(self, key: K, ttl: Duration | None = None) -> bool:
        """Gives a live entry a new lifetime from now, and counts as a use; whether it is there."""
        lifetime = durations.ttl_ms(ttl)
        id = self._identify(key)
        return id is not None and self._run(_native.touch, id, len(id), lifetime) == _native.OK

    def delete_many(self, keys: Iterable[K]) -> int:
        """Removes entries; how many of them were live."""
        return sum(map(self.delete, keys))

    def popitem(self) -> tuple[K, V]:
        """Removes the entry that would be evicted next; KeyError if there is none."""
        coldest = self._pop_coldest()
        if coldest is None:
            raise KeyError("popitem(): the cache is empty") from None
        return coldest

    # -- The cache as a whole --------------------------------------------------------------------

    def clear(self) -> None:
        """Removes every entry."""
        self._run(_native.clear)
        self._collect()

    def cleanup_expired(self, max_entries: int = 0) -> int:
        """Removes expired entries, at most so many (0: all that are due); how many it were."""
        most = natural(max_entries, "max_entries")
        removed = ctypes.c_uint64()
        self._run(_native.cleanup_expired, most, ctypes.byref(removed))
        self._collect()
        return removed.value

    def resize(self, max_entries: int | None = None, *, max_weight: int | None = None) -> None:
        """Sets both bounds anew, None taking one away, and evicts until they hold."""
        if max_entries is None and max_weight is None:
            raise ValueError("a cache needs a bound: give max_entries or max_weight")
        entries = bound(max_entries, "max_entries") or _UNBOUNDED
        weight = bound(max_weight, "max_weight")
        self._run(_native.resize, entries, 0)
        self._set_bounds(entries, weight)
        self._collect()

    def stats(self) -> Stats:
        """Readings of this moment, and the counters; bytes are the engine's, not the objects'."""
        stats = _native.Stats()
        self._run(_native.stats, ctypes.byref(stats))
        stats.hits += self._spared_hits
        stats.misses += self._spared_misses
        stats.updates += self._spared_updates
        return Stats.of(stats)

    def reset_stats(self) -> None:
        """Sets the counters to zero."""
        self._run(_native.reset_stats)
        self._spared_hits = self._spared_misses = self._spared_updates = 0

    @property
    def sweeper(self) -> ObjectSweeper:
        """The thread that removes expired objects; nobody needs it who writes now and then."""
        return self._sweeper

    def deliver_removals(self) -> None:
        """Tells the listener of what has left and was not yet reported.

        Every call that removes does so when it is done.  StateError without a listener.
        """
        self._open()
        if self._delivery is None:
            raise StateError("the cache has no on_removal")
        self._collect()

    def advance_clock(self, seconds: Duration) -> None:
        """Moves the clock of a cache opened with ``manual_clock``; StateError with any other."""
        self._run(_native.advance_clock, durations.step_ms(seconds))

    # -- Inside ----------------------------------------------------------------------------------

    def _fetch(self) -> list[tuple[K, V, Cause]]:
        return [(key, value, Cause(cause)) for key, value, cause in self._drain()]

    def _deliver(self) -> None:
        if self._notices and self._delivery is not None:
            self._delivery.deliver(self._fetch)

    def _keys(self, ids: list[bytes]) -> list[K]:
        return [entry[0] for entry in map(self._entry, ids) if entry is not None]

    def _run(self, function: Callable[..., int], *arguments: Any) -> int:
        self._flush()
        status = function(self._handle, *arguments)
        if status < 0:
            raise self._failure(function.__name__, status)
        return status

    def _failure(self, name: str, status: int, key: object = None) -> CacheCoreError:
        if not self._handle.value:
            return ClosedError("the cache is closed")
        return error_for(status, name)
