"""The cache of bytes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, ItemsView, Iterator, ValuesView
from datetime import datetime
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Literal,
    TypeVar,
    Unpack,
    overload,
)

from . import _native, durations, removals, scratch, serializers
from .arguments import Key, Value, bound, key_bytes, natural, value_bytes
from .audit import Audited
from .batch import Failures
from .durations import Duration
from .errors import CacheCoreError, ClosedError, RangeError, StateError, error_for
from .handle import CLOSED, open_handle
from .lease import Lease
from .mapping import CacheMapping
from .options import Options
from .removals import Cause, Delivery, Listener, Removal
from .serializers import Named, Serializer
from .stats import EntryInfo, ScanRecord, Stats
from .sweeper import Sweeper
from .views import LiveItems, LiveValues

if TYPE_CHECKING:
    from .byte_store import ByteStore
else:
    from ._path import ByteStore

T = TypeVar("T")
V = TypeVar("V")

_POLICIES: Final = {"lru": _native.POLICY_LRU, "adaptive": _native.POLICY_ADAPTIVE}
_SCAN_BYTES: Final = 128 * 1024  # more than the largest record


class Cache(ByteStore[V], Audited, CacheMapping[Key, V]):  # pyright: ignore[reportIncompatibleMethodOverride]
    """A bounded cache: ``Cache(max_entries=10_000, ttl=300)``.

    Keys are bytes, or str for its UTF-8.  Values are bytes-like going in and bytes coming out, or
    what the serializer makes of those.  Durations are seconds (int or float) or a timedelta,
    rounded up to the millisecond.  None is the cache's default and NEVER (math.inf) no end; zero
    and less are a ValueError.

    Any method may be called from any thread.  A forked child has a private copy of the cache and
    a stopped sweeper.  A cache cannot be pickled.

    It is a MutableMapping: iterating goes over a copy of the keys, as bytes, whatever changes
    meanwhile.  Two caches are equal only if they are the same.

    A key or a value of the wrong type is a TypeError, a key that is empty or longer than 65535
    bytes an ArgumentError, any call after ``close`` a ClosedError; the latter two are ValueErrors.

    A value that was not stored is never passed over in silence: every method that stores raises
    RefusedError for one that the cache cannot hold, NoMemoryError when the system has no
    memory (the older value is gone in both cases, so that nobody is given what was meant to be
    replaced), and FullError when a no-evict cache is at its bound (nothing has changed).
    """

    __slots__ = ("__weakref__", "_delivery")

    @overload
    def __init__(
        self: Cache[bytes],
        max_entries: int | None = None,
        *,
        serializer: None = None,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Cache[str],
        max_entries: int | None = None,
        *,
        serializer: Literal["str"],
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Cache[Any],
        max_entries: int | None = None,
        *,
        serializer: Literal["json", "pickle"],
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Cache[T],
        max_entries: int | None = None,
        *,
        serializer: Serializer[T],
        **options: Unpack[Options],
    ) -> None: ...
    def __init__(
        self,
        max_entries: int | None = None,
        *,
        max_bytes: int | None = None,
        ttl: Duration | None = None,
        tti: Duration | None = None,
        serializer: Named | Serializer[Any] | None = None,
        policy: Literal["lru", "adaptive"] = "lru",
        on_removal: Listener | None = None,
        no_evict: bool = False,
        report_removals: bool = False,
        manual_clock: bool = False,
        shards: int = 0,
        hash_seed: int = 0,
        max_size: int | None = None,
        ttl_secs: Duration | None = None,
    ) -> None:
        """Opens a cache and starts no thread.  At least one of the two bounds must be given.

        max_entries: most entries held at once.
        max_bytes: most memory in use, bookkeeping included; at least 65536.
        ttl: lifetime of entries stored without one; None or NEVER: they do not expire.
        tti: an entry not used for so long expires, whatever its lifetime.
        serializer: None: values are bytes; "json", "str", "pickle", or an object with ``dumps``
            and ``loads``.
        policy: forget what was used longest ago ("lru"), or weigh how often, too ("adaptive").
        on_removal: called as on_removal(key, value, cause) for all that leaves, by the thread
            that writes next, after its write; see ``deliver_removals``.
        no_evict: never forget a live entry to make room: FullError instead.
        report_removals: keep what leaves for ``take_removals``, where nobody listens.
        manual_clock: time stands still until ``advance_clock``, for tests.
        shards: 1 to 256; 0: chosen; 1: one exact global order of use.
        hash_seed: 0: random, which keeps crafted keys harmless.
        max_size, ttl_secs: other names for max_entries and ttl.
        """
        self._exchange(CLOSED, ctypes.addressof(CLOSED))  # until it is open, for __repr__ and close
        self._dumps, self._loads = serializers.functions(serializer)
        self._delivery = (
            None if on_removal is None else Delivery[bytes, Any](on_removal, self._loads)
        )
        self._listening = on_removal is not None
        if max_size is not None:
            if max_entries is not None:
                raise TypeError("max_size is another name for max_entries: give one of them")
            max_entries = bound(max_size, "max_size")
        if ttl_secs is not None and ttl is not None:
            raise TypeError("ttl_secs is another name for ttl: give one of them")
        if max_entries is None and max_bytes is None:
            raise ValueError("a cache needs a bound: give max_entries or max_bytes")
        if policy not in _POLICIES:
            raise ValueError(f"policy must be 'lru' or 'adaptive', not {policy!r}")
        options = _native.Options(
            policy=_POLICIES[policy],
            flags=(_native.NO_EVICT if no_evict else 0)
            | (_native.MANUAL_CLOCK if manual_clock else 0)
            | (_native.REPORT_REMOVALS if report_removals or self._listening else 0),
            shard_count=natural(shards, "shards", most=256),
            max_entries=bound(max_entries, "max_entries"),
            max_bytes=bound(max_bytes, "max_bytes", least=_native.MAX_BYTES_MIN),
            default_ttl_ms=durations.default_ms(ttl, "ttl")
            or durations.default_ms(ttl_secs, "ttl_secs"),
            default_tti_ms=durations.default_ms(tti, "tti"),
            hash_seed=natural(hash_seed, "hash_seed"),
        )
        handle = open_handle(options)
        self._exchange(handle, ctypes.addressof(handle))

    # -- Closing ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Stops the sweeper and gives the memory back; further calls do nothing.

        Calls that other threads are in the middle of are finished first: the last of them takes the
        memory with it.  Values that are acquired stay readable until they are released.  What
        the cache held is not reported as removed.
        """
        handle = self._exchange(CLOSED, ctypes.addressof(CLOSED))
        if handle is not None and handle is not CLOSED:
            _native.sweeper_stop(handle, 0)  # ends triggers that wait; else "not running"

    def __repr__(self) -> str:
        if self._handle is CLOSED:
            return "<cachecore.Cache closed>"
        stats = self.stats()
        return f"<cachecore.Cache of {stats.entries} entries, {stats.bytes_used} bytes>"

    # -- Reading ---------------------------------------------------------------------------------

    def acquire(self, key: Key) -> Lease:
        """Lends the value without copying it; KeyError for a miss.  Counts as ``get`` does.

        ``with cache.acquire(key) as view:`` gives a read-only memoryview until the block ends.
        """
        value = _native.Value()
        if self._on(_native.acquire, key, ctypes.byref(value)) == _native.MISS:
            raise KeyError(key)
        return Lease(value)

    def inspect(self, key: Key) -> EntryInfo | None:
        """All about one entry, or None.  Counts as nothing."""
        info = _native.EntryInfo()
        if self._on(_native.inspect, key, ctypes.byref(info)) == _native.MISS:
            return None
        return EntryInfo.of(info)

    # -- Writing ---------------------------------------------------------------------------------

    def set_until(self, key: Key, value: V | Value, when: datetime | float) -> None:
        """As ``set``, until a point of the wall clock: a datetime, or seconds since 1970.

        If that has passed, nothing is stored and the older value is dropped.  A datetime without
        a time zone is local time, as everywhere in Python.
        """
        self._store(_native.set_until, key, value, durations.deadline_ms(when))

    def replace(self, key: Key, value: V | Value, ttl: Duration | None = None) -> bool:
        """As ``set``, but only if there is a live entry; whether it was stored."""
        return self._store(_native.replace, key, value, durations.ttl_ms(ttl)) == _native.OK

    def compare_and_set(
        self, key: Key, value: V | Value, version: int, ttl: Duration | None = None
    ) -> bool:
        """As ``set``, but only if the live entry still has the version ``inspect`` reported.

        False if it has another one by now, or is not there.
        """
        expected = natural(version, "version")
        ttl_ms = durations.ttl_ms(ttl)
        status = self._store(_native.compare_and_set, key, value, expected, ttl_ms)
        return status == _native.OK

    @overload
    def pop(self, key: Key, /) -> V: ...
    @overload
    def pop(self, key: Key, /, default: V | T) -> V | T: ...
    def pop(self, key: Key, /, default: Any = scratch.ABSENT) -> Any:
        """Removes the entry and returns its value; else ``default``, or KeyError.

        Of several threads at once only one is given it.  What another stores in the middle of it
        is removed, too.
        """
        value = self.get(key, scratch.ABSENT)
        if value is not scratch.ABSENT and self.delete(key):
            return value
        if default is scratch.ABSENT:
            raise KeyError(key)
        return default

    def popitem(self) -> tuple[bytes, V]:
        """Removes some entry; KeyError if there is none."""
        for key in self.scan():
            value = self.pop(key, scratch.ABSENT)
            if value is not scratch.ABSENT:
                return key, value
        raise KeyError("popitem(): the cache is empty") from None

    def update(self, entries: Any = (), /, **more: V) -> None:
        """As of a dict; one native call."""
        self.set_many(dict(entries, **more))

    # -- The cache as a whole --------------------------------------------------------------------

    def scan_records(self, prefix: Key = b"") -> Iterator[ScanRecord]:
        """The live entries whose keys begin with the prefix, a bounded amount of work at a time.

        An entry that is there from the beginning to the end is seen at least once, whatever else
        happens meanwhile; one that comes or goes may be missed, or seen twice.
        """
        wanted = key_bytes(prefix)
        buffer = (ctypes.c_uint64 * (_SCAN_BYTES // 8))()  # aligned as records are
        cursor, size = ctypes.c_uint64(), ctypes.c_size_t()
        while True:
            self._run(
                _native.scan,
                ctypes.byref(cursor),
                wanted,
                len(wanted),
                buffer,
                ctypes.sizeof(buffer),
                ctypes.byref(size),
                None,
            )
            yield from ScanRecord.unpack(bytes(memoryview(buffer).cast("B")[: size.value]))
            if cursor.value == 0:
                return

    def scan(self, prefix: Key = b"") -> Iterator[bytes]:
        """The keys that ``scan_records`` sees."""
        return (key for key, _, _ in self.scan_records(prefix))

    def __iter__(self) -> Iterator[bytes]:
        """All keys, each once: a copy of what a scan saw."""
        return iter(dict.fromkeys(self.scan()))

    def items(self) -> ItemsView[Key, V]:
        """Keys and values; each value read counts as a use."""
        return LiveItems(self)

    def values(self) -> ValuesView[V]:
        """The values; each one read counts as a use."""
        return LiveValues(self)

    def delete_prefix(self, prefix: Key) -> int:
        """Deletes every live entry whose key begins with the prefix, which must not be empty.

        Returns their number.  Walks the whole cache, in slices that others can get in between.
        """
        removed = ctypes.c_uint64()
        self._on(_native.delete_prefix, prefix, ctypes.byref(removed))
        if self._listening:
            self._deliver()
        return removed.value

    def clear(self) -> None:
        """Removes every entry and returns the memory to the system."""
        self._run(_native.clear)
        if self._listening:
            self._deliver()

    def count(self) -> int:
        """The number of live entries; one that has expired is not counted."""
        return int(_native.count(self._open()))

    __len__ = count
    size = count

    def cleanup_expired(self, max_entries: int = 0) -> int:
        """Removes expired entries, at most so many (0: all that are due); how many it were.

        Runs on the calling thread and needs no sweeper.
        """
        most = natural(max_entries, "max_entries")
        removed = ctypes.c_uint64()
        self._run(_native.cleanup_expired, most, ctypes.byref(removed))
        if self._listening:
            self._deliver()
        return removed.value

    def expire(self, limit: int | None = None) -> int:
        """As ``cleanup_expired``, None standing for all that are due."""
        return self.cleanup_expired(bound(limit, "limit"))

    def resize(self, max_entries: int | None = None, *, max_bytes: int | None = None) -> None:
        """Sets both bounds anew, None taking one away, and evicts until they hold.

        FullError if a no-evict cache holds more: it keeps its bounds.  StateError if lent values
        are in the way: the bounds are set, and hold once those are released.
        """
        if max_entries is None and max_bytes is None:
            raise ValueError("a cache needs a bound: give max_entries or max_bytes")
        entries = bound(max_entries, "max_entries")
        size = bound(max_bytes, "max_bytes", least=_native.MAX_BYTES_MIN)
        try:
            self._run(_native.resize, entries, size)
        finally:
            if self._listening:
                self._deliver()

    def stats(self) -> Stats:
        """Readings of this moment, and the counters."""
        stats = _native.Stats()
        self._run(_native.stats, ctypes.byref(stats))
        return Stats.of(stats)

    def reset_stats(self) -> None:
        """Sets the counters to zero."""
        self._run(_native.reset_stats)

    @property
    def sweeper(self) -> Sweeper:
        """The thread that removes expired entries."""
        return Sweeper(self)

    def advance_clock(self, seconds: Duration) -> None:
        """Moves the clock of a cache opened with ``manual_clock``; StateError with any other."""
        self._run(_native.advance_clock, durations.step_ms(seconds))

    # -- Removals --------------------------------------------------------------------------------

    def take_removals(self) -> list[Removal]:
        """All that has left since the last time, for a cache with ``report_removals``.

        In the order in which it left its shard, and each removal once.  An entry is reported when
        it is removed, not when its time is up: a sweeper, or ``expire``, makes the two one.
        Removals that wait hold their memory: in a cache bounded by bytes, the oldest are dropped when
        that is needed, and counted as ``stats().removals_lost``.  StateError without
        ``report_removals``.
        """
        self._open()
        loads, taken = self._loads, list[Removal]()
        while more := self._take():
            taken += [
                Removal(key, value if loads is None else loads(value), cause)
                for key, value, cause in more
            ]
        return taken

    def deliver_removals(self) -> None:
        """Tells the listener of what has left and was not yet reported: by the sweeper, say.

        Every write does so when it is done.  StateError without a listener.
        """
        self._open()
        if self._delivery is None:
            raise StateError("the cache has no on_removal")
        self._deliver()

    def _take(self) -> list[tuple[bytes, bytes, Cause]]:
        handle = self._handle
        return [] if handle is CLOSED else removals.take(handle)  # a listener may have closed it

    def _deliver(self) -> None:
        if self._delivery is not None:
            self._delivery.deliver(self._take)

    # -- Calling the library ---------------------------------------------------------------------

    def _run(self, function: Callable[..., int], *arguments: Any) -> int:
        """Calls a function of the whole cache."""
        status = function(self._handle, *arguments)
        if status < 0:
            raise self._failure(function.__name__, status)
        return status

    def _on(self, function: Callable[..., int], key: Key, *arguments: Any) -> int:
        """Calls a function of one key; its positive statuses are for the caller, but REFUSED."""
        encoded = key_bytes(key)
        status = function(self._handle, encoded, len(encoded), *arguments)
        if status < 0 or status == _native.REFUSED:
            raise self._failure(function.__name__, status, encoded)
        return status

    def _store(self, function: Callable[..., int], key: Key, value: Any, *arguments: Any) -> int:
        """Calls a function of one key and a value."""
        content = value_bytes(value if self._dumps is None else self._dumps(value))
        status = self._on(function, key, content, len(content), *arguments)
        if self._listening:
            self._deliver()
        return status

    def _failure(self, name: str, status: int, key: Key = b"?") -> CacheCoreError:
        """The exception for what a function reported."""
        if not self._handle.value:
            return ClosedError("the cache is closed")
        key = key_bytes(key)
        if status == _native.E_ARGUMENT and not 0 < len(key) <= _native.KEY_SIZE_MAX:
            name = f"{name}: a key has 1 to {_native.KEY_SIZE_MAX} bytes, this one {len(key)}"
        return error_for(status, name)

    def _out_of_range(self) -> RangeError:
        return RangeError("the number does not fit 64 bits")

    def _raise_failures(self, name: str, failures: Failures, count: int) -> None:
        """Raises for a batch of which some failed."""
        if failures:
            status = failures[0][1]
            what = f"{name}: {len(failures)} of {count} keys"
            if status == _native.E_ARGUMENT:
                what += f" do not have 1 to {_native.KEY_SIZE_MAX} bytes"
            error = error_for(status, what)
            error.keys = tuple(key for key, _ in failures)
            raise error
