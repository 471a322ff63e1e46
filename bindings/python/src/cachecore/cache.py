"""The cache of bytes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from datetime import datetime
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Self,
    TypeVar,
    Unpack,
    overload,
)

from . import _native, copying, durations, scratch, serializers, sharing
from .arguments import HandedKey, Key, Value, bound, key_bytes, natural, value_bytes
from .audit import Audited
from .batch import Failures
from .claims import Claims
from .durations import Duration, Kept
from .errors import CacheCoreError, ClosedError, RangeError, ReadOnlyError, error_for
from .handle import CLOSED, open_handle
from .inspecting import Inspected
from .options import Options, native_options
from .order import Ordered
from .removals import Delivery, Listener
from .reporting import Reported
from .saving import Saved
from .scanning import Scanned
from .serializers import Named, Serializer
from .sharing import Place, Shared
from .stats import Stats
from .sweeper import Sweeper
from .under_way import UnderWay

if TYPE_CHECKING:
    from .byte_store import ByteStore
else:
    from ._path import ByteStore

T = TypeVar("T")
V = TypeVar("V")


class Cache(  # pyright: ignore[reportIncompatibleMethodOverride]
    ByteStore[V],
    Inspected[V],
    Audited,
    Ordered[HandedKey],
    Saved,
    Shared,
    Claims[V],
    Reported[HandedKey],
    Scanned[V, HandedKey],
):
    """A bounded cache: ``Cache(max_entries=10_000, ttl=300)``.

    Keys are bytes, or str for its UTF-8, and come back as bytes.  With ``decode_keys=True`` they are
    text and come back as str: bytes that are not UTF-8 are then no key and no prefix, but a
    UnicodeDecodeError, so that every key that comes back finds its entry.  Keys that the caller
    gave stay as given: in the dict of ``get_many``, in exceptions.

    Values are bytes-like going in and bytes coming out, or what the serializer makes of those.
    Durations are seconds (int or float) or a timedelta, rounded up to the millisecond.  None is
    the cache's default and NEVER (math.inf) no end; zero and less are a ValueError.

    Any method may be called from any thread.  A forked child has a private copy of the cache, or
    shares it if it is ``shared``, and a stopped sweeper.  ``copy`` makes another cache; one cannot
    be deep-copied or pickled.

    It is a MutableMapping: iterating goes over a copy of the keys, whatever changes meanwhile.
    Two caches are equal only if they are the same.

    A key or a value of the wrong type is a TypeError, a key that is empty or longer than 65535
    bytes an ArgumentError, any call after ``close`` a ClosedError; the latter two are ValueErrors.

    A value that was not stored is never passed over in silence: every method that stores, but
    ``get_or_set``, which returns it, raises RefusedError for one that the cache cannot hold,
    NoMemoryError when the system has no memory (the older value is gone in both cases, so that
    nobody is given what was meant to be replaced), and FullError when a no-evict cache is at its
    bound (nothing has changed).
    """

    __slots__ = ("__weakref__", "_delivery", "_read_only", "_under_way")

    @overload
    def __init__(
        self: Cache[bytes, bytes],
        max_entries: int | None = None,
        *,
        serializer: None = None,
        decode_keys: Literal[False] = False,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Cache[str, bytes],
        max_entries: int | None = None,
        *,
        serializer: Literal["str"],
        decode_keys: Literal[False] = False,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Cache[Any, bytes],
        max_entries: int | None = None,
        *,
        serializer: Literal["json", "pickle"],
        decode_keys: Literal[False] = False,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Cache[T, bytes],
        max_entries: int | None = None,
        *,
        serializer: Serializer[T],
        decode_keys: Literal[False] = False,
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Cache[bytes, str],
        max_entries: int | None = None,
        *,
        serializer: None = None,
        decode_keys: Literal[True],
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Cache[str, str],
        max_entries: int | None = None,
        *,
        serializer: Literal["str"],
        decode_keys: Literal[True],
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Cache[Any, str],
        max_entries: int | None = None,
        *,
        serializer: Literal["json", "pickle"],
        decode_keys: Literal[True],
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Cache[T, str],
        max_entries: int | None = None,
        *,
        serializer: Serializer[T],
        decode_keys: Literal[True],
        **options: Unpack[Options],
    ) -> None: ...
    @overload
    def __init__(
        self: Cache[Any, Any],
        max_entries: int | None = None,
        *,
        serializer: Named | Serializer[Any] | None = None,
        decode_keys: bool,
        **options: Unpack[Options],
    ) -> None: ...
    def __init__(
        self,
        max_entries: int | None = None,
        *,
        max_bytes: int | None = None,
        ttl: Duration | None = None,
        tti: Duration | None = None,
        jitter: float | None = None,
        serializer: Named | Serializer[Any] | None = None,
        decode_keys: bool = False,
        policy: Literal["lru", "adaptive"] = "lru",
        on_removal: Listener | None = None,
        no_evict: bool = False,
        report_removals: bool = False,
        manual_clock: bool = False,
        shards: int = 0,
        hash_seed: int = 0,
        shared: Place | None = None,
        read_only: bool = False,
    ) -> None:
        """Opens a cache and starts no thread.  At least one of the two bounds must be given.

        max_entries: most entries held at once.
        max_bytes: most memory in use, bookkeeping included; at least 65536.
        ttl: lifetime of entries stored without one; None or NEVER: they do not expire.
        tti: an entry not used for so long expires, whatever its lifetime.
        jitter: each lifetime is shortened by a random part of up to this one, from 0 to 1 (0.1: a
            tenth; to the thousandth), so that entries stored together do not expire together.
            Not those of ``set_until`` and of ``KEEP``, nor the time to idle.
        serializer: None: values are bytes; "json", "str", "pickle", or an object with ``dumps``
            and ``loads``.
        decode_keys: keys come back as str, not as bytes: from iterating, scans, ``popitem``,
            ``coldest``, removals and so on.
        policy: forget what was used longest ago ("lru"), or weigh how often, too ("adaptive").
        on_removal: called as on_removal(key, value, cause) for all that leaves, by the thread
            that writes next, after its write; see ``deliver_removals``.
        no_evict: never forget a live entry to make room: FullError instead.
        report_removals: keep what leaves for ``take_removals``, where nobody listens.
        manual_clock: time stands still until ``advance_clock``, for tests.
        shards: 1 to 256; 0: chosen; 1: one exact global order of use.
        hash_seed: 0: random, which keeps crafted keys harmless.
        shared: one cache for all processes that name the same place: the path of a file, a name
            without a slash for one in /dev/shm, or ":memory:" for one that forked children alone
            have.  It stays when they end, and survives their deaths.  The first who comes makes it; for
            the others the bounds and lifetimes are those of the first.  Not with on_removal or
            report_removals.  StateError where no_evict or manual_clock differ, AccessError for
            a file that others may write to, LayoutError for one that is no cache.
        read_only: look at a shared cache and change nothing: no process that shares it, no lock, and a
            file that may only be read will do.  Bounds and flags need not be given.  There are
            ``get``, ``peek``, ``contains``, ``ttl``, ``inspect``, ``get_with_info``, ``get_many``, ``len``,
            iterating, scans, ``stats`` and ``shared_info``, which count as nothing; ``len`` and ``stats``
            count as live what has expired and nobody else has noticed.  All else is a ReadOnlyError, a
            StateError.  StateError where there is no cache, LayoutError for one of an earlier boot,
            which a process that writes must open first.
        """
        self._exchange(CLOSED, ctypes.addressof(CLOSED))  # until it is open, for __repr__ and close
        self._under_way = UnderWay[Any]()
        self._dumps, self._loads = serializers.functions(serializer)
        self._decode_keys = bool(decode_keys)
        self._delivery = (
            None if on_removal is None else Delivery[HandedKey, Any](on_removal, self._loads)
        )
        self._listening = on_removal is not None
        self._read_only = bool(read_only)
        if read_only and shared is None:
            raise ValueError("read_only: only a cache that is shared can be opened for reading alone")
        if read_only and max_entries is None and max_bytes is None:
            max_entries = 1  # which the library wants, and does not use
        options = native_options(
            max_entries=max_entries, max_bytes=max_bytes, ttl=ttl, tti=tti, jitter=jitter,
            policy=policy, shards=shards, hash_seed=hash_seed, no_evict=no_evict,
            manual_clock=manual_clock, report_removals=report_removals or self._listening,
        )  # fmt: skip
        flags = _native.SHARED_READ_ONLY if read_only else 0
        self._open_with(options, None if shared is None else sharing.options(shared, flags))

    def _open_with(
        self, options: _native.Options, shared: _native.SharedOptions | None = None
    ) -> None:
        handle = open_handle(options, shared)
        self._exchange(handle, ctypes.addressof(handle))

    def copy(self) -> Self:
        """A new cache with the same options and bounds, and with the entries that are live.

        Each has what is left of its lifetime, or some milliseconds less, never more; with jitter,
        less a random part of it; with a time to idle, what is left of that is its lifetime.  They
        are stored in the order of ``coldest``, so that they are evicted in the order in which they
        would have been here.  Counts as no use here.  In the copy the counters begin anew, the
        sweeper is stopped, and a manual clock stands at its beginning.  The listener hears of what
        leaves the copy, too, once that is complete.

        It is not of one moment: what other threads write meanwhile may be in it or not.  That of a
        subclass is made without its ``__init__``, and shares the attributes that are its own.  FullError
        or NoMemoryError where there is no room for a copy.
        """
        source = self._open()
        made = copying.begin(self)
        made._exchange(CLOSED, ctypes.addressof(CLOSED))
        made._under_way = UnderWay[Any]()
        made._dumps, made._loads, made._decode_keys = self._dumps, self._loads, self._decode_keys
        made._delivery, made._listening, made._read_only = None, False, False
        options = copying.options(source)
        made._open_with(options)
        coldest = self._ids(_native.coldest)
        copying.copy_bytes(source, made._handle, coldest, made._failure)
        while options.flags & _native.REPORT_REMOVALS and made._take():
            pass
        made.reset_stats()
        if self._delivery is not None:
            made._delivery, made._listening = self._delivery.copy(), True
        return made

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

    # -- Writing ---------------------------------------------------------------------------------

    def set_until(self, key: Key, value: V | Value, when: datetime | float) -> None:
        """As ``set``, until a point of the wall clock: a datetime, or seconds since 1970.

        If that has passed, nothing is stored and the older value is dropped.  A datetime without
        a time zone is local time, as everywhere in Python.
        """
        self._store(_native.set_until, key, value, durations.deadline_ms(when))

    def replace(self, key: Key, value: V | Value, ttl: Duration | Kept | None = None) -> bool:
        """As ``set``, but only if there is a live entry; whether it was stored.

        With ``ttl=KEEP`` the entry keeps its deadline.
        """
        return self._store(_native.replace, key, value, durations.lifetime_ms(ttl)) == _native.OK

    def compare_and_set(
        self, key: Key, value: V | Value, version: int, ttl: Duration | Kept | None = None
    ) -> bool:
        """As ``set``, but only if the live entry still has the version that ``get_with_info`` reported.

        False if it has another one by now, or is not there.  With ``ttl=KEEP`` the entry keeps its
        deadline, which it does not with the lifetime that was left when it was read: that would be
        counted from now.
        """
        expected = natural(version, "version")
        ttl_ms = durations.lifetime_ms(ttl)
        status = self._store(_native.compare_and_set, key, value, expected, ttl_ms)
        return status == _native.OK

    @overload
    def pop(self, key: Key, /) -> V: ...
    @overload
    def pop(self, key: Key, /, default: V | T) -> V | T: ...
    def pop(self, key: Key, /, default: Any = scratch.ABSENT) -> Any:
        """Removes the entry and returns its value; else ``default``, or KeyError.

        Of several threads at once only one is given it.  What another stores in the middle of it
        is removed, too.  As after ``delete``, what is being computed meanwhile is not stored.
        """
        value = self.get(key, scratch.ABSENT)
        if self.delete(key) and value is not scratch.ABSENT:  # also what ``get`` does not see
            return value
        if default is scratch.ABSENT:
            raise KeyError(key)
        return default

    def popitem(self) -> tuple[HandedKey, V]:
        """Removes the entry that would be evicted next; KeyError if there is none."""
        self.cleanup_expired()  # so that nothing is passed over again and again
        gone: Any = object()
        while keys := self.coldest(1):
            value = self.pop(keys[0], gone)
            if value is not gone:
                return keys[0], value
        raise KeyError("popitem(): the cache is empty") from None

    def update(self, entries: Any = (), /, **more: V) -> None:
        """As of a dict; one native call."""
        self.set_many(dict(entries, **more))

    # -- The cache as a whole --------------------------------------------------------------------

    def clear(self) -> None:
        """Removes every entry and returns the memory to the system."""
        self._run(_native.clear)
        self._collect()

    def count(self) -> int:
        """The number of live entries; one that has expired is not counted."""
        return int(_native.count(self._open()))

    __len__ = count

    @property
    def maxsize(self) -> int | None:
        """``max_entries``, by the name that cachetools has for it; None: bounded by bytes alone."""
        return self.stats().entries_limit or None

    @property
    def currsize(self) -> int:
        """``len(cache)``, by the name that cachetools has for it."""
        return self.count()

    def cleanup_expired(self, max_entries: int = 0) -> int:
        """Removes expired entries, at most so many (0: all that are due); how many it were.

        Runs on the calling thread and needs no sweeper.
        """
        most = natural(max_entries, "max_entries")
        removed = ctypes.c_uint64()
        self._run(_native.cleanup_expired, most, ctypes.byref(removed))
        self._collect()
        return removed.value

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
            self._collect()

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

    # -- Calling the library ---------------------------------------------------------------------

    def _run(self, function: Callable[..., int], *arguments: Any) -> int:
        """Calls a function of the whole cache."""
        status = function(self._handle, *arguments)
        if status < 0:
            raise self._failure(function.__name__, status)
        return status

    def _on(self, function: Callable[..., int], key: Key, *arguments: Any) -> int:
        """Calls a function of one key; its positive statuses are for the caller, but REFUSED."""
        encoded = key_bytes(key, self._decode_keys)
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

    def _deliver(self) -> None:
        if self._delivery is not None:
            self._delivery.deliver(self._take)

    def _collect(self) -> None:
        """Tells the listener of what was removed."""
        if self._listening:
            self._deliver()

    def _keys(self, ids: list[bytes]) -> list[HandedKey]:
        keys: list[Any] = list(map(bytes.decode, ids)) if self._decode_keys else ids
        return keys

    def _failure(self, name: str, status: int, key: Key = b"?") -> CacheCoreError:
        """The exception for what a function reported."""
        if not self._handle.value:
            return ClosedError("the cache is closed")
        key = key_bytes(key)
        if status == _native.E_ARGUMENT and not 0 < len(key) <= _native.KEY_SIZE_MAX:
            name = f"{name}: a key has 1 to {_native.KEY_SIZE_MAX} bytes, this one {len(key)}"
        return self._error(status, name)

    def _error(self, status: int, what: str) -> CacheCoreError:
        if status == _native.E_STATE and self._read_only:
            return ReadOnlyError(f"{what}: the cache is open for reading alone")
        return error_for(status, what)

    def _out_of_range(self) -> RangeError:
        return RangeError("the number does not fit 64 bits")

    def _raise_failures(self, name: str, failures: Failures, count: int) -> None:
        """Raises for a batch of which some failed."""
        if failures:
            status = failures[0][1]
            what = f"{name}: {len(failures)} of {count} keys"
            if status == _native.E_ARGUMENT:
                what += f" do not have 1 to {_native.KEY_SIZE_MAX} bytes"
            error = self._error(status, what)
            error.keys = tuple(key for key, _ in failures)
            raise error
