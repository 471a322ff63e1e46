"""ByteStore through ctypes: the operations that the compiled path has in C, byte_store.c."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Mapping
from operator import index
from time import monotonic
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload

from . import _native, batch, durations, scratch
from .arguments import Key, Value, key_bytes, pairs, value_bytes
from .durations import Duration
from .errors import CacheCoreError, RangeError
from .handle import Handle, opened

T = TypeVar("T")
K = TypeVar("K", bound=Key)
V = TypeVar("V")

# What get and set use, one lookup away.
_get: Final = _native.get_boxed
_peek: Final = _native.peek_boxed
_set: Final = _native.set_boxed
_SIZE: Final = _native.SIZE
_DEFAULT_TTL: Final = _native.DEFAULT_TTL
_rooms: Final = scratch.free


class ByteStore(Generic[V]):
    """What of a cache is worth compiling; see Cache for what it means.

    As in C, no method calls another that a subclass may override, and arguments are looked at in
    the order in which they are given.
    """

    __slots__ = ("_decode_keys", "_dumps", "_handle", "_listening", "_loads")

    if not TYPE_CHECKING:  # as in C: a parameter may be left out, which typing allows from 3.13 on
        __class_getitem__ = classmethod(GenericAlias)

    _handle: Handle
    _dumps: Callable[[Any], Any] | None
    _loads: Callable[[bytes], Any] | None
    _listening: bool
    _decode_keys: bool  #: keys are text: bytes that are not UTF-8 are none

    def _exchange(self, handle: Handle, address: int) -> Handle | None:
        """Puts another handle in; the old one, None if there was none."""
        before = getattr(self, "_handle", None)
        self._handle = handle
        return before

    # -- Reading ---------------------------------------------------------------------------------

    @overload
    def get(self, key: Key) -> V | None: ...
    @overload
    def get(self, key: Key, default: T) -> V | T: ...
    def get(self, key: Key, default: Any = None) -> Any:
        """The value, or ``default``.  Counts as a use, and as a hit or a miss."""
        if type(key) is not bytes or self._decode_keys:
            key = key_bytes(key, self._decode_keys)
        try:
            room = _rooms.pop()  # scratch.take(), without the call
        except IndexError:
            room = scratch.make()
        buffer, capacity, size, size_out = room
        status = _get(self._handle, key, _SIZE[len(key)], buffer, capacity, size_out)
        if status == 0:
            value: Any = buffer[: size.value]
            _rooms.append(room)
            return value if self._loads is None else self._loads(value)
        if status == _native.E_TOO_SMALL:
            return self._peek(key, scratch.exchange(room), "cachecore_get", default)
        _rooms.append(room)
        if status == _native.MISS:
            return default
        raise self._failure("cachecore_get", status, key)

    def _get_live(self, key: Key, default: Any) -> Any:
        """As ``get``, but a miss is not counted."""
        return ByteStore.get(self, key, default) if ByteStore.contains(self, key) else default

    def _get_until(self, pair: tuple[bytes | None, float], key: Key) -> V | None:
        """As ``get`` of pair[0] + key, but None from the time pair[1] of CLOCK_MONOTONIC on, and if
        pair[0] is None.  (The reads of a tier.)"""
        prefix, until = pair
        name = key if type(key) is bytes else key_bytes(key)
        if prefix is None or monotonic() >= until:
            return None
        return ByteStore.get(self, prefix + name)

    @overload
    def peek(self, key: Key) -> V | None: ...
    @overload
    def peek(self, key: Key, default: T) -> V | T: ...
    def peek(self, key: Key, default: Any = None) -> Any:
        """As ``get``, but counts as nothing."""
        return self._peek(key_bytes(key, self._decode_keys), scratch.take(), "cachecore_peek", default)

    def _peek(self, key: bytes, room: scratch.Scratch, name: str, default: Any) -> Any:
        """What ``get`` goes on with, too, when a value did not fit: it has been counted."""
        while True:
            buffer, capacity, size, size_out = room
            status = _peek(self._handle, key, _SIZE[len(key)], buffer, capacity, size_out)
            if status != _native.E_TOO_SMALL:
                break
            room = scratch.exchange(room)  # it may have grown since
        value: Any = buffer[: size.value] if status == _native.OK else None
        scratch.give_back(room)
        if status < 0:
            raise self._failure(name, status, key)
        if status != _native.OK:
            return default
        return value if self._loads is None else self._loads(value)

    def __getitem__(self, key: Key) -> V:
        """As ``get``, but a KeyError for a miss."""
        value: Any = ByteStore.get(self, key, scratch.ABSENT)
        if value is scratch.ABSENT:
            raise KeyError(key)
        return value  # type: ignore[no-any-return]

    def contains(self, key: Key, /) -> bool:
        """Whether there is a live entry.  Counts as nothing, also as ``key in cache``."""
        return self._on(_native.contains, key) == _native.OK

    def __contains__(self, key: object) -> bool:
        return ByteStore.contains(self, key)  # type: ignore[arg-type]  # checked there

    def ttl(self, key: Key, /) -> float | None:
        """Seconds left to live, NEVER if it does not expire, None if it is not there.

        Time to idle is included, whichever ends first.  Counts as nothing.
        """
        left = ctypes.c_int64()
        if self._on(_native.ttl, key, ctypes.byref(left)) == _native.MISS:
            return None
        return durations.seconds_left(left.value)

    def get_many(self, keys: Iterable[K], /) -> dict[K, V]:
        """The values of those keys that are there, under the keys as given; one native call."""
        wanted = list(keys)
        found: dict[K, V] = {}
        failures: batch.Failures = []
        loads = self._loads
        encoded = self._encode(wanted)
        for key, status, content in batch.get_many(opened(self._handle), wanted, encoded):
            if status == _native.OK:
                value: Any = content if loads is None else loads(content)
                found[key] = value
            elif status == _native.E_TOO_SMALL:
                value = ByteStore.peek(self, key, scratch.ABSENT)
                if value is not scratch.ABSENT:
                    found[key] = value
            else:
                failures.append((key, status))
        self._raise_failures("cachecore_get_many", failures, len(wanted))
        return found

    # -- Writing ---------------------------------------------------------------------------------

    def set(self, key: Key, value: V | Value, ttl: Duration | None = None) -> None:
        """Stores the value, or replaces the one that is there."""
        if type(key) is not bytes or self._decode_keys:
            key = key_bytes(key, self._decode_keys)
        content: Any = value if self._dumps is None else self._dumps(value)
        if type(content) is not bytes:
            content = value_bytes(content)
        ttl_ms = _DEFAULT_TTL if ttl is None else ctypes.c_uint64(durations.ttl_ms(ttl))
        status = _set(self._handle, key, _SIZE[len(key)], content, _SIZE[len(content)], ttl_ms)
        if status != 0:
            raise self._failure("cachecore_set", status, key)
        if self._listening:
            self._deliver()

    def __setitem__(self, key: Key, value: V | Value) -> None:
        ByteStore.set(self, key, value)

    def add(self, key: Key, value: V | Value, ttl: Duration | None = None) -> bool:
        """As ``set``, but only if there is no live entry; whether it was stored."""
        name = key_bytes(key, self._decode_keys)
        given: Any = value if self._dumps is None else self._dumps(value)
        content = value_bytes(given)
        ttl_ms = durations.ttl_ms(ttl)
        status = self._on(_native.add, name, content, len(content), ttl_ms)
        if self._listening:
            self._deliver()
        return status == _native.OK

    def touch(self, key: Key, ttl: Duration | None = None) -> bool:
        """Gives a live entry a new lifetime from now, and counts as a use; whether it is there."""
        name = key_bytes(key, self._decode_keys)
        return self._on(_native.touch, name, durations.ttl_ms(ttl)) == _native.OK

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
        name = key_bytes(key, self._decode_keys)
        delta = self._number(delta)
        initial = delta if initial is None else self._number(initial)
        total = ctypes.c_int64()
        ttl_ms = durations.ttl_ms(ttl)
        self._on(_native.increment, name, delta, initial, ttl_ms, ctypes.byref(total))
        if self._listening:
            self._deliver()
        return total.value

    def _number(self, given: int) -> int:
        number = index(given)
        if not -(2**63) <= number < 2**63:
            raise self._out_of_range()
        return number

    def set_many(self, entries: Mapping[K, V | Value], ttl: Duration | None = None) -> None:
        """Stores all of a mapping, in order, in one native call.

        Every element is attempted.  If some were not stored, raises the error of the first; its
        ``keys`` are those concerned.
        """
        taken: list[tuple[K, Any]] = pairs(entries)
        keys, dumps = [key for key, _ in taken], self._dumps
        encoded = self._encode(keys)
        contents = [value_bytes(value if dumps is None else dumps(value)) for _, value in taken]
        ttl_ms = durations.ttl_ms(ttl)
        failures = batch.set_many(opened(self._handle), keys, encoded, contents, ttl_ms)
        if self._listening:
            self._deliver()
        self._raise_failures("cachecore_set_many", failures, len(keys))

    def delete(self, key: Key, /) -> bool:
        """Removes the entry; whether it was live."""
        removed = self._on(_native.delete, key) == _native.OK
        if self._listening:
            self._deliver()
        return removed

    def __delitem__(self, key: Key) -> None:
        """As ``delete``, but a KeyError if there was none."""
        if not ByteStore.delete(self, key):
            raise KeyError(key)

    def delete_many(self, keys: Iterable[Key], /) -> int:
        """Removes entries in one native call; how many of them were live."""
        wanted = list(keys)
        encoded = self._encode(wanted)
        total, failures = batch.delete_many(opened(self._handle), wanted, encoded)
        if self._listening:
            self._deliver()
        self._raise_failures("cachecore_delete_many", failures, len(wanted))
        return total

    def _encode(self, keys: Iterable[Key]) -> list[bytes]:
        text = self._decode_keys
        return [key_bytes(key, text) for key in keys]

    # -- What Cache adds, on either path ---------------------------------------------------------

    def _on(self, function: Callable[..., int], key: Key, *arguments: Any) -> int:
        raise NotImplementedError

    def _failure(self, name: str, status: int, key: Key = b"?") -> CacheCoreError:
        raise NotImplementedError

    def _out_of_range(self) -> RangeError:
        raise NotImplementedError

    def _raise_failures(self, name: str, failures: batch.Failures, count: int) -> None:
        raise NotImplementedError

    def _deliver(self) -> None:
        raise NotImplementedError
