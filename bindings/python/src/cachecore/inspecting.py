"""The part of Cache that tells more of entries than their values."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from . import _native, copying, durations, scratch
from .arguments import Key, key_bytes
from .errors import CacheCoreError
from .handle import Handle, opened
from .lease import Lease
from .stats import EntryInfo, Found

V = TypeVar("V")


class Inspected(Generic[V]):
    """A value in place, what is known of an entry, alone or with its value, and the lifetime by default."""

    __slots__ = ()

    _handle: Handle
    _loads: Callable[[bytes], Any] | None
    _decode_keys: bool
    peek: Callable[..., Any]

    def _on(self, function: Callable[..., int], key: Key, *arguments: Any) -> int:
        raise NotImplementedError

    def _failure(self, name: str, status: int, key: Key = b"?") -> CacheCoreError:
        raise NotImplementedError

    @property
    def default_ttl(self) -> float:
        """Seconds that an entry lives which is stored without a lifetime; NEVER: it does not expire.

        It is what was given as ``ttl``, to the millisecond.  ``ttl`` is the method that says how long
        one entry has left.  A cache that is ``shared`` has that of the process which created it.
        """
        options = copying.options(opened(self._handle))
        return durations.seconds_default(options.default_ttl_ms)

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

    def get_with_info(self, key: Key) -> Found[V] | None:
        """The value with its version and its time to live, read at once; None for a miss.

        Counts as ``get`` does.  It is how to store what depends on the value that is there, where
        ``get`` and then ``inspect`` would lose what another thread stores between the two::

            while found := cache.get_with_info(key):
                if cache.compare_and_set(key, change(found.value), found.version):
                    break
        """
        encoded, native = key_bytes(key, self._decode_keys), _native.EntryInfo()
        room = scratch.take()
        buffer, capacity, size, size_out = room
        status = _native.get_with_info(
            self._handle, encoded, len(encoded), buffer, capacity, size_out, ctypes.byref(native)
        )
        value: Any = buffer[: size.value]
        scratch.give_back(room)
        if status == _native.E_TOO_SMALL:  # it has been counted
            return self._large_with_info(encoded)
        if status < 0:
            raise self._failure("cachecore_get_with_info", status, key)
        if status == _native.MISS:
            return None
        return Found.of(value if self._loads is None else self._loads(value), EntryInfo.of(native))

    def _large_with_info(self, key: bytes) -> Found[V] | None:
        """The same counting as nothing: a value is of the version that is there before and after."""
        while (before := self.inspect(key)) is not None:
            value, after = self.peek(key, scratch.ABSENT), self.inspect(key)
            if after is not None and after.version == before.version:
                return Found.of(value, after)
        return None
