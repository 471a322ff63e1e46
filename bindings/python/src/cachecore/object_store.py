"""ObjectStore without the compiled path: a dict beside the engine; see object_store.c."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Callable, Hashable, Iterator
from itertools import islice
from operator import attrgetter
from struct import Struct
from typing import Any, Final, TypeVar, overload

from . import _native, durations, removals, scratch
from .arguments import natural
from .durations import Duration
from .errors import CacheCoreError
from .handle import Handle
from .object_claims import ObjectClaims
from .object_slots import ID, ID_SIZE, Alike, Slot, changing, id_of, unvalued, without

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_MANY: Final = 64  # removals, of which more fit into one call; of those expired, a little
_TICK: Final = 0.004  # seconds, as the engine's clock has them
_TICKET: Final = Struct("@Q")  # what the engine stores as the value
_TRIES: Final = 1000


class ObjectStore(ObjectClaims[K, V]):
    """Objects by reference: what of ObjectCache is worth compiling.

    ``_table`` maps a hash to the slots of all keys that have it, as a tuple that is replaced when one
    changes.  A plain dict of keys would not do: it compares keys again while it changes, and what
    they run may use this cache.  The engine knows a key by an id that no other ever had, and stores
    a ticket under which ``_slots`` has the slot from when it is stored until its removal is reported.
    Tickets count on, so that they tell the order of storing, too.

    A key has a slot as long as somebody has a claim on it, if need be one without a value, of which
    ``_slots`` does not know.  So every deletion names the id that the claim is on, and voids it.

    As in C, no method calls another that a subclass may override, and a key is hashed once.

    A change here is several steps, and a signal handler may raise between any two.  What it leaves
    is ``_torn``, and the next change begins by making table and weight anew from the slots that the
    engine still knows.
    """

    __slots__ = (
        "_default_ttl_ms",
        "_deferring",
        "_handle",
        "_jitter_permille",
        "_listening",
        "_manual_clock",
        "_max_weight",
        "_notices",
        "_reaped",
        "_slots",
        "_spared_hits",
        "_spared_misses",
        "_spared_updates",
        "_table",
        "_ticket",
        "_torn",
        "_weigher",
        "_weight",
    )

    _handle: Handle
    _notices: list[tuple[K, V, int]] | None
    _listening: bool
    _weigher: Callable[[K, V], int] | None
    _deferring: bool  # of the compiled path, as the next three
    _manual_clock: bool
    _default_ttl_ms: int
    _jitter_permille: int
    _spared_hits: int  #: that the engine has not counted
    _spared_misses: int
    _spared_updates: int

    def _exchange(self, handle: Handle, address: int) -> Handle | None:
        """Puts another handle in, drops all references; the old handle, None if there was none."""
        before = getattr(self, "_handle", None)
        self._handle = handle
        self._table: dict[int, Alike[K, V]] = {}
        self._slots: dict[int, Slot[K, V]] = {}
        self._ticket = self._weight = 0
        self._reaped = -math.inf  # when nothing that had expired was left
        self._torn = False
        return before

    def _limit(self, max_entries: int, max_weight: int) -> None:
        """The bounds, 0 for none."""
        self._max_weight = max_weight

    def _flush(self) -> None:
        """Tells the engine of uses that wait: here none do."""

    def _find(self, key: K, hashed: int) -> tuple[Alike[K, V], Slot[K, V] | None]:
        """All slots of the key's hash, and the one of the key itself."""
        for _ in range(_TRIES):
            alike = self._table.get(hashed, ())
            for slot in alike:
                if slot.key is key or slot.key == key:
                    break
            else:
                slot = None
            if self._table.get(hashed, ()) is alike:
                return alike, slot
        raise RuntimeError("comparing keys of the cache changed the cache each time")

    # -- Reading ---------------------------------------------------------------------------------

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: T) -> V | T: ...
    def get(self, key: K, default: Any = None) -> Any:
        """The object, or ``default``.  Counts as a use, and as a hit or a miss."""
        hashed = hash(key)
        _, slot = self._find(key, hashed)
        id = id_of(hashed, slot)
        size = ctypes.c_size_t()
        ticket = ctypes.c_uint64()
        status = _native.get(
            self._handle, id, ID_SIZE, ctypes.byref(ticket), 8, ctypes.byref(size)
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
        value: Any = ObjectStore.get(self, key, scratch.ABSENT)
        if value is scratch.ABSENT:
            raise KeyError(key)
        return value  # type: ignore[no-any-return]

    def _look(self, key: K) -> Slot[K, V] | None:
        hashed = hash(key)
        _, slot = self._find(key, hashed)
        id = id_of(hashed, slot)
        status = _native.contains(self._handle, id, ID_SIZE)
        if status < 0:
            raise self._failure("cachecore_contains", status)
        return slot if status == _native.OK else None

    def contains(self, key: K, /) -> bool:
        """Whether there is a live entry.  Counts as nothing, also as ``key in cache``."""
        return self._look(key) is not None

    def __contains__(self, key: object) -> bool:
        wanted: Any = key  # unhashable is a TypeError there
        return ObjectStore.contains(self, wanted)

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
        ObjectStore.set(self, key, value)

    def add(self, key: K, value: V, ttl: Duration | None = None, weight: int | None = None) -> bool:
        """As ``set``, but only if there is no live entry; whether it was stored."""
        return self._put(_native.add, key, value, ttl, weight) == _native.OK

    def _put(
        self, function: Any, key: K, value: V, ttl: Duration | None, weight: int | None
    ) -> int:
        hashed = hash(key)
        ttl_ms = durations.ttl_ms(ttl)
        weight = self._weight_of(key, value, weight)
        if weight > self._max_weight > 0:
            self._remove(key, hashed)
            raise self._failure(function.__name__, _native.REFUSED)
        status: int | None = None
        while status is None:
            alike, before = self._find(key, hashed)
            with changing:
                if self._torn:
                    self._mend()
                if self._table.get(hashed, ()) is alike:
                    status = self._enter(function, before, key, value, weight, hashed, ttl_ms)
        return self._stored(function, status)

    def _weight_of(self, key: K, value: V, weight: int | None = None) -> int:
        if weight is None:
            weight = 1 if self._weigher is None else self._weigher(key, value)
        return natural(weight, "a weight")

    def _enter(
        self,
        function: Any,
        before: Slot[K, V] | None,
        key: K,
        value: V,
        weight: int,
        hashed: int,
        *arguments: Any,
    ) -> int:
        """Stores by a function of the engine's, in the place of another slot; the lock is held."""
        ticket = self._next_ticket()
        id = ID.pack(hashed, ticket) if before is None else before.id
        slot = Slot(key, value, id, weight, ticket)
        try:
            self._slots[ticket] = slot  # first, for another thread may read it at once
            status: int = function(self._handle, id, ID_SIZE, _TICKET.pack(ticket), 8, *arguments)
            if status == _native.OK:
                others = self._table.get(hashed, ())
                if before is not None:
                    others = without(others, before)
                    slot.claims, before.claims = before.claims, 0
                self._table[hashed] = (*others, slot)
                self._weight += weight
            else:
                self._slots.pop(ticket, None)
        except BaseException:
            self._torn = True
            raise
        return status

    def _next_ticket(self) -> int:
        self._ticket += 1
        return self._ticket

    def _stored(self, function: Any, status: int) -> int:
        self._reap()
        self._collect()
        if status < 0 or status == _native.REFUSED:
            raise self._failure(function.__name__, status)
        return status

    def _remove(self, key: K, hashed: int) -> Slot[K, V] | None:
        while True:
            alike, slot = self._find(key, hashed)
            id = id_of(hashed, slot)
            with changing:
                if self._table.get(hashed, ()) is alike:
                    status = _native.delete(self._handle, id, ID_SIZE)
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
        return self._remove(key, hash(key)) is not None

    def __delitem__(self, key: K) -> None:
        if self._remove(key, hash(key)) is None:
            raise KeyError(key)

    def pop(self, key: K, default: Any = scratch.ABSENT) -> Any:
        """Removes the entry and returns its object; else ``default``, or KeyError."""
        slot = self._remove(key, hash(key))
        if slot is not None:
            return slot.value
        if default is scratch.ABSENT:
            raise KeyError(key)
        return default

    # -- As a whole ------------------------------------------------------------------------------

    def _snapshot(self, limit: int) -> list[tuple[K, V]]:
        """A list of (key, value), one for each live entry, or for so many, the longest stored first."""
        if self._handle.value is None:
            raise self._failure("cachecore_scan", _native.E_ARGUMENT)
        size = 2 * limit
        while 0 < size < len(self._slots):
            with changing:  # so that what is being replaced is not missed
                first = [slot for slot in islice(self._slots.values(), size) if self._has(slot)]
            found = list(islice(self._live(first), limit))
            if len(found) == limit:
                return found
            size *= 4  # many have been replaced or have expired, and not yet been taken out
        slots = [slot for alike in list(self._table.values()) for slot in alike]
        slots.sort(key=attrgetter("ticket"))
        return list(islice(self._live(slots), limit or None))

    def _has(self, slot: Slot[K, V]) -> bool:
        hashed, _ = ID.unpack(slot.id)
        return any(one is slot for one in self._table.get(hashed, ()))

    def _live(self, slots: list[Slot[K, V]]) -> Iterator[tuple[K, V]]:
        for slot in slots:
            if _native.contains(self._handle, slot.id, ID_SIZE) == _native.OK:
                yield slot.key, slot.value

    def _entry(self, id: bytes) -> tuple[K, V, int] | None:
        """Key, value and weight of a live entry; None for a miss."""
        slot = self._slot_of(id)
        return None if slot is None else (slot.key, slot.value, slot.weight)

    def _slot_of(self, id: bytes) -> Slot[K, V] | None:
        ticket, size = ctypes.c_uint64(), ctypes.c_size_t()
        status = _native.peek(
            self._handle, id, ID_SIZE, ctypes.byref(ticket), 8, ctypes.byref(size)
        )
        return self._slots.get(ticket.value) if status == _native.OK else None

    def _pop_coldest(self) -> tuple[K, V] | None:
        """Removes the live entry that would be evicted next: (key, value), or None.

        What has expired is removed first, so that it is not passed over again and again.
        """
        _native.cleanup_expired(self._handle, 0, None)
        slot = None
        with changing:
            while id := self._coldest_id():  # again if its time was up meanwhile
                slot = self._slot_of(id)
                if slot and _native.delete(self._handle, id, ID_SIZE) == _native.OK:
                    break
                slot = None
        self._collect()
        return None if slot is None else (slot.key, slot.value)

    def _coldest_id(self) -> bytes | None:
        record = ctypes.create_string_buffer(_native.SCAN_RECORD.size + ID_SIZE)
        size = ctypes.c_size_t()
        status = _native.coldest(self._handle, 1, record, len(record), ctypes.byref(size), None)
        if status < 0:
            raise self._failure("cachecore_coldest", status)
        return record.raw[_native.SCAN_RECORD.size :] if size.value else None

    def _reap(self) -> None:
        """Removes a little of what has expired, at a write; ``_collect`` is to follow.

        Once for each tick of the clock, and at every write while more is left.
        """
        now = time.monotonic()
        if self._manual_clock or now - self._reaped >= _TICK:
            removed = ctypes.c_uint64()
            _native.cleanup_expired(self._handle, _MANY, ctypes.byref(removed))
            self._reaped = now if removed.value < _MANY else -math.inf

    def _tidy(self) -> None:
        """Removes what has expired, a little of it, because somebody met some."""
        _native.cleanup_expired(self._handle, _MANY, None)
        self._collect()

    def _collect(self) -> None:
        """Drops the references to what has left the cache, and evicts what weighs too much."""
        left: list[Slot[K, V]] = []  # whose finalizers run when the lock is free
        with changing:
            if self._torn:
                self._mend()
            try:
                self._take(left)
                removed = ctypes.c_uint64(1)
                while 0 < self._max_weight < self._weight and removed.value:
                    _native.evict(self._handle, 1, ctypes.byref(removed))
                    self._take(left)
            except BaseException:
                self._torn = True
                raise
        left.clear()
        if self._listening:
            self._deliver()

    def _take(self, left: list[Slot[K, V]]) -> None:
        count = _MANY
        while count >= _MANY and self._handle.value is not None:  # fewer are all there are
            taken, count = removals.take(self._handle), 0
            for count, (_, ticket_bytes, cause) in enumerate(taken, start=1):  # len may be @cached
                (ticket,) = _TICKET.unpack(ticket_bytes)
                slot = self._slots.pop(ticket, None)
                if slot is None:
                    continue
                left.append(slot)
                self._weight -= slot.weight
                self._take_out(slot)
                if self._listening and self._notices is not None:
                    self._notices.append((slot.key, slot.value, cause))

    def _take_out(self, slot: Slot[K, V]) -> None:
        """The slot is no longer in the table, or there is one without a value if the key is claimed."""
        hashed, _ = ID.unpack(slot.id)
        others = without(self._table.get(hashed, ()), slot)
        if slot.claims:  # which a slot that is not in the table has not
            left = unvalued(slot.key, slot.id, slot.ticket)
            left.claims, slot.claims = slot.claims, 0
            others = (*others, left)
        if others:
            self._table[hashed] = others
        else:
            self._table.pop(hashed, None)

    def _mend(self) -> None:
        """Makes table and weight anew; the lock is held.  Counts as no use."""
        known = [slot for slot in list(self._slots.values()) if self._slot_of(slot.id) is slot]
        self._slots = {slot.ticket: slot for slot in known}
        table: dict[int, Alike[K, V]] = {}
        for slot in known:
            hashed, _ = ID.unpack(slot.id)
            table[hashed] = (*table.get(hashed, ()), slot)
        self._table = table
        self._weight = sum(slot.weight for slot in known)
        self._torn = False

    def _drain(self) -> list[tuple[K, V, int]]:
        """What is to be told to the listener, each once."""
        with changing:
            notices, self._notices = self._notices, []
        return notices or []

    # -- What ObjectCache adds, on either path ---------------------------------------------------

    def _failure(self, name: str, status: int, key: object = None) -> CacheCoreError:
        raise NotImplementedError

    def _deliver(self) -> None:
        raise NotImplementedError
