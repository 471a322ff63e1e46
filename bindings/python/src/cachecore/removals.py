"""What has left a cache, and why; told to those who listen, outside every lock."""

from __future__ import annotations

import ctypes
import enum
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from . import _native
from .errors import error_for
from .handle import Handle

K = TypeVar("K")
V = TypeVar("V")

_log = logging.getLogger("cachecore")


class Cause(enum.IntEnum):
    """Why an entry left."""

    EXPIRED = _native.REMOVED_EXPIRED
    EVICTED = _native.REMOVED_EVICTED  #: forgotten to make room
    REPLACED = _native.REMOVED_REPLACED
    DELETED = _native.REMOVED_DELETED  #: by delete, clear, ..., or a refused write


class Removal(NamedTuple):
    """An entry that left."""

    key: Any
    value: Any
    cause: Cause


#: Called as ``listener(key, value, cause)`` for each removal.
Listener: TypeAlias = Callable[[Any, Any, Cause], object]


def take(handle: Handle, room: int = 4096) -> list[tuple[bytes, bytes, Cause]]:
    """Some of what has left, oldest first in each shard, each once; empty: there was nothing."""
    size = ctypes.c_size_t()
    while True:
        buffer = (ctypes.c_uint64 * (room // 8))()  # aligned as records are
        length = ctypes.sizeof(buffer)
        status = _native.take_removals(handle, buffer, length, ctypes.byref(size), None)
        if status != _native.E_TOO_SMALL:
            break
        room = size.value + 8
    if status == _native.MISS:
        return []
    if status < 0:
        raise error_for(status, "cachecore_take_removals")
    end = size.value
    records = bytes(memoryview(buffer).cast("B")[:end])
    unpack, header = _native.REMOVAL_RECORD.unpack_from, _native.REMOVAL_RECORD.size
    taken = []
    at = 0
    while at < end:
        record_size, value_size, key_size, cause = unpack(records, at)
        start = at + header
        middle = start + key_size
        key, value = records[start:middle], records[middle : middle + value_size]
        taken.append((key, value, Cause(cause)))
        at += record_size
    return taken


class Delivery(Generic[K, V]):
    """Brings removals to a listener, on the thread that made or met them.

    A listener may use the cache: what its own writes remove is delivered when it has returned.
    What it raises, or ``loads`` before it, is logged, and neither stops the others nor reaches the
    caller.
    """

    __slots__ = ("_busy", "_listener", "_loads")

    def __init__(
        self,
        listener: Callable[[K, V, Cause], object],
        loads: Callable[[Any], V] | None = None,
    ) -> None:
        if not callable(listener):
            raise TypeError("on_removal must be callable")
        self._listener = listener
        self._loads = loads
        self._busy: set[int] = set()  # threads that are delivering

    def copy(self) -> Delivery[K, V]:
        """To the same listener, of what has left another cache."""
        return Delivery(self._listener, self._loads)

    def deliver(self, fetch: Callable[[], Iterable[tuple[K, Any, Cause]]]) -> None:
        """Calls the listener for what ``fetch`` returns, until that is nothing."""
        thread = threading.get_ident()
        if thread in self._busy:
            return
        try:
            self._busy.add(thread)  # in here, for as soon as it is done a signal handler may raise
            while removals := fetch():
                for key, value, cause in removals:
                    self._tell(key, value, cause)
        finally:
            self._busy.discard(thread)

    def _tell(self, key: K, value: Any, cause: Cause) -> None:
        try:
            self._listener(key, value if self._loads is None else self._loads(value), cause)
        except Exception:
            _log.exception("a removal listener failed (%s)", cause.name.lower())
