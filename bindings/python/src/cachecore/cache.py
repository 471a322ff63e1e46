"""The cache."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Literal, NoReturn, Self, TypeVar, overload

from . import _native, batch, durations, scratch
from .arguments import Key, Value, bound, key_bytes, natural, value_bytes
from .durations import Duration
from .errors import CacheCoreError, ClosedError, RangeError, error_for
from .handle import CLOSED, Handle, open_handle
from .lease import Lease
from .stats import EntryInfo, ScanRecord, Stats
from .sweeper import Sweeper

T = TypeVar("T")
K = TypeVar("K", bound=Key)

_POLICIES: Final = {"lru": _native.POLICY_LRU, "adaptive": _native.POLICY_ADAPTIVE}
_SCAN_BYTES: Final = 128 * 1024  # more than the largest record

# What get and set use, one lookup away.
_get: Final = _native.get_boxed
_set: Final = _native.set_boxed
_SIZE: Final = _native.SIZE
_DEFAULT_TTL: Final = _native.DEFAULT_TTL
_rooms: Final = scratch.free


class Cache:
    """A bounded cache of byte strings: ``Cache(max_entries=10_000, ttl=300)``.

    Keys are bytes, or str for its UTF-8; values are bytes-like going in and bytes coming out.
    Durations are seconds (int or float) or a timedelta, rounded up to the millisecond.  None is
    the cache's default and NEVER (math.inf) no end; zero and less are a ValueError.

    Any method may be called from any thread.  A forked child has a private copy of the cache and
    a stopped sweeper.  A cache cannot be pickled.

    Besides what is said with each method: a key or a value of the wrong type is a TypeError, a key
    that is empty or longer than 65535 bytes an ArgumentError, and any call after ``close`` a
    ClosedError.  The latter two are ValueErrors.

    A value that was not stored is never passed over in silence: every method that stores raises
    RefusedError for one that the cache cannot hold, NoMemoryError when the system has no
    memory (the older value is gone in both cases, so that nobody is given what was meant to be
    replaced), and FullError when a no-evict cache is at its bound (nothing has changed).
    """

    __slots__ = ("__weakref__", "_handle")

    def __init__(
        self,
        max_entries: int | None = None,
        *,
        max_bytes: int | None = None,
        ttl: Duration | None = None,
        tti: Duration | None = None,
        policy: Literal["lru", "adaptive"] = "lru",
        no_evict: bool = False,
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
        policy: forget what was used longest ago ("lru"), or weigh how often, too ("adaptive").
        no_evict: never forget a live entry to make room: FullError instead.
        manual_clock: time stands still until ``advance_clock``, for tests.
        shards: 1 to 256; 0: chosen; 1: one exact global order of use.
        hash_seed: 0: random, which keeps crafted keys harmless.
        max_size, ttl_secs: other names for max_entries and ttl.
        """
        self._handle = CLOSED  # until it is open, for __repr__ and close
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
            | (_native.MANUAL_CLOCK if manual_clock else 0),
            shard_count=natural(shards, "shards", bits=32),
            max_entries=bound(max_entries, "max_entries"),
            max_bytes=bound(max_bytes, "max_bytes"),
            default_ttl_ms=durations.default_ms(ttl, "ttl")
            or durations.default_ms(ttl_secs, "ttl_secs"),
            default_tti_ms=durations.default_ms(tti, "tti"),
            hash_seed=natural(hash_seed, "hash_seed"),
        )
        self._handle = open_handle(options)

    # -- Closing ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Stops the sweeper and gives the memory back; further calls do nothing.

        Calls that other threads are in the middle of are finished first: the last of them takes the
        memory with it.  Values that are acquired stay readable until they are released.
        """
        handle, self._handle = self._handle, CLOSED
        if handle is not CLOSED:
            _native.sweeper_stop(handle, 0)  # ends triggers that wait; else "not running"

    @property
    def closed(self) -> bool:
        return self._handle is CLOSED

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a cache belongs to its process and cannot be copied or pickled")

    def __repr__(self) -> str:
        if self._handle is CLOSED:
            return "<cachecore.Cache closed>"
        stats = self.stats()
        return f"<cachecore.Cache of {stats.entries} entries, {stats.bytes_used} bytes>"

    # -- Reading ---------------------------------------------------------------------------------

    @overload
    def get(self, key: Key) -> bytes | None: ...
    @overload
    def get(self, key: Key, default: T) -> bytes | T: ...
    def get(self, key: Key, default: Any = None) -> Any:
        """The value, or ``default``.  Counts as a use, and as a hit or a miss."""
        if type(key) is not bytes:
            key = key_bytes(key)
        try:
            room = _rooms.pop()
        except IndexError:
            room = scratch.make()
        buffer, capacity, size, size_out = room
        status = _get(self._handle, key, _SIZE[len(key)], buffer, capacity, size_out)
        if status == 0:
            value = buffer[: size.value]
            _rooms.append(room)
            return value
        if status == _native.E_TOO_SMALL:
            return self._get_larger(key, room, default)
        _rooms.append(room)
        if status == _native.MISS:
            return default
        raise self._failure("cachecore_get", status, key)

    def _get_larger(self, key: bytes, room: scratch.Scratch, default: Any) -> Any:
        """Goes on with ``get`` for a value that did not fit, and may even have grown since."""
        status = _native.E_TOO_SMALL
        while status == _native.E_TOO_SMALL:
            room = scratch.exchange(room)
            buffer, capacity, size, size_out = room
            status = _get(self._handle, key, _SIZE[len(key)], buffer, capacity, size_out)
        value = buffer[: size.value]
        scratch.give_back(room)
        if status < 0:
            raise self._failure("cachecore_get", status, key)
        return value if status == _native.OK else default

    def __getitem__(self, key: Key) -> bytes:
        """As ``get``, but a KeyError for a miss."""
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def get_many(self, keys: Iterable[K]) -> dict[K, bytes]:
        """The values of those keys that are there, under the keys as given; one native call."""
        return batch.get_many(self._open(), keys, self.get)

    def acquire(self, key: Key) -> Lease:
        """Lends the value without copying it; KeyError for a miss.  Counts as ``get`` does.

        ``with cache.acquire(key) as view:`` gives a read-only memoryview until the block ends.
        """
        value = _native.Value()
        if self._on(_native.acquire, key, ctypes.byref(value)) == _native.MISS:
            raise KeyError(key)
        return Lease(value)

    def contains(self, key: Key) -> bool:
        """Whether there is a live entry.  Counts as nothing, also as ``key in cache``."""
        return self._on(_native.contains, key) == _native.OK

    __contains__ = contains

    def ttl(self, key: Key) -> float | None:
        """Seconds left to live, NEVER if it does not expire, None if it is not there.

        Time to idle is included, whichever ends first.  Counts as nothing.
        """
        left = ctypes.c_int64()
        if self._on(_native.ttl, key, ctypes.byref(left)) == _native.MISS:
            return None
        return durations.seconds_left(left.value)

    def inspect(self, key: Key) -> EntryInfo | None:
        """All about one entry, or None.  Counts as nothing."""
        info = _native.EntryInfo()
        if self._on(_native.inspect, key, ctypes.byref(info)) == _native.MISS:
            return None
        return EntryInfo.of(info)

    # -- Writing ---------------------------------------------------------------------------------

    def set(self, key: Key, value: Value, ttl: Duration | None = None) -> None:
        """Stores the value, or replaces the one that is there."""
        if type(key) is not bytes:
            key = key_bytes(key)
        if type(value) is not bytes:
            value = value_bytes(value)
        ttl_ms = _DEFAULT_TTL if ttl is None else ctypes.c_uint64(durations.ttl_ms(ttl))
        status = _set(self._handle, key, _SIZE[len(key)], value, _SIZE[len(value)], ttl_ms)
        if status != 0:
            raise self._failure("cachecore_set", status, key)

    def __setitem__(self, key: Key, value: Value) -> None:
        self.set(key, value)

    def set_until(self, key: Key, value: Value, when: datetime | float) -> None:
        """As ``set``, until a point of the wall clock: a datetime, or seconds since 1970.

        If that has passed, nothing is stored and the older value is dropped.  A datetime without
        a time zone is local time, as everywhere in Python.
        """
        self._store(_native.set_until, key, value, durations.deadline_ms(when))

    def add(self, key: Key, value: Value, ttl: Duration | None = None) -> bool:
        """As ``set``, but only if there is no live entry; whether it was stored."""
        return self._store(_native.add, key, value, durations.ttl_ms(ttl)) == _native.OK

    def replace(self, key: Key, value: Value, ttl: Duration | None = None) -> bool:
        """As ``set``, but only if there is a live entry; whether it was stored."""
        return self._store(_native.replace, key, value, durations.ttl_ms(ttl)) == _native.OK

    def compare_and_set(
        self, key: Key, value: Value, version: int, ttl: Duration | None = None
    ) -> bool:
        """As ``set``, but only if the live entry still has the version ``inspect`` reported.

        False if it has another one by now, or is not there.
        """
        expected = natural(version, "version")
        ttl_ms = durations.ttl_ms(ttl)
        status = self._store(_native.compare_and_set, key, value, expected, ttl_ms)
        return status == _native.OK

    def set_many(self, entries: Mapping[K, Value], ttl: Duration | None = None) -> None:
        """Stores all of a mapping, in order, in one native call.

        Every element is attempted.  If some were not stored, raises the error of the first; its
        ``keys`` are those concerned.
        """
        batch.set_many(self._open(), entries, durations.ttl_ms(ttl))

    def touch(self, key: Key, ttl: Duration | None = None) -> bool:
        """Gives a live entry a new lifetime from now, and counts as a use; whether it is there."""
        return self._on(_native.touch, key, durations.ttl_ms(ttl)) == _native.OK

    def increment(
        self,
        key: Key,
        delta: int = 1,
        *,
        initial: int | None = None,
        ttl: Duration | None = None,
    ) -> int:
        """Adds to a value that is a decimal number in text, atomically; returns the sum.

        An absent entry is stored as ``initial`` (None: as ``delta``, as if it had been 0) with the
        lifetime ``ttl``; an entry that is there keeps its deadline.  NotANumberError if the value
        is no number, RangeError if the sum does not fit 64 bits: neither changes anything.
        """
        initial = delta if initial is None else initial
        for number in (delta, initial):
            if not -(2**63) <= number < 2**63:
                raise RangeError(f"{number} does not fit 64 bits")
        total = ctypes.c_int64()
        ttl_ms = durations.ttl_ms(ttl)
        self._on(_native.increment, key, delta, initial, ttl_ms, ctypes.byref(total))
        return total.value

    def delete(self, key: Key) -> bool:
        """Removes the entry; whether it was live."""
        return self._on(_native.delete, key) == _native.OK

    def __delitem__(self, key: Key) -> None:
        """As ``delete``, but a KeyError if there was none."""
        if not self.delete(key):
            raise KeyError(key)

    def delete_many(self, keys: Iterable[Key]) -> int:
        """Removes entries in one native call; how many of them were live."""
        return batch.delete_many(self._open(), keys)

    # -- The cache as a whole --------------------------------------------------------------------

    def scan_records(self, prefix: Key = b"") -> Iterator[ScanRecord]:
        """The live entries whose keys begin with the prefix, a bounded amount of work at a time.

        An entry that is there from the beginning to the end is seen at least once, whatever else
        happens meanwhile; one that comes or goes may be missed, or seen twice.
        """
        wanted = key_bytes(prefix)
        buffer = (ctypes.c_uint64 * (_SCAN_BYTES // 8))()  # aligned as records are
        cursor, size = ctypes.c_uint64(), ctypes.c_size_t()
        unpack, header = _native.SCAN_RECORD.unpack_from, _native.SCAN_RECORD.size
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
            records = bytes(memoryview(buffer).cast("B")[: size.value])
            at = 0
            while at < len(records):
                record_size, key_size, value_size, ttl_ms = unpack(records, at)
                key = records[at + header : at + header + key_size]
                yield ScanRecord(key, value_size, durations.seconds_left(ttl_ms))
                at += record_size
            if cursor.value == 0:
                return

    def scan(self, prefix: Key = b"") -> Iterator[bytes]:
        """The keys that ``scan_records`` sees."""
        return (key for key, _, _ in self.scan_records(prefix))

    def __iter__(self) -> Iterator[bytes]:
        return self.scan()

    def keys(self) -> list[bytes]:
        """All keys, each once: a copy of what a scan saw."""
        return list(dict.fromkeys(self.scan()))

    def delete_prefix(self, prefix: Key) -> int:
        """Deletes every live entry whose key begins with the prefix, which must not be empty.

        Returns their number.  Walks the whole cache, in slices that others can get in between.
        """
        removed = ctypes.c_uint64()
        self._on(_native.delete_prefix, prefix, ctypes.byref(removed))
        return removed.value

    def clear(self) -> None:
        """Removes every entry and returns the memory to the system."""
        self._run(_native.clear)

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
        return removed.value

    def resize(self, max_entries: int | None = None, *, max_bytes: int | None = None) -> None:
        """Sets both bounds anew, None taking one away, and evicts until they hold.

        FullError if a no-evict cache holds more: it keeps its bounds.  StateError if lent values
        are in the way: the bounds are set, and hold once those are released.
        """
        entries, size = bound(max_entries, "max_entries"), bound(max_bytes, "max_bytes")
        self._run(_native.resize, entries, size)

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

    def _open(self) -> Handle:
        handle = self._handle
        if handle is CLOSED:
            raise ClosedError("the cache is closed")
        return handle

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

    def _store(self, function: Callable[..., int], key: Key, value: Value, *arguments: Any) -> int:
        """Calls a function of one key and a value."""
        content = value_bytes(value)
        return self._on(function, key, content, len(content), *arguments)

    def _failure(self, name: str, status: int, key: bytes = b"?") -> CacheCoreError:
        """The exception for what a function reported."""
        if self._handle is CLOSED:
            return ClosedError("the cache is closed")
        if status == _native.E_ARGUMENT and not 0 < len(key) <= _native.KEY_SIZE_MAX:
            name = f"{name}: a key has 1 to {_native.KEY_SIZE_MAX} bytes, this one {len(key)}"
        return error_for(status, name)
