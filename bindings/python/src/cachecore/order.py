"""Entries in the order in which they would be evicted, or in the reverse of it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from . import _native
from .arguments import natural
from .handle import Handle
from .stats import ScanRecord

K = TypeVar("K")

_RECORD_MAX: Final = _native.SCAN_RECORD.size + _native.KEY_SIZE_MAX + 1  # a multiple of 8
_RECORD_USUAL: Final = 64


class Ordered(Generic[K]):
    """What every cache can tell of its order, and do by it."""

    __slots__ = ()

    _handle: Handle

    def _run(self, function: Callable[..., int], *arguments: object) -> int:
        raise NotImplementedError

    def _collect(self) -> None:
        raise NotImplementedError

    def _keys(self, ids: list[bytes]) -> list[K]:
        raise NotImplementedError

    def evict(self, count: int = 1) -> int:
        """Removes up to so many entries; how many it were.  StateError for a no-evict cache.

        Those that have expired go first, then others in the order in which they are evicted when
        room is needed.  A listener is told the one cause or the other.
        """
        removed = ctypes.c_uint64()
        self._run(_native.evict, natural(count, "count"), ctypes.byref(removed))
        self._collect()
        return removed.value

    def coldest(self, limit: int) -> list[K]:
        """Keys of up to so many live entries, those first that would be evicted first.

        With "lru" that is the order of use; with "adaptive" the likely order.  Counts as nothing.
        All writes wait meanwhile, some 100 ns for each key: ask for thousands, not for millions.
        """
        return self._keys(self._ids(_native.coldest, limit))

    def hottest(self, limit: int) -> list[K]:
        """As ``coldest``, from the other end."""
        return self._keys(self._ids(_native.hottest, limit))

    def _ids(self, function: Callable[..., int], limit: int = 2**64 - 1) -> list[bytes]:
        """What the engine calls them."""
        natural(limit, "limit")
        room = _RECORD_MAX + _RECORD_USUAL * min(limit, int(_native.count(self._handle)))
        size, count = ctypes.c_size_t(), ctypes.c_size_t()
        while True:
            buffer = (ctypes.c_uint64 * (room // 8))()  # aligned as records are
            self._run(function, limit, buffer, room, ctypes.byref(size), ctypes.byref(count))
            if count.value == limit or room - size.value >= _RECORD_MAX:
                records = bytes(memoryview(buffer).cast("B")[: size.value])
                return [record.key for record in ScanRecord.unpack(records)]
            room *= 2
