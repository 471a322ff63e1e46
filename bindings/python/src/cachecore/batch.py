"""Many keys in one native call, a few hundred at a time.

The ctypes arrays have one fixed length, whatever the number of keys: ctypes makes a new type for
every other length, which costs more than the calls saved.  While a batch runs, it holds the
handle, so that a cache closed in the middle of it goes away after it.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, TypeVar

from . import _native
from .arguments import Key
from .handle import Handle

_CHUNK = 256
_Pointers = ctypes.c_char_p * _CHUNK
_Sizes = ctypes.c_size_t * _CHUNK
_Buffers = ctypes.c_void_p * _CHUNK
_Statuses = ctypes.c_int32 * _CHUNK
_Ttls = ctypes.c_uint64 * _CHUNK

K = TypeVar("K", bound=Key)
Failures = list[tuple[Key, int]]


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK))


class _Keys:
    """Keys laid end to end, as C sees them; to be kept while ``arguments`` are in use.

    Twice as fast as an array of c_char_p, but it copies: values are better left where they are.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._content = b"".join(keys)
        start = ctypes.c_void_p.from_buffer(ctypes.c_char_p(self._content)).value or 0
        self._sizes = array("L", map(len, keys))  # unsigned long: size_t, and wide as a pointer
        self._pointers = array("L", accumulate(self._sizes, initial=start))
        pointers, sizes = self._pointers.buffer_info()[0], self._sizes.buffer_info()[0]
        self.arguments = (len(keys), pointers, sizes)


class _Tray:
    """Room for one chunk of values, a slot of equal size for each."""

    SMALLEST_SLOT = 256
    LARGEST_SLOT = 16 * 1024

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.memory: Any = ctypes.create_string_buffer(slot * _CHUNK)
        start = ctypes.addressof(self.memory)
        self.slots = range(0, slot * _CHUNK, slot)
        self.buffers = _Buffers(*(start + offset for offset in self.slots))
        self.capacities = _Sizes(*[slot] * _CHUNK)
        self.sizes = _Sizes()
        self.statuses = _Statuses()


# Trays not in use; see scratch.py for why they are taken out.
_free: list[_Tray] = []


def get_many(
    handle: Handle, keys: Sequence[K], encoded: Sequence[bytes]
) -> Iterator[tuple[K, int, bytes]]:
    """Key, status and value of all that are not missing.

    The status is OK, E_TOO_SMALL for a value that is larger than a slot, or an error.
    """
    largest = 0
    try:
        tray = _free.pop()
    except IndexError:
        tray = _Tray(_Tray.SMALLEST_SLOT)
    for chunk in _chunks(len(keys)):
        asked = _Keys(encoded[chunk])
        room = (tray.buffers, tray.capacities, tray.sizes, tray.statuses)
        _native.get_many(handle, *asked.arguments, *room)
        outcomes = zip(keys[chunk], tray.statuses[:], tray.sizes[:], tray.slots)
        for key, status, size, start in outcomes:
            if status == _native.OK:
                yield key, status, tray.memory[start : start + size]
            elif status != _native.MISS:
                largest = max(largest, size)
                yield key, status, b""
    if tray.slot < largest <= _Tray.LARGEST_SLOT:
        tray = _Tray(1 << (largest - 1).bit_length())
    _free.append(tray)


def set_many(
    handle: Handle,
    keys: Sequence[Key],
    encoded: Sequence[bytes],
    values: Sequence[bytes],
    ttl_ms: int,
) -> Failures:
    """Stores all that can be stored; what could not."""
    ttls = _Ttls(*[ttl_ms] * _CHUNK) if ttl_ms else None
    failures: Failures = []
    statuses = _Statuses()
    for chunk in _chunks(len(keys)):
        named, contents = _Keys(encoded[chunk]), values[chunk]
        pointers, sizes = _Pointers(*contents), _Sizes(*map(len, contents))
        _native.set_many(handle, *named.arguments, pointers, sizes, ttls, statuses)
        failures += [(key, status) for key, status in zip(keys[chunk], statuses) if status]
    return failures


def delete_many(
    handle: Handle, keys: Sequence[Key], encoded: Sequence[bytes]
) -> tuple[int, Failures]:
    """How many live entries were removed, and what went wrong."""
    failures: Failures = []
    total = 0
    removed = ctypes.c_uint64()
    statuses = _Statuses()
    for chunk in _chunks(len(keys)):
        named = _Keys(encoded[chunk])
        _native.delete_many(handle, *named.arguments, statuses, ctypes.byref(removed))
        total += removed.value
        failures += [(key, status) for key, status in zip(keys[chunk], statuses) if status < 0]
    return total, failures
