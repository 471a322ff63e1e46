"""The part of Cache that goes through its keys."""

from __future__ import annotations

import ctypes
from abc import abstractmethod
from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from typing import Any, Final, Generic, TypeVar

from . import _native
from .arguments import HandedKey, Key, key_bytes
from .computing import Computing
from .errors import TooSmallError
from .stats import ScanRecord
from .views import LiveItems, LiveValues

V = TypeVar("V")

_FIRST_BYTES: Final = 4096  # of a scan, whose caller may want no more
_SCAN_BYTES: Final = 128 * 1024  # more than the largest record


class Scanned(Computing[Key, V, HandedKey], Generic[V, HandedKey]):
    """A scan goes through the cache a bounded amount of work at a time, and stops nobody."""

    __slots__ = ()

    _decode_keys: bool

    @abstractmethod
    def _run(self, function: Callable[..., int], *arguments: Any) -> int: ...

    @abstractmethod
    def _on(self, function: Callable[..., int], key: Key, *arguments: Any) -> int: ...

    @abstractmethod
    def _collect(self) -> None: ...

    def scan_records(self, prefix: Key = b"") -> Iterator[ScanRecord[HandedKey]]:
        """The live entries whose keys begin with the prefix, a bounded amount of work at a time.

        An entry that is there from the beginning to the end is seen at least once, whatever else
        happens meanwhile; one that comes or goes may be missed, or seen twice.
        """
        wanted = key_bytes(prefix, self._decode_keys)
        for page in self._pages(wanted):
            yield from page

    def _pages(self, prefix: bytes) -> Iterator[Iterator[ScanRecord[HandedKey]]]:
        cursor, room = ctypes.c_uint64(), _FIRST_BYTES
        while True:
            yield self._scan(cursor, prefix, room)
            if cursor.value == 0:
                return
            room = min(4 * room, _SCAN_BYTES)

    def _scan(
        self, cursor: ctypes.c_uint64, prefix: bytes, room: int
    ) -> Iterator[ScanRecord[HandedKey]]:
        """One call of the library, which moves the cursor; a larger room if one is needed."""
        start, size = cursor.value, ctypes.c_size_t()
        while True:
            buffer = (ctypes.c_uint64 * (room // 8))()  # aligned as records are
            into = (buffer, ctypes.sizeof(buffer), ctypes.byref(size), None)
            try:
                self._run(_native.scan, ctypes.byref(cursor), prefix, len(prefix), *into)
            except TooSmallError:
                cursor.value, room = start, size.value + 8
            else:
                records = bytes(memoryview(buffer).cast("B")[: size.value])
                return ScanRecord.unpack(records, self._decode_keys)

    def scan(self, prefix: Key = b"") -> Iterator[HandedKey]:
        """The keys that ``scan_records`` sees."""
        return (key for key, _, _ in self.scan_records(prefix))

    def __iter__(self) -> Iterator[HandedKey]:
        """All keys, each once: a copy of what a scan saw.

        The copy is made of the first keys, and of all others when those have been gone through, so that it
        takes no longer to begin in a large cache.
        """
        pages = self._pages(b"")
        first: dict[HandedKey, None] = {}
        while not first and (page := next(pages, None)) is not None:  # a closed cache says so now
            first = dict.fromkeys(key for key, _, _ in page)
        return self._all_keys(first, pages)

    @staticmethod
    def _all_keys(
        first: dict[HandedKey, None], pages: Iterator[Iterator[ScanRecord[HandedKey]]]
    ) -> Iterator[HandedKey]:
        yield from first
        for key in dict.fromkeys(key for page in pages for key, _, _ in page):
            if key not in first:
                yield key

    def keys(self) -> KeysView[HandedKey]:
        """The keys, as iterating gives them."""
        return KeysView(self)

    def items(self) -> ItemsView[HandedKey, V]:
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
        self._collect()
        return removed.value
