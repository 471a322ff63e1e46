"""ObjectStore without the compiled path: a dict beside the engine; see object_store.c."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Hashable
from struct import Struct
from typing import Any, Final, Generic, TypeVar, overload

from . import _native, durations, removals, scratch
from .arguments import natural
from .durations import Duration
from .errors import CacheCoreError
from .handle import Handle

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_ID: Final = Struct("@qQ")  # what the engine calls a key: its hash, and a number for equal hashes
_ID_SIZE: Final = _ID.size
_NOBODY: Final = _ID.pack(0, 2**64 - 1)  # no key's
_MANY: Final = 64  # removals, of which more fit into one call
_TICKET: Final = Struct("@Q")  # what it stores as the value


class _Slot(Generic[K, V]):
    __slots__ = ("id", "key", "value", "weight")

    def __init__(self, key: K, value: V, id: bytes, weight: int) -> None:
        self.key, self.value, self.id, self.weight = key, value, id, weight


class ObjectStore(Generic[K, V]):
    """Objects by reference: what of ObjectCache is worth compiling.

    ``_table`` maps a key to its slot.  The engine knows the slot by its id, and stores a ticket under
    which ``_slots`` has the slot from when it is stored until its removal is reported.
    """

    __slots__ = (
        "_default_ttl_ms",
        "_deferring",
        "_handle",
        "_ids",
        "_listening",
        "_manual_clock",
        "_max_entries",
        "_max_weight",
        "_notices",
        "_slots",
        "_spared",
        "_table",
        "_ticket",
        "_weigher",
        "_weight",
    )

    _handle: Handle
    _notices: list[tuple[K, V, int]] | None
    _listening: bool
    _weigher: Callable[[K, V], int] | None
    _deferring: bool  # of the compiled path, as the next two
    _manual_clock: bool
    _default_ttl_ms: int
    _spared: int  #: hits that the engine has not counted

    def _exchange(self, handle: Handle, address: int) -> Handle | None:
        """Puts another handle in, drops all references; the old handle, None if there was none."""
        before = getattr(self, "_handle", None)
        self._handle = handle
        self._table: dict[K, _Slot[K, V]] = {}
        self._slots: dict[int, _Slot[K, V]] = {}
        self._ids: dict[bytes, int] = {}  # of keys in the table, to keep equal hashes apart
        self._ticket = self._weight = 0
        return before

    def _limit(self, max_entries: int, max_weight: int) -> None:
        """The bounds, 0 for none."""
        self._max_entries, self._max_weight = max_entries, max_weight

    def _flush(self) -> None:
        """Tells the engine of uses that wait: here none do."""

    # -- Reading ---------------------------------------------------------------------------------

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: T) -> V | T: ...
    def get(self, key: K, default: Any = None) -> Any:
        """The object, or ``default``.  Counts as a use, and as a hit or a miss."""
        slot = self._table.get(key)
        id = _ID.pack(hash(key), 2**64 - 1) if slot is None else slot.id
        size = ctypes.c_size_t()
        ticket = ctypes.c_uint64()
        status = _native.get(
            self._handle, id, _ID_SIZE, ctypes.byref(ticket), 8, ctypes.byref(size)
        )
        if status == _native.OK:
            found = self._slots.get(ticket.value, slot)
            return default if found is None else found.value
        if status < 0:
            raise self._failure("cachecore_get", status)
        if slot is not None:
            self._tidy()
        return default

    def __getitem__(self, key: K) -> V:
        """As ``get``, but a KeyError for a miss."""
        value = self.get(key, scratch.ABSENT)
        if value is scratch.ABSENT:
            raise KeyError(key)
        return value

    def _look(self, key: K) -> _Slot[K, V] | None:
        slot = self._table.get(key)
        id = _NOBODY if slot is None else slot.id
        status = _native.contains(self._handle, id, _ID_SIZE)
        if status < 0:
            raise self._failure("cachecore_contains", status)
        return slot if status == _native.OK else None

    def contains(self, key: K) -> bool:
        """Whether there is a live entry.  Counts as nothing, also as ``key in cache``."""
        return self._look(key) is not None

    def __contains__(self, key: object) -> bool:
        return self.contains(key)  # type: ignore[arg-type]  # unhashable is a TypeError there

    def peek(self, key: K, default: Any = None) -> Any:
        """As ``get``, but counts as nothing."""
        slot = self._look(key)
        return default if slot is None else slot.value

    def _identify(self, key: K) -> bytes | None:
        """What the engine calls a live entry; None for a miss."""
        slot = self._look(key)
        return None if slot is None else slot.id

    # -- Writing ---------------------------------------------------------------------------------

    def set(self, key: K, value: V, ttl: Duration | None = None, weight: int | None = None) -> None:
        """Stores the object, or replaces the one that is there.

        RefusedError for an entry heavier than ``max_weight``: the older one is dropped, so that
        nobody is given what was meant to be replaced.
        """
        self._put(_native.set, key, value, ttl, weight)

    def __setitem__(self, key: K, value: V) -> None:
        self.set(key, value)

    def add(self, key: K, value: V, ttl: Duration | None = None, weight: int | None = None) -> bool:
        """As ``set``, but only if there is no live entry; whether it was stored."""
        return self._put(_native.add, key, value, ttl, weight) == _native.OK

    def _new_id(self, key: K) -> bytes:
        number = 0
        while (id := _ID.pack(hash(key), number)) in self._ids:
            number += 1
        return id

    def _put(
        self, function: Any, key: K, value: V, ttl: Duration | None, weight: int | None
    ) -> int:
        ttl_ms = durations.ttl_ms(ttl)
        if weight is None:
            weight = 1 if self._weigher is None else self._weigher(key, value)
        if 0 < self._max_weight < natural(weight, "a weight"):
            self.delete(key)
            raise self._failure(function.__name__, _native.REFUSED)
        before = self._table.get(key)
        id = self._new_id(key) if before is None else before.id
        slot = _Slot(key, value, id, weight)
        self._ticket = ticket = self._ticket + 1
        self._slots[ticket] = slot  # first, for another thread may read it at once
        self._ids[id] = ticket
        status: int = function(self._handle, id, _ID_SIZE, _TICKET.pack(ticket), 8, ttl_ms)
        if status == _native.OK:
            self._table[key] = slot
            self._weight += weight
        else:
            self._slots.pop(ticket, None)
            if before is None:
                self._ids.pop(id, None)
        self._collect()
        if status < 0 or status == _native.REFUSED:
            raise self._failure(function.__name__, status)
        return status

    def _remove(self, key: K) -> _Slot[K, V] | None:
        slot = self._table.get(key)
        id = _NOBODY if slot is None else slot.id
        status = _native.delete(self._handle, id, _ID_SIZE)
        if status < 0:
            raise self._failure("cachecore_delete", status)
        if slot is None:
            return None
        if status == _native.OK:
            self._collect()
            return slot
        self._tidy()
        return None

    def delete(self, key: K) -> bool:
        """Removes the entry; whether it was live."""
        return self._remove(key) is not None

    def __delitem__(self, key: K) -> None:
        if self._remove(key) is None:
            raise KeyError(key)

    def pop(self, key: K, default: Any = scratch.ABSENT) -> Any:
        """Removes the entry and returns its object; else ``default``, or KeyError."""
        slot = self._remove(key)
        if slot is not None:
            return slot.value
        if default is scratch.ABSENT:
            raise KeyError(key)
        return default

    # -- As a whole ------------------------------------------------------------------------------

    def _snapshot(self) -> list[tuple[K, V]]:
        """A list of (key, value), one for each live entry."""
        slots = list(self._table.values())
        if self._handle.value is None:
            raise self._failure("cachecore_scan", _native.E_ARGUMENT)
        return [
            (slot.key, slot.value)
            for slot in slots
            if _native.contains(self._handle, slot.id, _ID_SIZE) == _native.OK
        ]

    def _tidy(self) -> None:
        """Removes what has expired, a little of it, because somebody met some."""
        _native.cleanup_expired(self._handle, 64, None)
        self._collect()

    def _collect(self) -> None:
        """Drops the references to what has left the cache."""
        self._take()
        while 0 < self._max_weight < self._weight and self._table:
            weight = self._weight
            if len(self._table) == 1:
                _native.clear(self._handle)
            else:
                _native.resize(self._handle, len(self._table) - 1, 0)
                _native.resize(self._handle, self._max_entries, 0)
            self._take()
            if self._weight >= weight:
                break
        if self._listening:
            self._deliver()

    def _take(self) -> None:
        count = _MANY
        while count >= _MANY and self._handle.value is not None:  # fewer are all there are
            taken = removals.take(self._handle)
            count = 0
            for id, ticket_bytes, cause in taken:
                count += 1
                (ticket,) = _TICKET.unpack(ticket_bytes)
                slot = self._slots.pop(ticket, None)
                if slot is None:
                    continue
                self._weight -= slot.weight
                if self._ids.get(id) == ticket:
                    del self._ids[id]
                if self._table.get(slot.key) is slot:
                    del self._table[slot.key]
                if self._listening and self._notices is not None:
                    self._notices.append((slot.key, slot.value, cause))

    # -- What ObjectCache adds, on either path ---------------------------------------------------

    def _failure(self, name: str, status: int, key: object = None) -> CacheCoreError:
        raise NotImplementedError

    def _deliver(self) -> None:
        raise NotImplementedError
