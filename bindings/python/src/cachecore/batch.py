"""Many keys in one native call, a few hundred at a time.

The ctypes arrays have one fixed length, whatever the number of keys: ctypes makes a new type for
every other length, which costs more than the calls saved.  While a batch runs, it holds the
handle, so that a cache closed in the middle of it goes away after it.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeVar

from . import _native
from .arguments import Key, Value, key_bytes, value_bytes
from .errors import error_for
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
        start = ctypes.cast(ctypes.c_char_p(self._content), ctypes.c_void_p).value or 0
        self._sizes = array("L", map(len, keys))  # unsigned long: size_t, and wide as a pointer
        self._pointers = array("L", accumulate(self._sizes, initial=start))
        pointers, sizes = self._pointers.buffer_info()[0], self._sizes.buffer_info()[0]
        self.arguments = (len(keys), pointers, sizes)


def _raise_any(function: Callable[..., Any], failures: Failures, count: int) -> None:
    if failures:
        key, status = failures[0]
        name = function.__name__
        error = error_for(status, f"{name}: {len(failures)} of {count} keys, {key!r} first")
        error.keys = tuple(key for key, _ in failures)
        raise error


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


def get_many(handle: Handle, keys: Iterable[K], get: Callable[[K], bytes | None]) -> dict[K, bytes]:
    """The values found.  ``get`` fetches one that is larger than a slot."""
    wanted = list(keys)
    encoded = [key_bytes(key) for key in wanted]
    found: dict[K, bytes] = {}
    failures: Failures = []
    largest = 0
    try:
        tray = _free.pop()
    except IndexError:
        tray = _Tray(_Tray.SMALLEST_SLOT)
    for chunk in _chunks(len(wanted)):
        asked = _Keys(encoded[chunk])
        room = (tray.buffers, tray.capacities, tray.sizes, tray.statuses)
        _native.get_many(handle, *asked.arguments, *room)
        outcomes = zip(wanted[chunk], tray.statuses[:], tray.sizes[:], tray.slots)
        for key, status, size, start in outcomes:
            if status == _native.OK:
                found[key] = tray.memory[start : start + size]
            elif status == _native.E_TOO_SMALL:
                largest = max(largest, size)
                value = get(key)
                if value is not None:
                    found[key] = value
            elif status < 0:
                failures.append((key, status))
    if tray.slot < largest <= _Tray.LARGEST_SLOT:
        tray = _Tray(1 << (largest - 1).bit_length())
    _free.append(tray)
    _raise_any(_native.get_many, failures, len(wanted))
    return found


def set_many(handle: Handle, entries: Mapping[K, Value], ttl_ms: int) -> None:
    """Stores all that can be stored, then raises if some could not."""
    wanted = list(entries)
    encoded = [key_bytes(key) for key in wanted]
    values = [value_bytes(entries[key]) for key in wanted]
    ttls = _Ttls(*[ttl_ms] * _CHUNK) if ttl_ms else None
    failures: Failures = []
    statuses = _Statuses()
    for chunk in _chunks(len(wanted)):
        named, contents = _Keys(encoded[chunk]), values[chunk]
        pointers, sizes = _Pointers(*contents), _Sizes(*map(len, contents))
        _native.set_many(handle, *named.arguments, pointers, sizes, ttls, statuses)
        failures += [(key, status) for key, status in zip(wanted[chunk], statuses) if status]
    _raise_any(_native.set_many, failures, len(wanted))


def delete_many(handle: Handle, keys: Iterable[Key]) -> int:
    """How many live entries were removed."""
    wanted = list(keys)
    encoded = [key_bytes(key) for key in wanted]
    failures: Failures = []
    total = 0
    removed = ctypes.c_uint64()
    statuses = _Statuses()
    for chunk in _chunks(len(wanted)):
        named = _Keys(encoded[chunk])
        _native.delete_many(handle, *named.arguments, statuses, ctypes.byref(removed))
        total += removed.value
        failures += [(key, status) for key, status in zip(wanted[chunk], statuses) if status < 0]
    _raise_any(_native.delete_many, failures, len(wanted))
    return total
