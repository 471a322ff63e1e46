"""Many keys in one native call, a few hundred at a time.

Keys lie end to end in one block, and so do values: an array of pointers takes ctypes two to three times as
long to make.  What C writes goes to arrays of one fixed length, whatever the number of keys: ctypes makes
a new type for every other length, which costs more than the calls saved.  While a batch runs, it holds the
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
_BLOCK_BYTES = 1 << 20  # of values, after which a call takes no further one
_Sizes = ctypes.c_size_t * _CHUNK
_Statuses = ctypes.c_int32 * _CHUNK

K = TypeVar("K", bound=Key)
Failures = list[tuple[Key, int]]


def _chunks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK))


def _chunks_of(values: Sequence[bytes]) -> Iterator[slice]:
    """The same, in which no more is copied at once than a block has, or one value is."""
    start = size = 0
    for end, value in enumerate(values):
        if end - start == _CHUNK or (end > start and size + len(value) > _BLOCK_BYTES):
            yield slice(start, end)
            start, size = end, 0
        size += len(value)
    if start < len(values):
        yield slice(start, len(values))


class _Block:
    """Bytes laid end to end, as C sees them; to be kept while ``arguments`` are in use."""

    def __init__(self, elements: Sequence[bytes]) -> None:
        self._content = b"".join(elements)
        # unsigned long: size_t, one more than there are elements
        self._offsets = array("L", accumulate(map(len, elements), initial=0))
        self.arguments = (self._content, self._offsets.buffer_info()[0])


class _Arena:
    """Room for the values of one chunk."""

    SMALLEST = 256 * _CHUNK
    LARGEST = 16 * 1024 * _CHUNK

    def __init__(self, room: int) -> None:
        self.memory: Any = ctypes.create_string_buffer(room)
        self.sizes = _Sizes()
        self.statuses = _Statuses()


# Arenas not in use; see scratch.py for why they are taken out.
_free: list[_Arena] = []


def get_many(
    handle: Handle, keys: Sequence[K], encoded: Sequence[bytes]
) -> Iterator[tuple[K, int, bytes]]:
    """Key, status and value of all that are not missing.

    The status is OK, E_TOO_SMALL for a value that the arena had no room for, or an error.
    """
    largest = 0
    try:
        arena = _free.pop()
    except IndexError:
        arena = _Arena(_Arena.SMALLEST)
    room = len(arena.memory)
    for chunk in _chunks(len(keys)):
        asked = _Block(encoded[chunk])
        count = chunk.stop - chunk.start
        _native.get_packed(
            handle, count, *asked.arguments, arena.memory, room, arena.sizes, arena.statuses
        )
        start = needed = 0
        for key, status, size in zip(keys[chunk], arena.statuses[:count], arena.sizes[:count]):
            if status == _native.OK:
                yield key, status, arena.memory[start : start + size]
                start += size
            elif status != _native.MISS:
                needed += size
                yield key, status, b""
        largest = max(largest, start + needed)
    if room < largest and room < _Arena.LARGEST:
        arena = _Arena(min(_Arena.LARGEST, 1 << (largest - 1).bit_length()))
    _free.append(arena)


def set_many(
    handle: Handle,
    keys: Sequence[Key],
    encoded: Sequence[bytes],
    values: Sequence[bytes],
    ttl_ms: int,
) -> Failures:
    """Stores all that can be stored; what could not."""
    failures: Failures = []
    statuses = _Statuses()
    ttls = array("Q", [ttl_ms]) * min(len(keys), _CHUNK) if ttl_ms else None
    for chunk in _chunks_of(values):
        names, contents = _Block(encoded[chunk]), _Block(values[chunk])
        count = chunk.stop - chunk.start
        _native.set_packed(
            handle,
            count,
            *names.arguments,
            *contents.arguments,
            None if ttls is None else ttls.buffer_info()[0],
            statuses,
        )
        failures += [(key, status) for key, status in zip(keys[chunk], statuses[:count]) if status]
    return failures


def delete_many(
    handle: Handle, keys: Sequence[Key], encoded: Sequence[bytes]
) -> tuple[int, Failures]:
    """How many live entries were removed, and what went wrong."""
    failures: Failures = []
    statuses = _Statuses()
    total = 0
    removed = ctypes.c_uint64()
    for chunk in _chunks(len(keys)):
        names = _Block(encoded[chunk])
        count = chunk.stop - chunk.start
        _native.delete_packed(handle, count, *names.arguments, statuses, ctypes.byref(removed))
        total += removed.value
        failures += [
            (key, status) for key, status in zip(keys[chunk], statuses[:count]) if status < 0
        ]
    return total, failures
