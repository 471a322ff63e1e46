"""ObjectStore without the compiled path: a dict beside the engine; see object_store.c."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Hashable
from struct import Struct
from typing import Any, Final, Generic, TypeAlias, TypeVar, overload

from . import _native, durations, removals, scratch
from .arguments import natural
from .durations import Duration
from .errors import CacheCoreError
from .handle import Handle

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_ID: Final = Struct("@qQ")  # what the engine calls a key: its hash, and its first slot's ticket
_ID_SIZE: Final = _ID.size
_NOBODY: Final = 2**64 - 1  # no slot's ticket
_MANY: Final = 64  # removals, of which more fit into one call
_TICKET: Final = Struct("@Q")  # what the engine stores as the value
_TRIES: Final = 1000

# Held from the last look at a table to the end of the change, the engine's part of it included, so
# that two threads cannot store one key twice.  No comparison, listener or finalizer of a value that
# left runs under it.  One for all stores, so that a fork can wait for it: the child finds every
# table whole, and the lock free.
_changing: Final = threading.RLock()
os.register_at_fork(
    before=_changing.acquire,
    after_in_parent=_changing.release,
    after_in_child=_changing.release,
)


class _Slot(Generic[K, V]):
    __slots__ = ("id", "key", "value", "weight")

    def __init__(self, key: K, value: V, id: bytes, weight: int) -> None:
        self.key, self.value, self.id, self.weight = key, value, id, weight


_Alike: TypeAlias = tuple[_Slot[K, V], ...]


class ObjectStore(Generic[K, V]):
    """Objects by reference: what of ObjectCache is worth compiling.

    ``_table`` maps a hash to the slots of all keys that have it, as a tuple that is replaced when one
    changes.  A plain dict of keys would not do: it compares keys again while it changes, and what
    they run may use this cache.  The engine knows a key by an id that no other ever had, and stores
    a ticket under which ``_slots`` has the slot from when it is stored until its removal is reported.
    """

    __slots__ = (
        "_default_ttl_ms",
        "_deferring",
        "_handle",
        "_listening",
        "_manual_clock",
        "_max_entries",
        "_max_weight",
        "_notices",
        "_slots",
        "_spared_hits",
        "_spared_misses",
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
    _spared_hits: int  #: that the engine has not counted
    _spared_misses: int

    def _exchange(self, handle: Handle, address: int) -> Handle | None:
        """Puts another handle in, drops all references; the old handle, None if there was none."""
        before = getattr(self, "_handle", None)
        self._handle = handle
        self._table: dict[int, _Alike[K, V]] = {}
        self._slots: dict[int, _Slot[K, V]] = {}
        self._ticket = self._weight = 0
        return before

    def _limit(self, max_entries: int, max_weight: int) -> None:
        """The bounds, 0 for none."""
        self._max_entries, self._max_weight = max_entries, max_weight

    def _flush(self) -> None:
        """Tells the engine of uses that wait: here none do."""

    def _find(self, key: K) -> tuple[int, _Alike[K, V], _Slot[K, V] | None]:
        """The hash of the key, all slots of that hash, and the one of the key itself."""
        hashed = hash(key)
        for _ in range(_TRIES):
            alike = self._table.get(hashed, ())
            for slot in alike:
                if slot.key is key or slot.key == key:
                    break
            else:
                slot = None
            if self._table.get(hashed, ()) is alike:
                return hashed, alike, slot
        raise RuntimeError("comparing keys of the cache changed the cache each time")

    # -- Reading ---------------------------------------------------------------------------------

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: T) -> V | T: ...
    def get(self, key: K, default: Any = None) -> Any:
        """The object, or ``default``.  Counts as a use, and as a hit or a miss."""
        hashed, _, slot = self._find(key)
        id = _id_of(hashed, slot)
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
        hashed, _, slot = self._find(key)
        id = _id_of(hashed, slot)
        status = _native.contains(self._handle, id, _ID_SIZE)
        if status < 0:
            raise self._failure("cachecore_contains", status)
        return slot if status == _native.OK else None

    def contains(self, key: K, /) -> bool:
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

    def _put(
        self, function: Any, key: K, value: V, ttl: Duration | None, weight: int | None
    ) -> int:
        ttl_ms = durations.ttl_ms(ttl)
        if weight is None:
            weight = 1 if self._weigher is None else self._weigher(key, value)
        if natural(weight, "a weight") > self._max_weight > 0:
            self.delete(key)
            raise self._failure(function.__name__, _native.REFUSED)
        status: int | None = None
        while status is None:
            hashed, alike, before = self._find(key)
            with _changing:
                if self._table.get(hashed, ()) is not alike:
                    continue
                self._ticket = ticket = self._ticket + 1
                id = _ID.pack(hashed, ticket) if before is None else before.id
                slot = _Slot(key, value, id, weight)
                self._slots[ticket] = slot  # first, for another thread may read it at once
                status = function(self._handle, id, _ID_SIZE, _TICKET.pack(ticket), 8, ttl_ms)
                if status == _native.OK:
                    others = alike if before is None else _without(alike, before)
                    self._table[hashed] = (*others, slot)
                    self._weight += weight
                else:
                    self._slots.pop(ticket, None)
        self._collect()
        if status < 0 or status == _native.REFUSED:
            raise self._failure(function.__name__, status)
        return status

    def _remove(self, key: K) -> _Slot[K, V] | None:
        while True:
            hashed, alike, slot = self._find(key)
            id = _id_of(hashed, slot)
            with _changing:
                if self._table.get(hashed, ()) is alike:
                    status = _native.delete(self._handle, id, _ID_SIZE)
                    break
        if status < 0:
            raise self._failure("cachecore_delete", status)
        if status == _native.OK:
            self._collect()
            return slot
        if slot is not None:
            self._tidy()
        return None

    def delete(self, key: K, /) -> bool:
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
        slots = [slot for alike in list(self._table.values()) for slot in alike]
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
        """Drops the references to what has left the cache, and evicts what weighs too much."""
        left: list[_Slot[K, V]] = []  # whose finalizers run when the lock is free
        with _changing:
            self._take(left)
            while 0 < self._max_weight < self._weight and self._slots:
                weight = self._weight
                if len(self._slots) == 1:
                    _native.clear(self._handle)
                else:
                    _native.resize(self._handle, len(self._slots) - 1, 0)
                    _native.resize(self._handle, self._max_entries, 0)
                self._take(left)
                if self._weight >= weight:
                    break
        left.clear()
        if self._listening:
            self._deliver()

    def _take(self, left: list[_Slot[K, V]]) -> None:
        count = _MANY
        while count >= _MANY and self._handle.value is not None:  # fewer are all there are
            taken, count = removals.take(self._handle), 0
            for count, (id, ticket_bytes, cause) in enumerate(taken, start=1):  # len may be @cached
                (ticket,) = _TICKET.unpack(ticket_bytes)
                slot = self._slots.pop(ticket, None)
                if slot is None:
                    continue
                left.append(slot)
                self._weight -= slot.weight
                hashed, _ = _ID.unpack(id)
                others = _without(self._table.get(hashed, ()), slot)
                if others:
                    self._table[hashed] = others
                else:
                    self._table.pop(hashed, None)
                if self._listening and self._notices is not None:
                    self._notices.append((slot.key, slot.value, cause))

    def _drain(self) -> list[tuple[K, V, int]]:
        """What is to be told to the listener, each once."""
        with _changing:
            notices, self._notices = self._notices, []
        return notices or []

    # -- What ObjectCache adds, on either path ---------------------------------------------------

    def _failure(self, name: str, status: int, key: object = None) -> CacheCoreError:
        raise NotImplementedError

    def _deliver(self) -> None:
        raise NotImplementedError


def _without(alike: _Alike[K, V], slot: _Slot[K, V]) -> _Alike[K, V]:
    return tuple(other for other in alike if other is not slot)


def _id_of(hashed: int, slot: _Slot[Any, Any] | None) -> bytes:
    """What the engine calls a key; without a slot, what it has nothing under."""
    return _ID.pack(hashed, _NOBODY) if slot is None else slot.id
