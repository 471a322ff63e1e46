"""Claims on the keys of an ObjectCache, which the engine knows by ids."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Hashable
from ctypes import c_int64, c_uint32, c_uint64
from typing import Any, ClassVar, Generic, TypeVar

from . import _native, scratch
from .claims import Claim
from .durations import Duration
from .handle import Handle
from .object_slots import ID, ID_SIZE, Alike, Slot, changing, unvalued

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class KeyedClaim(_native.Claim):
    """A claim and the id that it is on, which is there once there is a token; as in object_claims.c."""

    _fields_ = [
        ("hash", c_int64),
        ("ordinal", c_uint64),
        ("counted", c_uint32),  # whether the slot counts it
    ]

    def __init__(self, **fields: int) -> None:
        super().__init__(**fields)
        self.struct_size = ctypes.sizeof(_native.Claim)


class ObjectClaim(Claim):
    """A claim on a key of an ObjectCache."""

    __slots__ = ()

    _state_type: ClassVar[type[_native.Claim]] = KeyedClaim
    _blank: ClassVar[bytes] = bytes(KeyedClaim())

    def ask(self, key: Any) -> tuple[int, Any]:
        self._key = key
        return self._cache._get_or_claim(key, self._state)  # type: ignore[no-any-return]

    def fulfill_absent(self, ttl: Duration | None = None) -> bool:
        """None is that there is no value here: an object like any other, and found as fast."""
        return self.fulfill(None, ttl)

    def _name(self) -> bytes:
        native: Any = self._state
        return ID.pack(native.hash, native.ordinal)


class ObjectClaims(Generic[K, V]):
    """What a store without the compiled path does about claims; see object_claims.c."""

    __slots__ = ()

    _handle: Handle
    _max_weight: int
    _slots: dict[int, Slot[K, V]]
    _table: dict[int, Alike[K, V]]
    _torn: bool
    _enter: Callable[..., int]
    _find: Callable[[K, int], tuple[Alike[K, V], Slot[K, V] | None]]
    _mend: Callable[[], None]
    _next_ticket: Callable[[], int]
    _stored: Callable[[Any, int], int]
    _take_out: Callable[[Slot[K, V]], None]
    _weight_of: Callable[[K, V], int]
    _failure: Callable[[str, int], Exception]

    def _get_or_claim(self, key: K, claim: KeyedClaim) -> tuple[int, V | None]:
        hashed = hash(key)
        size, ticket = ctypes.c_size_t(), ctypes.c_uint64()
        status: int | None = None
        while status is None:
            alike, slot = self._find(key, hashed)
            with changing:
                if self._torn:
                    self._mend()
                if self._table.get(hashed, ()) is not alike:
                    continue
                found = slot
                if slot is None:
                    number = self._next_ticket()
                    slot = unvalued(key, ID.pack(hashed, number), number)
                claim.hash, claim.ordinal = ID.unpack(slot.id)
                status = _native.get_or_claim(
                    self._handle,
                    slot.id,
                    ID_SIZE,
                    ctypes.byref(ticket),
                    8,
                    ctypes.byref(size),
                    ctypes.byref(claim),
                )
                if claim.token:
                    if found is None:
                        self._table[hashed] = (*alike, slot)
                    slot.claims += 1
                    claim.counted = 1
                if status in (_native.OK, _native.STALE):
                    return status, self._slots[ticket.value].value
        if status < 0:
            raise self._failure("cachecore_get_or_claim", status)
        return status, None

    def _fulfill(self, key: K, value: V, ttl_ms: int, claim: KeyedClaim) -> int:
        weight, hashed = self._weight_of(key, value), claim.hash
        with changing:
            if self._torn:
                self._mend()
            before = self._claimed(claim)
            if before is None:
                status = _native.CONFLICT if self._handle.value else _native.E_ARGUMENT
            elif weight > self._max_weight > 0:
                _native.delete(self._handle, before.id, ID_SIZE)
                status = _native.REFUSED
            else:
                status = self._enter(
                    _native.fulfill, before, key, value, weight, hashed, ttl_ms, ctypes.byref(claim)
                )
            self._end(claim, 0)
        return self._stored(_native.fulfill, status)

    def _abandon(self, key: K, retry_ms: int, claim: KeyedClaim) -> None:
        with changing:
            self._end(claim, retry_ms)

    def _claimed(self, claim: KeyedClaim) -> Slot[K, V] | None:
        """The slot that counts the claim."""
        id = ID.pack(claim.hash, claim.ordinal)
        alike = self._table.get(claim.hash, ())
        return next((slot for slot in alike if slot.id == id), None) if claim.counted else None

    def _end(self, claim: KeyedClaim, retry_ms: int) -> None:
        """Ends a claim that the engine may have ended; the lock is held."""
        slot = self._claimed(claim)
        claim.counted = 0
        if slot is not None:
            slot.claims -= 1
            if slot.claims == 0 and slot.value is scratch.ABSENT:
                self._take_out(slot)
        if claim.token:
            id = ID.pack(claim.hash, claim.ordinal)
            _native.abandon(self._handle, id, ID_SIZE, retry_ms, ctypes.byref(claim))
            claim.token = 0
