"""Copies of a cache: another one with the same options, and with the entries that are live.

They are made entry by entry, by what everybody may call.  A value and its lifetime belong together
if the version was the same before and after they were read.

The engine says by its coarse clock, which is a few milliseconds behind, what is left of a lifetime,
and counts a new one by the exact clock.  So that no copy outlives its original, the difference of the
two is taken off: both are the system's, and can be read here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from time import CLOCK_MONOTONIC, clock_gettime_ns
from typing import Any, Final, TypeVar

from . import _native, scratch
from .errors import CacheCoreError
from .handle import Handle

T = TypeVar("T")

_CLOCK_MONOTONIC_COARSE: Final = 6  # of Linux; Python has no name for it
_MILLISECOND: Final = 1_000_000


def begin(cache: T) -> T:
    """An instance of the same class, not yet opened, with the attributes that a subclass has."""
    made = cache.__class__.__new__(cache.__class__)
    state: Any = object.__getstate__(cache)
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    if attributes:
        vars(made).update(attributes)
    for name, value in (slots or {}).items():  # ours, too, which opening replaces
        object.__setattr__(made, name, value)
    return made


def options(handle: Handle) -> _native.Options:
    """What a cache was opened with, and its bounds of this moment."""
    found = _native.Options()
    _native.get_options(handle, ctypes.byref(found))
    return found


def copy_entries(
    source: Handle,
    ids: list[bytes],
    read: Callable[[bytes], T | None],
    store: Callable[[bytes, T, int], object],
    drop: Callable[[bytes, T], object],
) -> None:
    """Stores what is still there, in this order, each with the lifetime that is left of it."""
    manual_clock = bool(options(source).flags & _native.MANUAL_CLOCK)
    for id in ids:
        stored: T | None = None
        while True:
            began = clock_gettime_ns(_CLOCK_MONOTONIC_COARSE)
            value, ttl_ms = _look(source, id, read)
            passed = 0 if manual_clock or ttl_ms == _native.TTL_NEVER else _passed_ms(began)
            if value is None or ttl_ms <= passed:
                if stored is not None:
                    drop(id, stored)
                break
            store(id, value, ttl_ms - passed)
            stored = value
            if not passed or _passed_ms(began) == passed:
                break
            # It was held up: once more, with less.


def _look(source: Handle, id: bytes, read: Callable[[bytes], T | None]) -> tuple[T | None, int]:
    """A value, and the lifetime that is left of it; None for a miss.  Counts as nothing."""
    before, after = _native.EntryInfo(), _native.EntryInfo()
    while _native.inspect(source, id, len(id), ctypes.byref(before)) == _native.OK:
        value = read(id)
        if value is None or _native.inspect(source, id, len(id), ctypes.byref(after)):
            break
        if after.version == before.version:
            return value, _native.TTL_NEVER if before.ttl_ms < 0 else before.ttl_ms
    return None, 0


def _passed_ms(since: int) -> int:
    """At least what the engine's clocks differ by, each of which rounds to the millisecond."""
    return -((since - clock_gettime_ns(CLOCK_MONOTONIC)) // _MILLISECOND) + 1


def copy_bytes(
    source: Handle, target: Handle, ids: list[bytes], failure: Callable[..., CacheCoreError]
) -> None:
    """``copy_entries`` of a cache of bytes."""

    def read(id: bytes) -> bytes | None:
        room = scratch.take()
        while True:
            buffer, capacity, size, size_out = room
            status = _native.peek(source, id, len(id), buffer, capacity, size_out)
            if status != _native.E_TOO_SMALL:
                break
            room = scratch.exchange(room)
        value: Any = buffer[: size.value] if status == _native.OK else None
        scratch.give_back(room)
        return value  # type: ignore[no-any-return]

    def store(id: bytes, value: bytes, ttl_ms: int) -> None:
        status = _native.set(target, id, len(id), value, len(value), ttl_ms)
        if status != _native.OK:
            raise failure("cachecore_set", status, id)

    def drop(id: bytes, value: bytes) -> None:
        _native.delete(target, id, len(id))

    copy_entries(source, ids, read, store, drop)
