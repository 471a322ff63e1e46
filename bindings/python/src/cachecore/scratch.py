"""Buffers for values on their way out, reused so that a read is one native call.

They are taken from a list for the duration of a call and put back after it.  A thread-local
buffer would not do: a signal handler, or a finalizer that the garbage collector runs, may read
from a cache in the middle of our own read, in our own thread.  ``pop`` and ``append`` are atomic,
so there is never a lock, and there are never more buffers than calls at one time.
"""

from __future__ import annotations

import ctypes
from typing import Any, TypeAlias

from . import _native

#: The buffer, its capacity, the size found, and a reference to that for the call.
Scratch: TypeAlias = tuple["ctypes.Array[ctypes.c_char]", ctypes.c_size_t, ctypes.c_size_t, Any]

#: Buffers not in use.
free: list[Scratch] = []

#: Stands for no value where None is one.
ABSENT: Any = object()

_SMALLEST = 4096
_LARGEST_KEPT = 256 * 1024


def make(size: int = _SMALLEST) -> Scratch:
    """A new buffer of at least so many bytes, rounded up so that a few sizes serve all."""
    capacity = max(_SMALLEST, 1 << (size - 1).bit_length()) if size <= _LARGEST_KEPT else size
    found = ctypes.c_size_t()
    buffer = ctypes.create_string_buffer(capacity)
    return buffer, _native.SIZE[capacity], found, ctypes.byref(found)


def take() -> Scratch:
    """A buffer for one call."""
    try:
        return free.pop()
    except IndexError:
        return make()


def exchange(scratch: Scratch) -> Scratch:
    """A buffer of the size found for one that was too small for it."""
    size = scratch[2].value
    if size > _LARGEST_KEPT:
        give_back(scratch)  # because the larger one will not be kept
    return make(size)


def give_back(scratch: Scratch) -> None:
    """Keeps the buffer for the next call, unless it is too large to lie around."""
    if len(scratch[0]) <= _LARGEST_KEPT:
        free.append(scratch)
